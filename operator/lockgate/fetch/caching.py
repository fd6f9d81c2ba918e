"""What a fetch does with its cache: first looks there, last puts in what it had to download.

Nothing that goes wrong with a cache ends a fetch. It is told, and the registry is asked as if there
were none; so is what it brought proved, like every other version.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.child import run_cache
from lockgate.fetch.deadline import Deadline
from lockgate.fetch.download import as_answer, read_answer
from lockgate.fetch.manifest import Entry
from lockgate.fetch.proof import Proven, prove
from lockgate.fetch.report import Report

Brought = tuple[list[Entry], Proven]
"""What came, and what was proved of it."""


def proving(deadline: Deadline, report: Report) -> Callable[[int], None]:
    """What a proof tells of the bytes that it read, within the deadline."""
    read = 0

    def tell(more: int) -> None:
        nonlocal read
        read += more
        deadline.check()
        report.progress("proving", read)

    return tell


@dataclass(slots=True, kw_only=True)
class Caching:
    """The cache of one fetch."""

    directory: Path
    uri: str
    claim: str
    max_bytes: int
    deadline: Deadline
    report: Report
    _was_unfit: bool = False

    def bring(self, staging: Path, *, max_bytes: int, max_files: int) -> Brought | None:
        """The proved version, in the staging directory; None when the registry must be asked.

        What is in the directory then is to be removed. Raises FetchProblem when no other way can help.
        """
        bounds = {"maxBytes": max_bytes, "maxFiles": max_files}
        task = self._task() | bounds | {"staging": str(staging.absolute())}
        try:
            # A slow cache leaves the registry its time.
            answer = run_cache(task, self.deadline, self.report, until=self.deadline.half)
            entries = _entries(answer)
            if entries:
                return entries, prove(staging, entries, proving(self.deadline, self.report))
        except (FetchProblem, OSError) as error:
            self.deadline.check()
            if isinstance(error, FetchProblem) and error.reason is FetchReason.NO_SPACE:
                raise  # for the model, wherever it comes from
            self._was_unfit = True
            self.report.warn("the cache cannot be used", uri=self.uri, message=_why(error))
            return None
        self.report.say("not in the cache", uri=self.uri)
        return None

    def keep(self, tree: Path, entries: Sequence[Entry]) -> None:
        """Put in what was handed over; that must not fail any more."""
        task = (
            self._task()
            | as_answer(entries)
            | {
                "tree": str(tree.absolute()),
                "cacheBytes": self.max_bytes,
                "replace": self._was_unfit,
            }
        )
        try:
            said = _said(run_cache(task, self.deadline, self.report))
        except (FetchProblem, OSError) as error:
            said = f"not kept: {_why(error)}"
        self.report.say("cache", uri=self.uri, said=said)

    def _task(self) -> dict[str, object]:
        return {"cache": str(self.directory.absolute()), "uri": self.uri, "claim": self.claim}


def _why(error: FetchProblem | OSError) -> str:
    return error.message if isinstance(error, FetchProblem) else str(error.strerror)


def _entries(answer: str) -> list[Entry]:
    if not answer:
        raise FetchProblem(FetchReason.INTERNAL_ERROR, "its process ended without an answer")
    return read_answer(answer)


def _said(answer: str) -> str:
    try:
        match json.loads(answer):
            case {"said": str(said)}:
                return said
            case {"message": str(message)}:
                return f"not kept: {message}"
    except ValueError:
        pass
    return "not kept: the cache's process gave no answer"
