"""Runs the download in a process of its own, watched, and ended whole whatever happens.

The child gets an empty home, nothing of the environment that speaks to the client, and a pipe
that tells it when we are gone: it must not write into the staging directory of a later try.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lockgate
from lockgate.fetch.deadline import Deadline
from lockgate.fetch.outcome import FetchProblem, FetchReason
from lockgate.fetch.processes import end_with_descendants
from lockgate.fetch.report import Report

_LOOK_SECONDS = 0.1
_MEASURE_SECONDS = 1.0


def run_download(task: dict[str, Any], deadline: Deadline, report: Report) -> str:
    """What the child answers; raises FetchProblem when time is up or it brings too much."""
    with _started(task["maxBytes"], Path(task["staging"])) as child:
        return child.ask(task, deadline, report)


class _Child:
    def __init__(self, process: subprocess.Popen[bytes], staging: Path, max_bytes: int) -> None:
        self._process = process
        self._staging = staging
        self._max_bytes = max_bytes
        self._measured = time.monotonic()

    def ask(self, task: dict[str, Any], deadline: Deadline, report: Report) -> str:
        question: bytes | None = json.dumps(task).encode()
        while True:
            deadline.check()
            try:
                answer, complaints = self._process.communicate(question, timeout=_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                question = None
            self._measure(report)
        if not answer:
            report.warn(
                "the client's process ended without an answer",
                exit_code=self._process.returncode,
                # Blanked before it is cut, or else half a key could stay.
                said=complaints.decode(errors="replace").replace(task["apiKey"], "...")[-2000:],
            )
        return answer.decode(errors="replace")

    def _measure(self, report: Report) -> None:
        if time.monotonic() - self._measured < _MEASURE_SECONDS:
            return
        self._measured = time.monotonic()
        brought = _bytes_below(self._staging)
        if brought > self._max_bytes:
            raise FetchProblem(
                FetchReason.TOO_LARGE,
                f"the registry sent more than the {self._max_bytes} bytes allowed; raise --max-bytes",
            )
        report.progress("fetching", brought)


@contextlib.contextmanager
def _started(max_bytes: int, staging: Path) -> Iterator[_Child]:
    lifeline, ours = os.pipe()
    with (
        tempfile.TemporaryDirectory(prefix="lockgate-fetch-", ignore_cleanup_errors=True) as scratch,
        os.fdopen(ours, "wb"),
    ):
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "lockgate.fetch.download", str(lifeline)],
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
            yield _Child(process, staging, max_bytes)
        finally:
            end_with_descendants(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _environment(scratch: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "WANDB_" not in name}
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
