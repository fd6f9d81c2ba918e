"""A model on the real KubeRay and Ray: two clusters beside each other while one takes over from the other.

One story under constant requests: a version takes over by a cluster of its own, and one that Ray cannot load
is given up while stable's cluster is left alone. None of the requests may fail.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rollouts.people import People
from tests.waiting import wait_until

from lockgate_sandbox import objects
from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.crowds import Crowd, Target
from lockgate_sandbox.inference import inference_path
from lockgate_sandbox.parts import crowd, kuberay, lockgate, models, registry
from lockgate_sandbox.training import train

pytestmark = pytest.mark.cluster
NAMESPACE, NAME = "on-ray", "manta"
COLLECTION = f"model/{NAME}"
PATIENCE_SECONDS = 420.0
RAY = f"/apis/ray.io/v1/namespaces/{NAMESPACE}"


def model() -> objects.Json:
    spec = {
        "model": {"registry": "model", "collection": NAME, "alias": "production"},
        "runtime": {"name": kuberay.RUNTIME},
        "replicas": 1,
        "backend": {"rayService": {}},
        "rollback": {"keepWarmFor": "1s"},
    }
    return objects.named("lockgate.dev/v1alpha1", "ModelDeployment", NAME, NAMESPACE, spec=spec)


@pytest.fixture
def people(cluster: ClusterWorld, client: ApiClient, tmp_path: Path) -> Iterator[People]:
    """Those of a model whose v0 serves on Ray."""
    cluster.add(models.PART)
    following = cluster.add(registry.PART)
    cluster.add(kuberay.PART)
    cluster.add(lockgate.PART).upgrade("backends.rayService.enabled=true")
    for version in ("v1", "v2"):
        train(version, tmp_path / version)
        following.seed(tmp_path / version, COLLECTION)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.onnx").write_bytes(b"no model at all")
    following.seed(tmp_path / "bad", COLLECTION)
    following.promote(COLLECTION, "v0", "production")
    key = objects.secret("lockgate-registry", NAMESPACE, api_key=following.keys["viewer"])
    cluster.apply(objects.namespace(NAMESPACE), key, model())
    made = People(client, following, COLLECTION, (NAMESPACE, NAME))
    resting(made, "v0")
    yield made
    cluster.kubectl("delete", "modeldeployment", NAME, f"-n={NAMESPACE}", "--wait=false")


@pytest.fixture
def asking(cluster: ClusterWorld, people: People) -> Iterator[Crowd]:
    url = f"http://{NAME}.{NAMESPACE}.svc{inference_path(NAME)}"
    # A connection that is kept goes on to the pod that it was made to, whatever the Service says by then.
    made = cluster.add(crowd.PART).start(NAME, Target(url, rate=20.0, keep_alive=False))
    yield made
    made.stop()


def clusters(client: ApiClient) -> dict[str, str]:
    """Clusters of Ray by their names, with the version that each is for."""
    found = client.get(f"{RAY}/rayclusters")["items"]
    return {
        each["metadata"]["name"]: each["metadata"]["annotations"]["lockgate.dev/model-version"]
        for each in found
    }


def resting(people: People, version: str) -> None:
    def rests() -> bool:
        look = people.look()
        return look.stable == version and not look.candidate and look.is_ready

    wait_until(f"{version} serves", rests, within=PATIENCE_SECONDS, tell=lambda: str(people.look()))


def test_an_alias_moves_a_model_on_ray_and_no_request_fails(client: ApiClient, people: People, asking: Crowd):
    asking.count_after(0)
    before = clusters(client)
    assert set(before.values()) == {"v0"}
    people.move_alias("v1")
    resting(people, "v1")
    wait_until(
        "the cluster before is gone",
        lambda: set(clusters(client).values()) == {"v1"},
        within=PATIENCE_SECONDS,
    )
    after = clusters(client)
    assert not after.keys() & before.keys()

    people.edit(progressDeadline="100s")
    people.move_alias("v2")
    wait_until("it is given up", lambda: people.look().ended == ("v2", "Aborted"), within=PATIENCE_SECONDS)
    assert people.look().stable == "v1"
    wait_until("its cluster is gone", lambda: clusters(client) == after, within=PATIENCE_SECONDS)
    during = asking.count_after(0)
    assert during.failed == 0, during.last_failure
    assert during.versions["v1"] > 0
    assert set(during.versions) == {"v0", "v1"}
