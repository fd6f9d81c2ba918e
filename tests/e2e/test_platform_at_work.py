"""Models on the real cluster while the platform team works: nothing moves that nobody asked for.

A few of them, because a machine takes minutes to start twenty; LOCKGATE_PLATFORM_MODELS=20 takes so many.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.waiting import wait_until

from lockgate_sandbox.api import ApiClient, Json
from lockgate_sandbox.cluster.node_configuration import CONTAINERD_SOCKET
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.images import build_images
from lockgate_sandbox.parts import lockgate, models, registry, visitor
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.training import train

pytestmark = pytest.mark.cluster

SIZE = int(os.environ.get("LOCKGATE_PLATFORM_MODELS", "6"))
NAMES = (MODEL, *(f"{MODEL}-{number:02}" for number in range(1, SIZE)))
GROUP = "/apis/lockgate.dev/v1alpha1"
# A tenth, as the chart says, and at least one.
AT_ONCE = max(1, SIZE // 10)
PATIENCE_SECONDS = 60.0 + 30.0 * SIZE
WORKLOADS = {"deployments", "replicasets", "pods", "services", "controllerrevisions"}
OPERATOR = "system:serviceaccount:lockgate-system:lockgate"


class Fleet:
    """The models, as the API server tells of them."""

    def __init__(self, world: ClusterWorld, client: ApiClient) -> None:
        self.world = world
        self.client = client

    def all(self, plural: str, root: str = "/api/v1") -> list[Json]:
        """Every object of a kind in the models' namespace."""
        return list(self.client.get(f"{root}/namespaces/{NAMESPACE}/{plural}")["items"])

    def statuses(self) -> dict[str, Json]:
        """What is said of each model."""
        return {m["metadata"]["name"]: m.get("status") or {} for m in self.all("modeldeployments", GROUP)}

    def pods(self) -> frozenset[str]:
        """The model pods that are to stay, by UID."""
        return frozenset(
            pod["metadata"]["uid"]
            for pod in self.all("pods")
            if "lockgate.dev/model-deployment" in pod["metadata"].get("labels", {})
            and "deletionTimestamp" not in pod["metadata"]
        )

    def wait(self, what: str, holds: Callable[[], object]) -> None:
        """With a deadline that tells what every model says."""

        def tell() -> str:
            return json.dumps({name: said.get("conditions") for name, said in self.statuses().items()})

        wait_until(what, holds, within=PATIENCE_SECONDS, every=0.25, tell=tell)

    def all_ready(self) -> bool:
        """Whether each says that all is well."""
        said = self.statuses()
        return len(said) == len(NAMES) and all(_ready(status) for status in said.values())

    def rolling(self) -> set[str]:
        """Those that roll because their runtime was edited."""
        return {
            name
            for name, status in self.statuses().items()
            if (status.get("rollout") or {}).get("trigger") == "RuntimeChanged"
            and (status.get("rollout") or {}).get("candidate")
        }

    def writes_to_workloads(self) -> int:
        """How many the operator has made so far."""
        found = 0
        with self.world.audit_log.open() as log:
            for line in log:
                if OPERATOR in line and line.endswith("\n"):
                    entry = json.loads(line)
                    written = entry["verb"] not in ("get", "list", "watch")
                    what = (entry.get("objectRef") or {}).get("resource")
                    found += entry["stage"] == "ResponseComplete" and written and what in WORKLOADS
        return found


def _ready(status: Json) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))


def _last(status: Json) -> tuple[str, str]:
    ended = next(iter(status.get("history") or ()), {})
    return ended.get("trigger", ""), ended.get("outcome", "")


@pytest.fixture
def fleet(cluster: ClusterWorld, tmp_path: Path) -> Iterator[Fleet]:
    """Models that follow one alias and serve; a visitor asks the first of them."""
    served = cluster.add(models.PART)
    following = cluster.add(registry.PART)
    train("v1", tmp_path / "v1")
    following.seed(tmp_path / "v1", f"model/{MODEL}")
    following.promote(f"model/{MODEL}", "v0", "production")
    model = {"registry": "model", "collection": MODEL, "alias": "production"}
    spec = {"model": model, "runtime": {"name": "onnx"}, "replicas": 1}
    made = {"apiVersion": "lockgate.dev/v1alpha1", "kind": "ModelDeployment"}
    cluster.apply(*(made | {"metadata": {"name": n, "namespace": NAMESPACE}, "spec": spec} for n in NAMES))
    with ApiClient(cluster.kubeconfig) as client:
        found = Fleet(cluster, client)
        found.wait("all serve", found.all_ready)
        asking = cluster.add(visitor.PART)
        yield found
        asking.stop()
        cluster.kubectl("delete", "modeldeployments", "--all", "-n", NAMESPACE, "--wait=false")
        served.edit_runtime()


def other_tag(world: ClusterWorld) -> tuple[str, str]:
    """The operator's image under another name of the same repository."""
    repository, _, digest = build_images(["operator"])["operator"].reference.partition("@")
    ctr = [str(world.program("ctr").resolve()), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io"]
    tag = [*ctr, "images", "tag", f"{repository}@{digest}", f"{repository}:another"]
    subprocess.run(world.inside(tag), check=True, capture_output=True, timeout=60)
    return repository, "another"


def test_an_upgrade_a_restart_and_an_edited_runtime_move_what_they_should_and_fail_no_request(
    cluster: ClusterWorld, fleet: Fleet
):
    operator, asking = cluster.add(lockgate.PART), cluster.add(visitor.PART)
    before, written = fleet.pods(), fleet.writes_to_workloads()

    _, tag = other_tag(cluster)
    operator.upgrade(
        f"image.tag={tag}",
        "image.digest=",
        "image.pullPolicy=IfNotPresent",
        "registry.pollIntervalSeconds=1",
        "fetch.deadlineSeconds=600",
        "registry.baseUrl=http://registry.registry.svc.cluster.local:8080",
    )
    assert fleet.pods() == before
    cluster.kubectl("rollout", "restart", "deployment/lockgate", f"-n={lockgate.NAMESPACE}")
    cluster.kubectl(
        "rollout", "status", "deployment/lockgate", f"-n={lockgate.NAMESPACE}", "--timeout=120s", timeout=130
    )
    # One whole poll and a look at all of them, by the operator of now.
    fleet.wait("all say that all is well", fleet.all_ready)
    assert fleet.pods() == before
    assert fleet.writes_to_workloads() == written

    cluster.add(models.PART).edit_runtime({"name": "PYTHONUNBUFFERED", "value": "1"})
    most: set[str] = set()

    def is_out() -> bool:
        nonlocal most
        most = max(most, fleet.rolling(), key=len)
        said = fleet.statuses()
        return all(_last(s) == ("RuntimeChanged", "Promoted") and _ready(s) for s in said.values())

    fleet.wait("the edit is rolled out everywhere", is_out)
    assert 1 <= len(most) <= AT_ONCE
    assert not fleet.pods() & before
    told = {
        event["regarding"]["name"]
        for event in fleet.all("events", "/apis/events.k8s.io/v1")
        if "RuntimeChanged" in (event.get("note") or "")
    }
    assert told == set(NAMES)
    seen = asking.count()
    count = asking.count_after(seen.requests if seen else 0)
    assert (count.failed, count.last_failure) == (0, "")
    assert count.requests > 100
