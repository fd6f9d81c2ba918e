"""The integration tests' world, with proxies between it and the operator."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.rig import FaultSite, fault_site
from tests.integration.conftest import lockgate_world, operator_kubeconfig
from tests.integration.site import succeeds

from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.running import RunningWorld

__all__ = ["lockgate_world", "operator_kubeconfig"]


@pytest.fixture(scope="module")
def node(lockgate_world: RunningWorld) -> Iterator[NodeActor]:
    """The node of these tests; gone after them, so that no other test's pods are sent to it."""
    with NodeActor.on(lockgate_world, name="faults", behaviour=succeeds) as actor:
        yield actor
    with ApiClient(lockgate_world.kubeconfig) as client:
        client.delete("/api/v1/nodes/faults")


@pytest.fixture
def stopped_site(
    lockgate_world: RunningWorld,
    operator_kubeconfig: Path,
    node: NodeActor,
    namespace: str,
    registry: RunningRegistry,
    tmp_path: Path,
) -> Iterator[FaultSite]:
    """A namespace whose operator has not been started."""
    node.behaviour, node.delay = succeeds, 0.05
    with fault_site(lockgate_world, operator_kubeconfig, namespace, registry, node, tmp_path) as made:
        yield made
    node.behaviour, node.delay = succeeds, 0.05


@pytest.fixture
def site(stopped_site: FaultSite) -> FaultSite:
    """A namespace with a running operator."""
    stopped_site.operator.start()
    return stopped_site
