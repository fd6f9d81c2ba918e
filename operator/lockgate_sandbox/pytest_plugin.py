"""Worlds as pytest fixtures: one control plane and one cluster a session, a fresh namespace a test.

`visitor = part("visitor", Level.CLUSTER)` makes a fixture of a part of theirs.

Opt in with `-p lockgate_sandbox.pytest_plugin` or `pytest_plugins`. A fixture skips only when this
machine cannot offer the level, with the reason; a world that fails to start is a failure.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from lockgate_sandbox.api import ApiClient, ApiError, wait_until_found
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.errors import Unavailable
from lockgate_sandbox.part import Handle
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.world import start_cluster, start_control_plane
from lockgate_sandbox.worlds import Level

T = TypeVar("T")


def _offered(request: pytest.FixtureRequest, start: Callable[[], T]) -> T:
    # A first start builds programs and images for minutes: that must be seen, captured output is not.
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            return start()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[RunningWorld]:
    """A real API server with its controllers and no node, shared by the session."""
    with _offered(request, start_control_plane) as world:
        yield world


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[ClusterWorld]:
    """A real one-node cluster, shared by the session."""
    with _offered(request, start_cluster) as world:
        yield world


def part(name: str, level: Level) -> Callable[..., Handle]:
    """A fixture: the handle of a part of the session's world of that level, installed with all it needs."""

    @pytest.fixture(scope="session")
    def on_control_plane(request: pytest.FixtureRequest, control_plane: RunningWorld) -> Handle:
        return _offered(request, lambda: control_plane.add(name))

    @pytest.fixture(scope="session")
    def on_cluster(request: pytest.FixtureRequest, cluster: ClusterWorld) -> Handle:
        return _offered(request, lambda: cluster.add(name))

    return on_cluster if level is Level.CLUSTER else on_control_plane


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, ready for pods, in the world the test uses; deleted after it."""
    level = "cluster" if "cluster" in request.fixturenames else "control_plane"
    world: RunningWorld = request.getfixturevalue(level)
    name = f"t-{secrets.token_hex(4)}"
    with ApiClient(world.kubeconfig) as client:
        client.post("/api/v1/namespaces", {"metadata": {"name": name}})
        wait_until_found(client, f"/api/v1/namespaces/{name}/serviceaccounts/default", within=15)
        yield name
        client.close()  # it may have idled for long
        with contextlib.suppress(ApiError):  # a test may have deleted it
            client.delete(f"/api/v1/namespaces/{name}")
