"""Two registry servers behind one operator: aliases, bytes and outages of each are its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.site import Operator, Site, message, really_fetches, verdict

from lockgate_sandbox.registry.running import RunningRegistry, start_registry

pytestmark = pytest.mark.integration
MODEL = {"registry": "model", "collection": "churn", "alias": "production"}
KEY = "lockgate-registry-eu"  # as the chart calls it, whose policy lets pods mount no other


@pytest.fixture
def eu(tmp_path: Path) -> Iterator[RunningRegistry]:
    with start_registry(tmp_path / "eu", organization="Quay") as running:
        yield running


@pytest.fixture
def both(site: Site, eu: RunningRegistry, operator_kubeconfig: Path, tmp_path: Path) -> Iterator[Site]:
    """The site with an operator that knows a second server."""
    site.operator.kill()
    key, file = tmp_path / "eu-key", tmp_path / "registries.json"
    key.write_text(eu.keys["viewer"])
    told = {"kind": "wandb", "baseUrl": eu.url, "apiKeyFile": str(key), "modelSecretName": KEY}
    file.write_text(json.dumps({"eu": told | {"timeout": 3}}))
    operator = Operator(
        operator_kubeconfig,
        site.registry.url,
        tmp_path,
        LOCKGATE_WATCH_NAMESPACES=site.namespace,
        LOCKGATE_REGISTRY_API_KEY_FILE=str(tmp_path / "api-key"),
        LOCKGATE_FETCH_DEADLINE_SECONDS="120",
        LOCKGATE_REGISTRIES_FILE=str(file),
    )
    site.operator = operator
    operator.start()
    yield site
    operator.kill()


def test_models_of_two_servers_are_resolved_and_fetched_where_each_is(both: Site, eu: RunningRegistry):
    assert both.actor is not None
    fates = {"": really_fetches(both.registry), "eu": really_fetches(eu)}
    both.actor.behaviour = lambda pod: fates[
        (pod["metadata"].get("annotations") or {}).get("lockgate.dev/model-source", "")
    ](pod)
    both.seed()
    eu.seed_version(collection="churn", files={"model.onnx": b"of eu"}, aliases=["production"])
    both.deploy("here", model=MODEL, replicas=1)
    both.deploy("there", model=MODEL | {"source": "eu"}, replicas=1)
    here, there = both.wait_serving("v0", "here"), both.wait_serving("v0", "there")
    assert here["status"]["stable"]["treeDigest"] != there["status"]["stable"]["treeDigest"]
    assert there["status"]["stable"]["source"] == "eu"
    assert "source" not in here["status"]["stable"]
    (pod, *_) = [p for p in both.all("pods") if p["metadata"]["name"].startswith("there-")]
    assert f"--base-url={eu.url}" in pod["spec"]["initContainers"][0]["args"]
    assert {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume} == {
        KEY
    }


def test_an_outage_of_one_holds_up_no_model_of_the_other(both: Site, eu: RunningRegistry):
    both.seed()
    eu.seed_version(collection="churn", files={"model.onnx": b"of eu"}, aliases=["production"])
    both.deploy("here", model=MODEL, replicas=1)
    both.deploy("there", model=MODEL | {"source": "eu"}, replicas=1)
    both.wait_serving("v0", "here")
    both.wait_serving("v0", "there")
    eu.stop()
    both.wait(
        "the outage is told",
        lambda: verdict(both.get("modeldeployments", "there"), "Resolved")[0] == "Unknown",
    )
    both.seed()
    both.wait_serving("v1", "here")
    assert verdict(both.get("modeldeployments", "there"), "Ready")[0] == "True"


def test_a_source_that_is_not_configured_is_told_with_those_that_are(both: Site):
    both.deploy(model=MODEL | {"source": "us"})
    both.wait_condition("Stalled", "True", "InvalidSpec")
    assert "default and eu" in message(both.get("modeldeployments"), "Ready")
