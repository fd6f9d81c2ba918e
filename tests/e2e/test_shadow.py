"""A shadow on the real cluster: what it answers nobody gets, and too much disagreement ends it."""

import json
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from tests.rollouts.people import People
from tests.waiting import wait_until

from lockgate_sandbox import objects
from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.crowds import Crowd, Target
from lockgate_sandbox.demo.values import measuring, offering
from lockgate_sandbox.inference import inference_path
from lockgate_sandbox.parts import comparison, crowd, gateway_envoy, lockgate, models, prometheus, registry
from lockgate_sandbox.training import train

pytestmark = pytest.mark.cluster
NAMESPACE, NAME = "shadows", "heron"
COLLECTION = f"model/{NAME}"
PATIENCE_SECONDS = 240.0


def versions(directory: Path) -> Iterator[Path]:
    """Another model as v1; v2 is v0 once more, but for a word that changes no answer."""
    for which, name in (("v1", "v0"), ("v2", "v1")):
        train(which, directory / name)
        yield directory / name
    model = onnx.load(directory / "v0" / "model.onnx")
    model.doc_string = "trained anew"
    (directory / "v2").mkdir()
    onnx.save(model, directory / "v2" / "model.onnx")
    yield directory / "v2"


def logging_runtime(world: ClusterWorld) -> objects.Json:
    """The runtime of the sandbox, whose server tells what it answers."""
    found = json.loads(world.kubectl("get", "modelruntime", "onnx", "-o=json").stdout)
    spec = found["spec"] | {"args": [*found["spec"]["args"], "--log-answers"]}
    return {
        "apiVersion": found["apiVersion"],
        "kind": "ModelRuntime",
        "metadata": {"name": "onnx-told"},
        "spec": spec,
    }


def model() -> objects.Json:
    disagreement = {"name": "disagreement", "promql": comparison.DISAGREEMENT, "max": 0.05}
    spec = {
        "model": {"registry": "model", "collection": NAME, "alias": "production"},
        "runtime": {"name": "onnx-told"},
        "replicas": 1,
        "traffic": {"gateway": "public"},
        "strategy": {"shadow": {"mirror": 100}},
        "analysis": {"interval": "5s", "count": 2, "metrics": [disagreement]},
    }
    return objects.named("lockgate.dev/v1alpha1", "ModelDeployment", NAME, NAMESPACE, spec=spec)


@pytest.fixture
def people(cluster: ClusterWorld, client: ApiClient, tmp_path: Path) -> Iterator[People]:
    """Those of a model that serves v0 behind the gateway, with somebody who compares answers."""
    cluster.add(models.PART)
    following, gateway = cluster.add(registry.PART), cluster.add(gateway_envoy.PART)
    watching = cluster.add(prometheus.PART)
    cluster.add(comparison.PART)
    cluster.add(lockgate.PART).upgrade(*offering(gateway), *measuring(watching))
    for directory in versions(tmp_path):
        following.seed(directory, COLLECTION)
    following.promote(COLLECTION, "v0", "production")
    key = objects.secret("lockgate-registry", NAMESPACE, api_key=following.keys["viewer"])
    cluster.apply(objects.namespace(NAMESPACE), key, logging_runtime(cluster), model())
    made = People(client, following, COLLECTION, (NAMESPACE, NAME))
    wait_until("v0 serves", lambda: made.look().rests_on("v0"), within=PATIENCE_SECONDS)
    yield made
    cluster.kubectl("delete", "modeldeployment", NAME, f"-n={NAMESPACE}", "--wait=false")


@pytest.fixture
def asking(cluster: ClusterWorld, people: People) -> Iterator[Crowd]:
    host = f"{NAME}.{NAMESPACE}.models.example.com"
    url = f"{cluster.add(gateway_envoy.PART).inner_url}{inference_path(NAME)}"
    made = cluster.add(crowd.PART).start(NAME, Target(url, host=host, rate=30.0))
    yield made
    made.stop()


def test_a_shadow_that_answers_otherwise_is_given_up_and_one_that_agrees_takes_over(
    people: People, asking: Crowd
):
    people.move_alias("v1")
    wait_until("v1 is given up", lambda: people.look().ended == ("v1", "Aborted"), within=PATIENCE_SECONDS)
    look = people.look()
    assert look.stable == "v0"
    assert "disagreement" in look.why, look.why
    during = asking.count_after(0)
    assert (during.failed, set(during.versions)) == (0, {"v0"}), "a shadow answers nobody"

    people.move_alias("v2")
    wait_until("v2 takes over", lambda: people.look().rests_on("v2"), within=PATIENCE_SECONDS)
    assert people.look().ended == ("v2", "Promoted")
    assert asking.count_after(during.requests).failed == 0
