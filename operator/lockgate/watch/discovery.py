"""Kinds that a cluster may lack: which of those that would be of use are there by now?

Asked at the start and every half minute until all are; a kind that goes again is found by its lists,
which are refused. Nothing waits for an answer, and none is no reason to stop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from lockgate.domain.resources import Resource
from lockgate.errors import LockgateError

_log = structlog.get_logger(__name__)
LOOK_SECONDS = 30.0


class Discovery:
    """Looks for kinds, and tells of each once."""

    def __init__(
        self,
        wanted: Iterable[Resource],
        serves: Callable[[Resource], Awaitable[bool]],
        found: Callable[[Resource], None],
    ) -> None:
        self._missing = list(wanted)
        self._lacking: set[Resource] = set()
        self._serves = serves
        self._found = found

    def lacks(self, resource: Resource) -> bool:
        """Whether the API server has said that it has no such kind; that it did not answer says nothing."""
        return resource in self._lacking

    async def look(self) -> None:
        """Ask for those that are missing."""
        for resource in tuple(self._missing):
            try:
                is_there = await self._serves(resource)
            except LockgateError as error:
                _log.warning("cannot be discovered", kind=resource.kind, message=error.message)
                continue
            if not is_there:
                self._lacking.add(resource)
                continue
            self._missing.remove(resource)
            self._lacking.discard(resource)
            _log.info("found", kind=resource.kind)
            self._found(resource)

    async def run(self) -> None:
        """Look again and again, until all are there; then stand by."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()
