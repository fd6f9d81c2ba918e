"""Asks the registry again at an interval; whose answer changed is woken by the look-ups.

Polling is the truth: no registry event tells that an alias was removed. At rest one poll costs
one look-up per distinct alias, and nothing else happens. A registry that is silent or asks for
patience is asked less and less often.
"""

import asyncio
import random

import structlog

from lockgate.resolve.lookups import Lookups

_log = structlog.get_logger(__name__)
JITTER = 0.1
MOST_PATIENCE = 10


class Poller:
    """Polls until cancelled."""

    def __init__(self, lookups: Lookups, *, interval: float) -> None:
        self._lookups = lookups
        self._interval = interval
        self._patience = 1

    @property
    def pause(self) -> float:
        """Seconds between two polls, before they are spread."""
        return self._interval * self._patience

    async def run(self) -> None:
        """Poll at the interval (seconds, give or take a tenth, so that replicas drift apart)."""
        while True:
            await asyncio.sleep(self.pause * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
            await self.poll_once()

    async def poll_once(self) -> None:
        """One poll; a defect in it must not end the polling."""
        try:
            heard = await self._lookups.poll()
            self._patience = 1 if heard else min(MOST_PATIENCE, 2 * self._patience)
        except Exception:
            _log.exception("poll failed")
