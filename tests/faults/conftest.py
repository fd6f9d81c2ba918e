"""The integration tests' world, with proxies between it and the operator."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.rig import FaultSite, fault_site
from tests.integration.conftest import lockgate_world, nest, operator_kubeconfig
from tests.integration.nest import Nest
from tests.integration.site import succeeds

from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.running import RunningWorld

__all__ = ["lockgate_world", "nest", "operator_kubeconfig"]


@pytest.fixture(scope="module")
def node(lockgate_world: RunningWorld) -> Iterator[NodeActor]:
    """The node of these tests; gone after them, so that no other test's pods are sent to it."""
    with NodeActor.on(lockgate_world, name="faults", behaviour=succeeds) as actor:
        yield actor
    with ApiClient(lockgate_world.kubeconfig) as client:
        client.delete("/api/v1/nodes/faults")


@pytest.fixture
def stopped_site(
    request: pytest.FixtureRequest,
    lockgate_world: RunningWorld,
    operator_kubeconfig: Path,
    node: NodeActor,
    namespace: str,
    registry: RunningRegistry,
    nest: Nest,
    tmp_path: Path,
) -> Iterator[FaultSite]:
    """A namespace whose operator has not been started."""
    node.behaviour, node.delay = succeeds, 0.05
    # How a process begins and ends is shown by one that has begun by itself.
    begins_by_itself = request.node.get_closest_marker("signals") is not None
    with fault_site(
        lockgate_world,
        operator_kubeconfig,
        namespace,
        registry,
        node,
        tmp_path,
        nest=None if begins_by_itself else nest,
    ) as made:
        yield made
    node.behaviour, node.delay = succeeds, 0.05


@pytest.fixture
def site(stopped_site: FaultSite) -> FaultSite:
    """A namespace with a running operator."""
    stopped_site.operator.start()
    return stopped_site
