"""The aggregated roles on a real control plane: whoever may edit or view a namespace, and nobody else."""

from __future__ import annotations

import pytest
from tests.chart.rendering import CHART
from tests.waiting import wait_until

from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration
AGGREGATED_SECONDS = 60.0


def may(world: RunningWorld, who: str, verb: str, namespace: str, subresource: str = "") -> bool:
    what = ("modeldeployments.lockgate.dev", f"--subresource={subresource}")
    arguments = ("auth", "can-i", verb, *what, f"--as={who}", "-n", namespace)
    return world.kubectl(*arguments, check=False).stdout.strip() == "yes"


def test_the_clusters_own_roles_hold_for_model_deployments(
    control_plane: RunningWorld, namespace: str
) -> None:
    world = control_plane
    world.kubectl("apply", "--server-side", "-f", str(CHART / "crds"))
    roles = world.helm(
        "template",
        "roles-lockgate",
        str(CHART),
        "--set=image.repository=unused",
        "--show-only=templates/aggregatedroles.yaml",
    ).stdout
    world.kubectl("apply", "-f", "-", stdin=roles)
    try:
        for who, role in (("editor", "edit"), ("viewer", "view")):
            world.kubectl(
                "create", "rolebinding", who, f"--clusterrole={role}", f"--user={who}", "-n", namespace
            )
        wait_until(
            "an editor may create one",
            lambda: may(world, "editor", "create", namespace),
            within=AGGREGATED_SECONDS,
        )
        wait_until(
            "a viewer may list them",
            lambda: may(world, "viewer", "list", namespace),
            within=AGGREGATED_SECONDS,
        )
        assert may(world, "editor", "patch", namespace, "scale")
        assert may(world, "viewer", "get", namespace, "scale")
        assert not may(world, "viewer", "patch", namespace, "scale")
        assert not may(world, "viewer", "create", namespace)
        assert not may(world, "editor", "create", "default")
        assert not may(world, "stranger", "list", namespace)
    finally:
        world.kubectl("delete", "-f", "-", stdin=roles)
