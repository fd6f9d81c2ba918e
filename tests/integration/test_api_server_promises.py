"""The real API server keeps the promises on which the fake one of the other tests rests."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kubernetes import client, config
from tests.contract.cluster_script import LOCKGATE, SCRIPTS, Script
from tests.waiting import PATIENCE_SECONDS

from lockgate.domain.resources import Key, Object, Resource, key_of
from lockgate.kube.credentials import Credentials
from lockgate.kube.errors import from_status
from lockgate.kube.session import KubeSession
from lockgate.names import MANAGED_SELECTOR
from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration
_APPLY = "application/apply-patch+yaml"


class RealWorld:
    """A real API server: the operator's door for what the operator writes, a plain client for others."""

    def __init__(self, kubeconfig: Path, namespace: str, session: KubeSession) -> None:
        self.namespace = namespace
        self._session = session
        self._client = ApiClient(kubeconfig)
        self._began = self._client.get(f"/api/v1/namespaces/{namespace}")["metadata"]["resourceVersion"]

    async def apply(self, resource: Resource, obj: Object, by: str = LOCKGATE, force: bool = False) -> Object:
        if by == LOCKGATE:
            return await self._session.apply(resource, obj, force=force)
        path = f"{resource.path(*key_of(obj))}?fieldManager={by}&force={'true' if force else 'false'}"
        return self._call("PATCH", path, obj, _APPLY)

    async def write_status(self, resource: Resource, obj: Object) -> Object:
        return await self._session.apply_status(resource, obj)

    async def create(self, resource: Resource, obj: Object) -> Object:
        return await self._session.create(resource, obj)

    async def replace(self, resource: Resource, obj: Object, subresource: str = "") -> Object:
        path = resource.path(*key_of(obj)) + (f"/{subresource}" if subresource else "")
        return self._call("PUT", f"{path}?fieldManager=somebody", obj)

    async def delete(self, resource: Resource, key: Key, *, foreground: bool = False) -> None:
        policy = "Foreground" if foreground else "Background"
        self._call("DELETE", resource.path(*key), {"propagationPolicy": policy})

    async def get(self, resource: Resource, key: Key) -> Object | None:
        return await self._session.get(resource, key)

    async def gone(self, resource: Resource, key: Key) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while await self.get(resource, key) is not None:
            assert time.monotonic() < deadline, f"{resource.kind} {key[1]} is still there"
            await asyncio.sleep(0.05)

    async def told(self, resource: Resource) -> list[str]:
        query = {"resourceVersion": self._began, "labelSelector": MANAGED_SELECTOR, "timeoutSeconds": "1"}
        watch = self._client.watch(resource.path(self.namespace), **query)
        return [event["type"] for event in watch if event["type"] != "BOOKMARK"]

    def _call(self, method: str, path: str, body: Object, content_type: str = "application/json") -> Object:
        try:
            return self._client.call(method, path, body, content_type)
        except ApiError as error:
            causes = [{"reason": "FieldManagerConflict"}] if "Apply failed with" in str(error) else []
            raise from_status(path, error.status, {"details": {"causes": causes}}, None) from error

    def close(self) -> None:
        self._client.close()


@pytest.fixture
async def real_world(lockgate_world: RunningWorld, namespace: str) -> AsyncIterator[RealWorld]:
    configuration = client.Configuration()
    config.load_kube_config(str(lockgate_world.kubeconfig), client_configuration=configuration)
    session = KubeSession(Credentials(configuration))
    world = RealWorld(lockgate_world.kubeconfig, namespace, session)
    yield world
    world.close()
    await session.close()


@pytest.mark.parametrize("steps", SCRIPTS, ids=lambda steps: steps.__name__)
async def test_the_api_server_keeps_its_promises(steps: Script, real_world: RealWorld):
    await steps(real_world)
