"""When is a service of ECS looked at again? ECS tells nobody that something happened there.

Soon while something is under way, rarely at rest. What is due is woken like everything else, by its key.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from lockgate.domain.resources import Key

BUSY_SECONDS: Final = 5.0
REST_SECONDS: Final = 60.0
_TICK_SECONDS: Final = 1.0


class Pulse:
    """The keys that live on ECS, each with the moment of its next look."""

    def __init__(self, wake: Callable[[Key], None], monotonic: Callable[[], float]) -> None:
        self._wake = wake
        self._monotonic = monotonic
        self._due: dict[Key, float] = {}

    def looked(self, key: Key, *, is_busy: bool) -> None:
        """It was looked at just now, and something is under way there or not."""
        self._due[key] = self._monotonic() + (BUSY_SECONDS if is_busy else REST_SECONDS)

    def forget(self, key: Key) -> None:
        """It is gone, or lives elsewhere."""
        self._due.pop(key, None)

    def beat(self) -> None:
        """Wake whoever is due; a look that never comes is asked for again at the pace of rest."""
        now = self._monotonic()
        for key in [key for key, due in self._due.items() if due <= now]:
            self._due[key] = now + REST_SECONDS
            self._wake(key)

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self.beat()
