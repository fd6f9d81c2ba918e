"""Runs the download in a process group of its own, under a deadline, killed whole at its end.

While it runs, its progress goes to standard error as JSON lines every few seconds.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from lockgate.fetch.outcome import FetchProblem, FetchReason

_log = structlog.get_logger(__name__)
_PROGRESS_SECONDS = 5.0


class Interrupted(BaseException):
    """SIGTERM came: the pod is on its way out."""


def run_download(task: dict[str, Any], deadline: float) -> str:
    """What the child answers; raises FetchProblem after `deadline` seconds."""
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "lockgate.fetch.download"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    question: str | None = json.dumps(task)
    try:
        while True:
            left = started + deadline - time.monotonic()
            if left <= 0:
                raise FetchProblem(
                    FetchReason.DEADLINE, f"{task['reference']} could not be fetched within {deadline:g} s"
                )
            try:
                answer, _ = child.communicate(question, timeout=min(left, _PROGRESS_SECONDS))
            except subprocess.TimeoutExpired:
                question = None
                _log.info(
                    "fetching",
                    bytes=_bytes_below(Path(task["staging"])),
                    seconds=round(time.monotonic() - started, 1),
                )
            else:
                return answer
    finally:
        _kill(child)


def _kill(child: subprocess.Popen[str]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


def _bytes_below(directory: Path) -> int:
    total = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            try:
                total += Path(parent, name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
