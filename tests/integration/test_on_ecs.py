"""A model on Amazon ECS, with the real program, the real API server, and a stand-in for ECS in a process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.site import Site, message

from lockgate.names import FINALIZER
from lockgate_sandbox.parts.fake_ecs import FakeEcs
from lockgate_sandbox.pytest_plugin import part
from lockgate_sandbox.worlds import Level

pytestmark = [pytest.mark.integration, pytest.mark.long]
STEP = {"weight": 10, "replicas": 100, "pause": {"untilApproved": True}}
ON_ECS: dict[str, Any] = {
    "backend": {"ecs": {"target": "prod"}},
    "traffic": {"gateway": "prod"},
    "strategy": {"canary": {"steps": [STEP]}},
}
fake_ecs = part("fake_ecs", Level.CONTROL_PLANE)


@pytest.fixture
def ecs(site: Site, fake_ecs: FakeEcs, tmp_path: Path) -> Iterator[FakeEcs]:
    """The stand-in, which the operator may use for this namespace."""
    file = tmp_path / "ecs.yaml"
    file.write_text(yaml.safe_dump({"prod": dict(fake_ecs.target(site.namespace))}))
    site.operator.restart(LOCKGATE_ECS_FILE=str(file))
    yield fake_ecs
    fake_ecs.tell(heal=True)


def time_passes(ecs: FakeEcs, holds: Callable[[], Any]) -> Callable[[], Any]:
    """The same question, with ten seconds at ECS before each time that it is asked."""

    def asked() -> Any:
        ecs.tell(advance=10)
        return holds()

    return asked


def test_one_alias_moves_a_model_here_and_one_elsewhere_and_neither_changes_its_place(
    site: Site, ecs: FakeEcs
) -> None:
    def both_serve(version: str) -> Callable[[], bool]:
        def serve() -> bool:
            found = [site.get("modeldeployments", name).get("status") or {} for name in ("churn", "wren")]
            return all((each.get("stable") or {}).get("version") == version for each in found)

        return time_passes(ecs, serve)

    site.seed()
    site.deploy("churn")
    site.deploy("wren", **ON_ECS | {"strategy": {"blueGreen": {}}})
    site.wait("both serve v0", both_serve("v0"))
    assert "finalizers" not in site.get("modeldeployments", "churn")["metadata"]
    assert site.get("deployments", "wren") == {}, "nothing of it is in the cluster"
    site.seed()
    site.wait("both serve v1", both_serve("v1"))
    site.change("wren", backend={"deployment": {}, "ecs": None}, traffic=None)
    found = site.wait_condition("Ready", "False", "InvalidSpec", name="wren")
    assert "put it back" in message(found, "Ready")
    assert site.get("deployments", "wren") == {}, "what serves stays where it is"
    site.client.delete(site.path("modeldeployments", "wren"))
    site.wait("it is gone", time_passes(ecs, lambda: not site.get("modeldeployments", "wren")))


def test_an_approval_lets_ecs_go_on_a_kill_changes_nothing_and_a_deletion_takes_the_service_along(
    site: Site, ecs: FakeEcs
) -> None:
    site.seed()
    site.deploy(**ON_ECS)

    def status() -> dict[str, Any]:
        return dict(site.get("modeldeployments").get("status") or {})

    def serves(version: str) -> Callable[[], bool]:
        return time_passes(ecs, lambda: (status().get("stable") or {}).get("version") == version)

    def is_held() -> bool:
        return any(c["type"] == "Paused" and c["status"] == "True" for c in status().get("conditions", ()))

    def shares() -> dict[str, int]:
        return {share["track"]: share["weight"] for share in status().get("traffic", ())}

    site.wait("v0 serves", serves("v0"))
    assert FINALIZER in site.get("modeldeployments")["metadata"]["finalizers"]
    assert site.all("deployments") == []
    site.seed()
    site.wait("v1 is held at a tenth", time_passes(ecs, is_held))
    assert shares() == {"stable": 90, "candidate": 10}
    site.operator.restart()
    release = status()["candidate"]["release"]
    asked = {"metadata": {"annotations": {"lockgate.dev/request": f"approve {release} by ada"}}}
    site.client.merge(site.path("modeldeployments", "churn"), asked)
    site.wait("v1 serves", serves("v1"))
    assert status()["history"][0]["by"] == "ada"

    ecs.tell(refuse={"DescribeServices": "AccessDeniedException"})
    site.client.merge(site.path("modeldeployments", "churn"), {"spec": {"replicas": 3}})
    found = site.wait_condition("Ready", "False", "BackendDenied")
    assert "does not let the operator call DescribeServices at target prod" in message(found, "Ready")
    ecs.tell(heal=True)
    site.client.delete(site.path("modeldeployments", "churn"))
    site.wait("it is gone", time_passes(ecs, lambda: not site.get("modeldeployments")))
    assert "DeleteService" in ecs.tell()["requests"]
