"""A model on ECS and one in the cluster follow one alias, by the real program; ECS is a stand-in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.site import Site, verdict

from lockgate.names import FINALIZER
from lockgate_sandbox.parts import fake_ecs

pytestmark = [pytest.mark.integration, pytest.mark.long]
ON_ECS = {
    "backend": {"ecs": {"target": "prod"}},
    "traffic": {"gateway": "prod"},
    "strategy": {"blueGreen": {}},
    "rollback": {"keepWarmFor": "1s"},
}
SECONDS = 150.0


class Elsewhere:
    """The stand-in, whose time passes whenever somebody looks."""

    def __init__(self, ecs: fake_ecs.FakeEcs) -> None:
        self._ecs = ecs

    def tell(self, **asked: Any) -> list[str]:
        return list(self._ecs.tell(**asked)["requests"])

    def passes(self, holds: Any) -> Any:
        """While it is waited for something, minutes pass at ECS."""

        def looked() -> Any:
            self.tell(advance=30)
            return holds()

        return looked


@pytest.fixture
def elsewhere(site: Site, tmp_path: Path) -> Iterator[Elsewhere]:
    ecs = site.world.add(fake_ecs.PART)
    file = tmp_path / "ecs.json"
    file.write_text(json.dumps({"prod": dict(ecs.target(site.namespace))}))
    site.operator.restart(LOCKGATE_ECS_FILE=str(file))
    made = Elsewhere(ecs)
    yield made
    made.tell(heal=True)


def serving(site: Site, version: str, *names: str) -> bool:
    found = [site.get("modeldeployments", name) for name in names]
    return all(
        ((each.get("status") or {}).get("stable") or {}).get("version") == version
        and verdict(each, "Ready")[0] == "True"
        for each in found
    )


def follow(site: Site, elsewhere: Elsewhere, version: str, *names: str) -> None:
    serve = elsewhere.passes(lambda: serving(site, version, *names))
    site.wait(f"all serve {version}", serve, within=SECONDS, every=0.5)


def test_one_alias_moves_models_here_and_elsewhere_and_what_is_elsewhere_goes_with_its_resource(
    site: Site, elsewhere: Elsewhere
):
    site.seed()
    site.deploy("churn")
    site.deploy("wren", **ON_ECS)
    both = ("churn", "wren")
    site.wait(
        "both serve v0", elsewhere.passes(lambda: serving(site, "v0", *both)), within=SECONDS, every=0.5
    )
    assert FINALIZER in site.get("modeldeployments", "wren")["metadata"]["finalizers"]
    assert "finalizers" not in site.get("modeldeployments", "churn")["metadata"]
    assert site.get("deployments", "wren") == {}, "nothing of it is in the cluster"
    site.seed()
    site.wait(
        "both serve v1", elsewhere.passes(lambda: serving(site, "v1", *both)), within=SECONDS, every=0.5
    )

    elsewhere.tell(refuse={"": "AccessDeniedException"})
    site.wait_condition("Ready", "False", "BackendDenied", name="wren", within=SECONDS)
    site.seed()
    site.wait_serving("v2", "churn")
    assert site.get("modeldeployments", "wren")["status"]["stable"]["version"] == "v1"
    elsewhere.tell(heal=True)

    site.change("wren", backend={"deployment": {}, "ecs": None}, traffic=None)
    site.wait_condition("Ready", "False", "InvalidSpec", name="wren", within=SECONDS)
    assert site.get("deployments", "wren") == {}, "what serves stays where it is"

    site.client.delete(site.path("modeldeployments", "wren"))
    site.wait(
        "it is gone", elsewhere.passes(lambda: not site.get("modeldeployments", "wren")), within=SECONDS
    )
    asked = elsewhere.tell()
    assert "DeleteService" in asked
    assert "DeregisterTaskDefinition" in asked
