"""For how long has this process looked at the cluster? A clock that stands while nothing can be seen.

A candidate that comes no further is late only by the time in which it could have been seen to: while
the API server is away no pod can become ready, and a process that is stopped sees nothing at all.
When it can be seen again, `sees_again` is called: nobody else tells those who wait for it.
"""

import asyncio
import time
from collections.abc import Callable

TICK_SECONDS = 1.0
# Whatever lies between two ticks beyond this, the process did not run.
LONGEST_STEP_SECONDS = 5.0
# The API server is seen as long as it tells us something or has answered a list so lately.
ANSWERED_SECONDS = 15.0


class Attention:
    """A clock in seconds, for one event loop."""

    def __init__(
        self,
        is_deaf: Callable[[], bool],
        answered_seconds: Callable[[], float],
        sees_again: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_deaf = is_deaf
        self._answered_seconds = answered_seconds
        self._sees_again = sees_again
        self._clock = clock
        self._saw = True
        self._looked = 0.0
        self._at = clock()

    def seconds(self) -> float:
        """How long was looked, up to this moment."""
        self.tick()
        return self._looked

    def tick(self) -> None:
        """Take in the time since the last one, if it was one of seeing."""
        now = self._clock()
        step, self._at = now - self._at, now
        saw, self._saw = self._saw, not self._is_deaf() or self._answered_seconds() < ANSWERED_SECONDS
        if not self._saw:
            return
        self._looked += min(step, LONGEST_STEP_SECONDS)
        if not saw:
            self._sees_again()

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            self.tick()
            await asyncio.sleep(TICK_SECONDS)
