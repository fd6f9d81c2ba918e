"""Which kinds are seen, for those who must not take what they cannot see for absent."""

from collections.abc import Callable

from lockgate.domain.resources import Resource
from lockgate.watch.discovery import Discovery
from lockgate.watch.sweep import Sweeper


class Watched:
    """Implements the port `Sight` by what was listed, and by what the API server says that it has."""

    def __init__(self, sweeper: Callable[[], Sweeper], discovery: Callable[[], Discovery]) -> None:
        self._sweeper = sweeper
        self._discovery = discovery

    def sees(self, resource: Resource, namespace: str) -> bool:
        """Whether every object of a kind was listed there, and may be listed still."""
        return self._sweeper().sees_kind(resource, namespace)

    def lacks(self, resource: Resource) -> bool:
        """Whether the cluster has no such kind."""
        return self._discovery().lacks(resource)
