"""What was asked of the registry: the last requests in memory, all of them as JSON lines on disk.

Neither keys nor signed addresses are ever recorded. Safe to read from another thread.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

REMEMBERED = 10_000
LARGEST_FILE = 64 * 1024 * 1024  # bytes; then the file becomes `.1` and a new one is begun


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request. `lookups` counts versions looked up by name, however many one query asked for."""

    number: int = 0
    at: str
    method: str
    path: str
    operations: list[str] = field(default_factory=list)
    user: str = ""
    status: int = 0  # 0: the connection ended without an answer
    lookups: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums since the start or the last `clear`."""

    requests: int = 0
    graphql: int = 0
    lookups: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def plus(self, record: RequestRecord) -> Totals:
        return Totals(
            requests=self.requests + 1,
            graphql=self.graphql + (record.path == "/graphql"),
            lookups=self.lookups + record.lookups,
            bytes_in=self.bytes_in + record.bytes_in,
            bytes_out=self.bytes_out + record.bytes_out,
        )


class RequestLog:
    """Counts and keeps requests."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: TextIO = file.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._records: deque[RequestRecord] = deque(maxlen=REMEMBERED)
        self._totals = Totals()
        self._number = 0

    def add(self, record: RequestRecord) -> None:
        with self._lock:
            self._number += 1
            record.number = self._number
            self._records.append(record)
            self._totals = self._totals.plus(record)
            if self._stream.closed:
                return  # a request may outlive the server by a moment
            self._stream.write(json.dumps(dataclasses.asdict(record)) + "\n")
            self._stream.flush()
            if self._stream.tell() > LARGEST_FILE:
                self._begin_new_file()

    def _begin_new_file(self) -> None:
        self._stream.close()
        self._file.replace(self._file.with_name(self._file.name + ".1"))
        self._stream = self._file.open("a", encoding="utf-8")

    def records(self, *, after: int = 0, operation: str | None = None) -> list[RequestRecord]:
        """The remembered requests numbered above `after`, of one operation if given, oldest first."""
        with self._lock:
            kept = [record for record in self._records if record.number > after]
        return [record for record in kept if operation is None or operation in record.operations]

    def totals(self) -> Totals:
        with self._lock:
            return self._totals

    def clear(self) -> None:
        """Forgets what is in memory and sets the sums to zero; the file keeps everything."""
        with self._lock:
            self._records.clear()
            self._totals = Totals()

    def close(self) -> None:
        with self._lock:
            self._stream.close()
