"""Has the cluster another past, or does a list only lag behind?

Versions of a list that are lower than what was seen mean one or the other, and acting on the wrong
one puts old things back. A server that lags catches up, or is contradicted by what is heard
meanwhile; a cluster that was restored from a backup stays where it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lockgate.domain.resources import Resource

# So long lists must stay behind with nothing newer heard.
DOUBTED_SECONDS = 8.0
# Whatever is wrong with a server that goes to and fro, everything is not begun anew all the time.
PAUSE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class _Doubt:
    since: float
    newest: int


class Past:
    """Judges versions that went back, kind by kind."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._doubts: dict[Resource, _Doubt] = {}
        self._began_anew_at: float | None = None

    def agrees(self, resource: Resource) -> None:
        """A list was as new as what was seen."""
        self._doubts.pop(resource, None)

    def is_another(self, resource: Resource, newest: int) -> bool:
        """Whether a list that is behind `newest`, the highest version seen, is to be believed."""
        now, doubt = self._clock(), self._doubts.get(resource)
        if doubt is None or newest > doubt.newest:
            self._doubts[resource] = _Doubt(now, newest)
            return False
        is_recent = self._began_anew_at is not None and now - self._began_anew_at < PAUSE_SECONDS
        if now - doubt.since < DOUBTED_SECONDS or is_recent:
            return False
        self._doubts.clear()
        self._began_anew_at = now
        return True
