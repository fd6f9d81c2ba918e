"""The fake API server keeps what the real one promises; tests/integration holds the real one to it."""

import pytest
from tests.contract.cluster_script import LOCKGATE, SCRIPTS, Script
from tests.fakes.api_server import FakeApiServer

from lockgate.domain.resources import Key, Object, Resource


class FakeWorld:
    """The fake, as the script sees it."""

    def __init__(self) -> None:
        self.namespace = "growth"
        self._told: list[tuple[str, Resource]] = []
        self._server = FakeApiServer(lambda type_, resource, _: self._told.append((type_, resource)))

    async def apply(self, resource: Resource, obj: Object, by: str = LOCKGATE, force: bool = False) -> Object:
        return self._server.apply(resource, obj, by, force=force)

    async def write_status(self, resource: Resource, obj: Object) -> Object:
        return self._server.replace(resource, obj, LOCKGATE, subresource="status")

    async def create(self, resource: Resource, obj: Object) -> Object:
        return self._server.create(resource, obj, LOCKGATE)

    async def replace(self, resource: Resource, obj: Object, subresource: str = "") -> Object:
        return self._server.replace(resource, obj, "somebody", subresource=subresource)

    async def delete(self, resource: Resource, key: Key, *, foreground: bool = False) -> None:
        self._server.delete(resource, key, foreground=foreground)

    async def get(self, resource: Resource, key: Key) -> Object | None:
        return self._server.objects.get((resource, key))

    async def gone(self, resource: Resource, key: Key) -> None:
        self._server.collect()
        assert (resource, key) not in self._server.objects

    async def told(self, resource: Resource) -> list[str]:
        return [type_ for type_, of in self._told if of is resource]


@pytest.mark.parametrize("steps", SCRIPTS, ids=lambda steps: steps.__name__)
async def test_the_fake_keeps_what_the_api_server_promises(steps: Script):
    await steps(FakeWorld())
