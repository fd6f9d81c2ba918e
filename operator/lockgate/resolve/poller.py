"""Asks the registry again at an interval, and wakes the deployments whose answer changed.

Polling is the truth: no registry event tells that an alias was removed. At rest one poll costs
one look-up per distinct alias, and nothing else happens.
"""

import asyncio
import random
from collections.abc import Callable

import structlog

from lockgate.domain.resources import Key
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups

_log = structlog.get_logger(__name__)
JITTER = 0.1


class Poller:
    """Polls until cancelled."""

    def __init__(
        self,
        lookups: Lookups,
        followers: Followers,
        wake: Callable[[Key], None],
        *,
        interval: float,
    ) -> None:
        self._lookups = lookups
        self._followers = followers
        self._wake = wake
        self._interval = interval

    async def run(self) -> None:
        """Poll at the interval (seconds, give or take a tenth, so that replicas drift apart)."""
        while True:
            await asyncio.sleep(self._interval * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
            await self.poll_once()

    async def poll_once(self) -> None:
        """One poll; a defect in it must not end the polling."""
        try:
            for reference in await self._lookups.poll(self._followers.references()):
                _log.info("registry answers differently", reference=str(reference))
                for key in self._followers.of(reference):
                    self._wake(key)
        except Exception:
            _log.exception("poll failed")
