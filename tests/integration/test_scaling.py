"""The subresource `scale` on the real API server: people, manifests and a real autoscaler."""

from pathlib import Path

import pytest
import yaml
from tests.integration.site import ROOT, Site

from lockgate_sandbox.api import Json
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration

SELECTOR = "lockgate.dev/model-deployment=churn"
# An autoscaler looks every fifteen seconds, and learns of new kinds every thirty.
AUTOSCALED_SECONDS = 120.0


def scale_of(site: Site) -> Json:
    return site.client.get(site.path("modeldeployments", "churn") + "/scale")


def scale(world: RunningWorld, namespace: str, replicas: int) -> str:
    arguments = ("scale", "mdep", "churn", f"--replicas={replicas}", f"--namespace={namespace}")
    return world.kubectl(*arguments, check=False).stderr


def asked(site: Site) -> int:
    number: int = site.get("deployments")["spec"]["replicas"]
    return number


def test_kubectl_scale_changes_how_many_serve_and_rolls_nothing_out(site: Site):
    site.seed()
    site.deploy()
    before = site.wait_serving("v0")
    assert scale_of(site)["spec"] == {"replicas": 2}
    assert scale_of(site)["status"] == {"replicas": 2, "selector": SELECTOR}
    template, writes = site.get("deployments")["spec"]["template"], len(site.writes())
    assert scale(site.world, site.namespace, 3) == ""
    site.wait("three are asked for", lambda: asked(site) == 3)
    site.wait("that is told", lambda: scale_of(site)["status"] == {"replicas": 3, "selector": SELECTOR})
    after = site.wait_serving("v0")
    found = site.client.get(site.path("pods"), labelSelector=scale_of(site)["status"]["selector"])
    assert len(found["items"]) == 3, "the selector finds the pods"
    assert site.get("deployments")["spec"]["template"] == template
    assert after["status"]["history"] == before["status"]["history"]
    site.wait_quiet()
    written = [entry["objectRef"]["resource"] for entry in site.writes()[writes:]]
    assert written.count("deployments") == 1


def test_an_autoscaler_finds_a_model_deployment_and_scales_it(site: Site):
    site.seed()
    # As in a manifest without a number.
    site.deploy(replicas=None)
    site.wait_serving("v0")
    assert asked(site) == 1
    autoscaler = yaml.safe_load((ROOT / "docs" / "examples" / "autoscaler.yaml").read_text())
    autoscaler["metadata"]["namespace"] = site.namespace
    path = f"/apis/autoscaling/v2/namespaces/{site.namespace}/horizontalpodautoscalers"
    site.client.post(path, autoscaler)

    def is_able() -> bool:
        told = site.client.get(f"{path}/churn").get("status") or {}
        conditions = {one["type"]: one["status"] for one in told.get("conditions") or ()}
        return conditions.get("AbleToScale") == "True"

    site.wait("the autoscaler finds its target", is_able, within=AUTOSCALED_SECONDS, every=0.5)
    site.wait("it scales to its minimum", lambda: asked(site) == 2, within=AUTOSCALED_SECONDS)
    site.wait_serving("v0")
    assert len(site.get("modeldeployments")["status"]["history"]) == 1
    site.wait_quiet()
    assert asked(site) == 2


@pytest.fixture
def apply(lockgate_world: RunningWorld, namespace: str, tmp_path: Path):
    """Apply a manifest of the ModelDeployment churn, and say what number it then has."""
    model = {"registry": "model", "collection": "churn", "alias": "production"}
    file = tmp_path / "churn.yaml"

    def apply(*how: str, **spec: int) -> int:
        manifest = {
            "apiVersion": "lockgate.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "churn", "namespace": namespace},
            "spec": {"model": model, "runtime": {"name": "onnx"}, **spec},
        }
        file.write_text(yaml.safe_dump(manifest))
        lockgate_world.kubectl("apply", *how, "-f", str(file))
        told = lockgate_world.kubectl(
            "get", "mdep", "churn", f"--namespace={namespace}", "-o", "jsonpath={.spec.replicas}"
        )
        return int(told.stdout)

    return apply


HOW = pytest.mark.parametrize("how", [("--server-side",), ()], ids=["server-side", "client-side"])


@HOW
def test_a_manifest_without_replicas_leaves_alone_what_was_scaled(lockgate_world, namespace, apply, how):
    assert apply(*how) == 1
    assert scale(lockgate_world, namespace, 4) == ""
    assert apply(*how) == 4
    assert apply(*how, revisionHistoryLimit=3) == 4


@HOW
def test_replicas_that_are_taken_out_of_a_manifest_fall_back_to_one(lockgate_world, namespace, apply, how):
    assert apply(*how, replicas=3) == 3
    assert apply(*how) == 1


def test_replicas_that_somebody_scaled_meanwhile_stay_when_they_are_taken_out_of_an_applied_manifest(
    lockgate_world, namespace, apply
):
    assert apply("--server-side", replicas=3) == 3
    assert scale(lockgate_world, namespace, 4) == ""
    assert apply("--server-side") == 4


def test_nobody_scales_beyond_what_the_schema_allows(lockgate_world, namespace, apply):
    assert apply(replicas=3) == 3
    assert "spec.replicas" in scale(lockgate_world, namespace, 1001)
    assert apply(replicas=3) == 3
