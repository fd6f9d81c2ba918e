"""The part of a fetch that runs a registry's client, in a process that may be killed.

A client can hang for many minutes and need not check what it has transferred, so it runs under
its parent's deadline, and nothing that it brings is believed. Reads its task as JSON from
standard input, answers with one JSON line on standard output.
"""

import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.asked import answer_parent
from lockgate.fetch.digests import Algorithm
from lockgate.fetch.manifest import Entry
from lockgate.fetch.sources import source_of


def read_answer(text: str) -> list[Entry]:
    """Read the child's answer, whatever it is; raises FetchProblem with what it reports."""
    if not text:
        raise FetchProblem(
            FetchReason.INTERNAL_ERROR,
            "the registry's client ended without an answer; it may have run out of memory",
        )
    try:
        match json.loads(text):
            case {"reason": str(reason), "message": str(message)}:
                raise FetchProblem(FetchReason(reason), message)
            case {"entries": list(entries)}:
                return read_entries(entries)
    # RecursionError: an answer may be nothing but brackets.
    except (ValueError, RecursionError):
        pass
    raise FetchProblem(FetchReason.INTERNAL_ERROR, "the registry's client gave an answer that cannot be read")


def read_entries(raw: Sequence[object]) -> list[Entry]:
    """Entries as they went between processes; raises ValueError."""
    return [_read_entry(entry) for entry in raw]


def as_answer(entries: Sequence[Entry]) -> dict[str, Any]:
    """What `read_answer` reads."""
    return {"entries": [asdict(entry) for entry in entries]}


def _read_entry(raw: object) -> Entry:
    match raw:
        case {"path": str(path), "size": int(size), "digest": str(digest), "algorithm": str(algorithm)}:
            return Entry(path=path, size=size, digest=digest, algorithm=Algorithm(algorithm))
    raise ValueError("no entry of ours")


def _answer(task: dict[str, Any]) -> dict[str, Any]:
    try:
        return as_answer(source_of(task["uri"]).download(task))
    except FetchProblem as problem:
        return {"reason": problem.reason.value, "message": problem.message}
    except Exception as error:
        # A defect of ours; the parent shows its traceback.
        traceback.print_exc()
        said = f"the fetch failed unexpectedly ({type(error).__name__}); its log has the details"
        return {"reason": FetchReason.INTERNAL_ERROR.value, "message": said}


if __name__ == "__main__":
    sys.exit(answer_parent(_answer))
