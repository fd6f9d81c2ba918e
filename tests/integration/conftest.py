"""The control plane with our CRDs and one node, and a site of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.nest import Nest
from tests.integration.routes import gateway_of
from tests.integration.site import Operator, Site, install_api, operator_identity, succeeds

from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.gateway_actor import GatewayActor
from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.running import RunningWorld


@pytest.fixture(scope="session")
def lockgate_world(control_plane: RunningWorld) -> RunningWorld:
    """The control plane with the CRDs and a runtime."""
    install_api(control_plane)
    return control_plane


@pytest.fixture(scope="session")
def operator_kubeconfig(lockgate_world: RunningWorld) -> Path:
    """The operator's identity: the ServiceAccount of the chart, with the rights it grants and no more."""
    return operator_identity(lockgate_world)


@pytest.fixture(scope="session")
def nest() -> Iterator[Nest]:
    """Where operators come from that need not load their libraries."""
    nest = Nest()
    yield nest
    nest.close()


@pytest.fixture(scope="module")
def gateway(lockgate_world: RunningWorld) -> Iterator[GatewayActor]:
    """The gateway that routes lead through, with its controller."""
    with gateway_of(lockgate_world) as actor:
        yield actor


@pytest.fixture(scope="module")
def node(lockgate_world: RunningWorld) -> Iterator[NodeActor]:
    """The node of these tests; gone after them, so that no other test's pods are sent to it."""
    with NodeActor.on(lockgate_world, name="integration", behaviour=succeeds) as actor:
        yield actor
    with ApiClient(lockgate_world.kubeconfig) as client:
        client.delete("/api/v1/nodes/integration")


@pytest.fixture
def site(
    lockgate_world: RunningWorld,
    operator_kubeconfig: Path,
    node: NodeActor,
    namespace: str,
    registry: RunningRegistry,
    nest: Nest,
    tmp_path: Path,
) -> Iterator[Site]:
    """A namespace with a running operator."""
    key = tmp_path / "api-key"
    key.write_text(registry.keys["viewer"])
    operator = Operator(
        operator_kubeconfig,
        registry.url,
        tmp_path,
        nest,
        LOCKGATE_WATCH_NAMESPACES=namespace,
        LOCKGATE_REGISTRY_API_KEY_FILE=str(key),
        LOCKGATE_FETCH_DEADLINE_SECONDS="60",
    )
    node.behaviour = succeeds
    operator.start()
    made = Site(lockgate_world, namespace, registry, node, operator)
    yield made
    node.behaviour = succeeds
    operator.kill()
    made.client.close()
