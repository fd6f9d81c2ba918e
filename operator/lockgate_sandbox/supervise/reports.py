"""What a starting world tells whoever waits for it: steps with times, then ready or failed.

One JSON line per report through a pipe. Nobody need listen: a report without a reader is dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a report means."""

    STEP = "step"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """One message of a starting world; `seconds` counts from its start."""

    kind: Kind
    text: str
    seconds: float


class Reporter:
    """The writing end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        """Say that a part of the start is done."""
        self._send(Kind.STEP, text)

    def seconds(self) -> float:
        """How long the start has taken so far."""
        return round(time.monotonic() - self._began, 2)

    def ready(self) -> None:
        """Say that the world can be used and close the pipe."""
        self._send(Kind.READY, "ready")
        self.close()

    def failed(self, sentence: str) -> None:
        """Say why there will be no world and close the pipe."""
        self._send(Kind.FAILED, sentence)
        self.close()

    def close(self) -> None:
        """Close the pipe; later reports go nowhere."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _send(self, kind: Kind, text: str) -> None:
        line = json.dumps(asdict(Report(kind, text, self.seconds()))) + "\n"
        with contextlib.suppress(OSError):
            os.write(self._fd, line.encode())


def read_reports(fd: int) -> Iterator[Report]:
    """Reports in the order they come, until the last writer has gone. Closes `fd`."""
    with os.fdopen(fd) as lines:
        for line in lines:
            raw = json.loads(line)
            yield Report(Kind(raw["kind"]), raw["text"], raw["seconds"])
