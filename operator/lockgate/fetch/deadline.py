"""How long a fetch may go on: until its deadline, or until the pod is told to stop.

A signal only sets a mark, which every long step looks at several times a second: no step is ever
cut in the middle of cleaning up.
"""

import contextlib
import signal
import time
from collections.abc import Iterator

from lockgate.domain.fetched import FetchProblem, FetchReason


class Deadline:
    """Counts from its making; `seconds` is what the whole fetch may take."""

    def __init__(self, seconds: float) -> None:
        self._limit = seconds
        self._started = time.monotonic()
        self._stopped = False

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    @property
    def half(self) -> float:
        """Seconds from the start until half of the time is gone."""
        return self._limit / 2

    def check(self) -> None:
        """Raises FetchProblem once the time is up or a signal came."""
        if self._stopped:
            raise FetchProblem(FetchReason.INTERRUPTED, "the pod was stopped before the model was fetched")
        if self.elapsed >= self._limit:
            raise FetchProblem(
                FetchReason.DEADLINE,
                f"the model could not be fetched and proved within {self._limit:g} s; "
                "see whether the registry is slow, or raise the deadline of fetches",
            )

    @contextlib.contextmanager
    def ended_by(self, *signals: signal.Signals) -> Iterator[None]:
        """Let these signals end the fetch; for the main thread only."""
        before = {number: signal.signal(number, self._stop) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, *_: object) -> None:
        self._stopped = True
