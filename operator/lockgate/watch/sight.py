"""Which kinds are seen, for those who must not take what they cannot see for absent."""

from collections.abc import Callable

from lockgate.domain.resources import Resource
from lockgate.watch.hearing import Hearing
from lockgate.watch.sweep import Sweeper


class Watched:
    """Implements the port `Sight` by what is watched and listed."""

    def __init__(self, hearing: Hearing, sweeper: Callable[[], Sweeper]) -> None:
        self._hearing = hearing
        self._sweeper = sweeper

    def sees(self, resource: Resource, namespace: str) -> bool:
        """Whether every object of a kind was listed there, and is watched since."""
        return self._sweeper().sees_kind(resource, namespace)

    def lacks(self, resource: Resource) -> bool:
        """Whether the cluster has no such kind."""
        return all(feed.resource != resource for feed in self._hearing.feeds)
