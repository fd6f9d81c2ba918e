"""Runs a download, or a copy, in a process of its own, watched, and ended whole whatever happens.

The child gets an empty home, nothing of the environment that speaks to the client, and a pipe
that tells it when we are gone: it must not write into the staging directory of a later try.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lockgate
from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.asked import PROGRESS
from lockgate.fetch.deadline import Deadline
from lockgate.fetch.report import Report
from lockgate.fetch.secrets import blanked
from lockgate.fetch.sources import SOURCES
from lockgate.processes import end_with_descendants

_LOOK_SECONDS = 0.1
_MEASURE_SECONDS = 1.0
# A volume that let nothing pass for so long is not waited for.
PATIENCE_SECONDS = 60.0


def run_download(task: dict[str, Any], deadline: Deadline, report: Report) -> str:
    """What the child answers; raises FetchProblem when time is up or it brings too much."""

    def look() -> None:
        brought = _bytes_below(Path(task["staging"]))
        if brought > task["maxBytes"]:
            raise FetchProblem(
                FetchReason.TOO_LARGE,
                f"the registry sent more than the {task['maxBytes']} bytes allowed; raise --max-bytes",
            )
        report.progress("fetching", brought)

    with _started("lockgate.fetch.download") as (child, _):
        return child.ask(task, deadline, report, look)


def run_cache(
    task: dict[str, Any],
    deadline: Deadline,
    report: Report,
    *,
    until: float = math.inf,
    patience: float = PATIENCE_SECONDS,
    module: str = "lockgate.fetch.cache_process",
) -> str:
    """What the cache answers; raises FetchProblem when time is up or it stands still.

    `until` is how many seconds after the start of the fetch it must have answered.
    """
    with _started(module) as (child, scratch):
        done, since = 0, time.monotonic()

        def look() -> None:
            nonlocal done, since
            now, seen = time.monotonic(), _number_in(scratch / PROGRESS)
            if seen != done:
                done, since = seen, now
            elif now - since > patience:
                raise FetchProblem(FetchReason.MISSING_FILE, f"its volume stood still for {patience:g} s")
            if deadline.elapsed > until:
                raise FetchProblem(FetchReason.MISSING_FILE, f"its volume was too slow for {until:g} s")
            report.progress("copying", done)

        return child.ask(task, deadline, report, look)


class _Child:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._measured = time.monotonic()

    def ask(self, task: dict[str, Any], deadline: Deadline, report: Report, look: Callable[[], None]) -> str:
        """Its answer; `look` is called every second, and what it raises ends the child."""
        question: bytes | None = json.dumps(task).encode()
        while True:
            deadline.check()
            try:
                answer, complaints = self._process.communicate(question, timeout=_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                question = None
            if time.monotonic() - self._measured >= _MEASURE_SECONDS:
                self._measured = time.monotonic()
                look()
        if not answer or self._process.returncode:
            report.warn(
                "the process that was asked ended badly",
                exit_code=self._process.returncode,
                # Blanked before it is cut, or else half a key could stay.
                said=blanked(complaints.decode(errors="replace"), task.get("apiKey", ""))[-2000:],
            )
        return answer.decode(errors="replace")


@contextlib.contextmanager
def _started(module: str) -> Iterator[tuple[_Child, Path]]:
    """A child that runs the module in a directory of its own, which is gone with it."""
    lifeline, ours = os.pipe()
    with (
        tempfile.TemporaryDirectory(prefix="lockgate-fetch-", ignore_cleanup_errors=True) as scratch,
        os.fdopen(ours, "wb"),
    ):
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(lifeline)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=scratch,
                env=_environment(scratch),
                pass_fds=(lifeline,),
                start_new_session=True,
            )
        finally:
            os.close(lifeline)
        try:
            yield _Child(process), Path(scratch)
        finally:
            end_with_descendants(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _environment(scratch: str) -> dict[str, str]:
    speaks_to_clients = tuple(source.PREFIX for source in SOURCES.values())
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(prefix in name for prefix in speaks_to_clients)
    }
    source = str(Path(lockgate.__file__).parents[1])
    inherited = [str(Path(path).absolute()) for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    return kept | {
        "HOME": scratch,
        "TMPDIR": scratch,
        # Keys for file hosts must not come from a file that happens to lie around.
        "NETRC": os.devnull,
        "PYTHONPATH": os.pathsep.join([source, *inherited]),
    }


def _bytes_below(directory: Path) -> int:
    total = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += Path(parent, name).lstat().st_size
    return total


def _number_in(path: Path) -> int:
    # It may be read while it is written.
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return 0
