"""A model on the real KServe: its controller, its webhooks, and a gateway that splits by our own route.

One story under constant requests: a version rolls in place, a canary goes to half and then all of the
traffic, a version whose server does not start is given up. None of the requests may fail.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rollouts.people import People
from tests.rollouts.shares import Share, answers_for
from tests.waiting import wait_until

from lockgate.api.requests import Verb
from lockgate_sandbox import objects
from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.crowds import Crowd, Target
from lockgate_sandbox.demo.values import offering
from lockgate_sandbox.inference import inference_path
from lockgate_sandbox.parts import crowd, gateway_envoy, kserve, lockgate, models, registry
from lockgate_sandbox.training import train

pytestmark = pytest.mark.cluster
NAMESPACE, NAME = "on-kserve", "plover"
COLLECTION = f"model/{NAME}"
PATIENCE_SECONDS = 240.0
SERVICES = f"/apis/serving.kserve.io/v1beta1/namespaces/{NAMESPACE}/inferenceservices"
HELD = {"untilApproved": True}


def model() -> objects.Json:
    spec = {
        "model": {"registry": "model", "collection": NAME, "alias": "production"},
        "runtime": {"name": "onnx"},
        "replicas": 2,
        "backend": {"kserve": {}},
        "traffic": {"gateway": "public"},
        "rollback": {"keepWarmFor": "1s"},
    }
    return objects.named("lockgate.dev/v1alpha1", "ModelDeployment", NAME, NAMESPACE, spec=spec)


def versions(directory: Path) -> Iterator[Path]:
    """Three that serve, and one that no server can load."""
    for name, model in (("v0", "v1"), ("v1", "v2"), ("v2", "v1")):
        train(model, directory / name)
        (directory / name / "note.txt").write_text(name)
        yield directory / name
    (directory / "v3").mkdir()
    (directory / "v3" / "model.onnx").write_bytes(b"no model at all")
    yield directory / "v3"


@pytest.fixture
def people(cluster: ClusterWorld, client: ApiClient, tmp_path: Path) -> Iterator[People]:
    """Those of a model whose v0 serves on KServe, behind the gateway."""
    cluster.add(models.PART)
    following, gateway = cluster.add(registry.PART), cluster.add(gateway_envoy.PART)
    cluster.add(kserve.PART)
    cluster.add(lockgate.PART).upgrade(*offering(gateway), "backends.kserve.enabled=true")
    for directory in versions(tmp_path):
        following.seed(directory, COLLECTION)
    following.promote(COLLECTION, "v0", "production")
    key = objects.secret("lockgate-registry", NAMESPACE, api_key=following.keys["viewer"])
    cluster.apply(objects.namespace(NAMESPACE), key, model())
    made = People(client, following, COLLECTION, (NAMESPACE, NAME))
    wait_until("v0 serves", lambda: made.look().rests_on("v0"), within=PATIENCE_SECONDS)
    yield made
    cluster.kubectl("delete", "modeldeployment", NAME, f"-n={NAMESPACE}", "--timeout=60s", timeout=70)


@pytest.fixture
def asking(cluster: ClusterWorld, people: People) -> Iterator[Crowd]:
    host = f"{NAME}.{NAMESPACE}.models.example.com"
    url = f"{cluster.add(gateway_envoy.PART).inner_url}{inference_path(NAME)}"
    made = cluster.add(crowd.PART).start(NAME, Target(url, host=host, rate=80.0))
    yield made
    made.stop()


def services(client: ApiClient) -> dict[str, objects.Json]:
    """InferenceServices by their names."""
    return {each["metadata"]["name"]: each for each in client.get(SERVICES)["items"]}


def resting(people: People, version: str) -> None:
    wait_until(
        f"{version} serves alone",
        lambda: people.look().rests_on(version),
        within=PATIENCE_SECONDS,
        tell=lambda: str(people.look()),
    )


def held(people: People, weight: int) -> None:
    def is_held() -> bool:
        look = people.look()
        return look.waits_for_approval and look.traffic.get("candidate") == weight

    wait_until(f"it is held at {weight} %", is_held, within=PATIENCE_SECONDS, tell=lambda: str(people.look()))


def test_an_alias_moves_models_on_kserve_and_no_request_fails(
    cluster: ClusterWorld, client: ApiClient, people: People, asking: Crowd
):
    asking.count_after(0)
    before = services(client)[NAME]
    people.move_alias("v1")
    resting(people, "v1")
    assert set(services(client)) == {NAME}, "rolling replaces pods in place"
    after = services(client)[NAME]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"], (
        "nothing that moves is there"
    )

    address = client.get(f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}")["spec"]["clusterIP"]
    people.choose("canary", {"steps": [{"weight": weight, "pause": HELD} for weight in (10, 50)]})
    people.move_alias("v2")
    for weight in (10, 50):
        held(people, weight)
        assert len(services(client)) == 2
        # What is beyond chance at a tenth takes three times as many at a half.
        answers = answers_for(10)
        shares = asking.shares(answers)
        share = Share("v2", weight, round(shares["v2"] * answers), answers)
        assert share.is_fine or weight == 50
        assert share.holds, shares
        people.ask(Verb.APPROVE, people.look().release)
    resting(people, "v2")
    wait_until("the one before is gone", lambda: len(services(client)) == 1, within=PATIENCE_SECONDS)
    assert client.get(f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}")["spec"]["clusterIP"] == address

    people.edit(progressDeadline="60s")
    people.move_alias("v3")
    wait_until("it is given up", lambda: people.look().ended == ("v3", "Aborted"), within=PATIENCE_SECONDS)
    assert people.look().stable == "v2"
    assert "keeps exiting" in people.look().why
    during = asking.count_after(0)
    assert during.failed == 0, during.last_failure
    assert during.requests > 1000
