"""Asks the operator's probes all the time, and remembers each change of their answers."""

import threading
import time
from typing import Self

from tests.faults.rig import FaultOperator

_EVERY_SECONDS = 0.4
NAMES = ("readyz", "healthz")


class Sentry:
    """What each probe answered, and since when."""

    def __init__(self, operator: FaultOperator) -> None:
        self._operator = operator
        self._stopping = threading.Event()
        self._said: list[tuple[float, str, int]] = []
        self._thread = threading.Thread(target=self._run, name="sentry", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(15)

    def between(self, name: str, begin: float, end: float) -> list[tuple[float, int]]:
        """What a probe answered between two moments, each answer with its moment."""
        return [(at, code) for at, probe, code in list(self._said) if probe == name and begin <= at <= end]

    def turns(self, since: float) -> list[tuple[float, str]]:
        """Each change of an answer since then."""
        last: dict[str, int] = {}
        found = []
        for at, probe, code in list(self._said):
            if last.get(probe) != code and at >= since:
                found.append((at, f"/{probe} answers {code or 'nothing'}"))
            last[probe] = code
        return found

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            for name in NAMES:
                began = time.monotonic()
                code = self._operator.probe(name)
                # The answer is of some moment while it was waited for: of the first, to be strict.
                self._said.append((began, name, code))
