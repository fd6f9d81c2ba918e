"""A pod on a real node, in a restricted namespace: its model comes from a claim, and there is no registry."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.builders import PODS, SOURCE, T0, deployment, revision
from tests.fakes.drawn import drawn
from tests.fetch.test_cache import Version
from tests.waiting import wait_until

from lockgate.api.parse import parse_model_runtime
from lockgate.domain.fetched import FetchOutcome, parse_outcome
from lockgate.domain.observed import Observed, Target
from lockgate.fetch.cache import Cache
from lockgate.fetch.sources import wandb
from lockgate.plan.planner import plan_rollout
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.errors import Unavailable
from lockgate_sandbox.images import build_images
from lockgate_sandbox.parts.models import runtime
from lockgate_sandbox.training import train

pytestmark = pytest.mark.cluster
GROUP = 10001
START_SECONDS = 120.0


@pytest.fixture
def claim(cluster: ClusterWorld, namespace: str, tmp_path: Path) -> Iterator[Path]:
    """A directory of the node as the claim `models` of a restricted namespace."""
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    directory = tmp_path / "volume"
    directory.mkdir()
    (node,) = json.loads(cluster.kubectl("get", "nodes", "-o", "json").stdout)["items"]
    host = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node["metadata"]["name"]]}
    common = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "volumeMode": "Filesystem",
    }
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": namespace},
        "spec": common
        | {
            "capacity": {"storage": "1Gi"},
            "local": {"path": str(directory)},
            "claimRef": {"namespace": namespace, "name": "models"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [host]}]}},
        },
    }
    asked = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models", "namespace": namespace},
        "spec": common | {"resources": {"requests": {"storage": "1Gi"}}},
    }
    apply(cluster, volume, asked)
    yield directory
    cluster.kubectl("delete", "persistentvolume", namespace, "--wait=false")


def apply(world: ClusterWorld, *objects: dict[str, Any]) -> None:
    items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    world.kubectl("apply", "--filename=-", stdin=items)


def fetched(world: ClusterWorld, namespace: str) -> FetchOutcome | None:
    """What the fetch of a pod that is ready said."""
    for pod in json.loads(world.kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)["items"]:
        status = pod["status"]
        if any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ())):
            return parse_outcome(status["initContainerStatuses"][0]["state"]["terminated"]["message"])
    return None


def test_a_pod_starts_from_its_claim_without_a_registry_and_may_write_to_it(
    cluster: ClusterWorld, namespace: str, claim: Path, tmp_path: Path
) -> None:
    try:
        images = build_images(["operator", "modelserver"])
    except Unavailable as reason:
        pytest.skip(str(reason))
    cluster.load_image_archives([images[name].archive for name in ("operator", "modelserver")])
    model = train("v1", tmp_path / "model").path.read_bytes()
    version = Version(tmp_path / "tree", {"model.onnx": model})
    Cache(claim, wandb.proves, lambda _: None).keep(
        version.claim, version.entries, version.tree, max_bytes=10**9, replace=False
    )
    os.utime(claim / version.name, (0, 0))
    pods = replace(
        PODS,
        fetch_image=images["operator"].reference,
        sources={"default": replace(SOURCE, base_url="http://127.0.0.1:9")},
        storage_requests=False,
        cache_claim="models",
        cache_fs_group=GROUP,
    )
    offered = parse_model_runtime(runtime(images["modelserver"]))
    asked = deployment(namespace=namespace, replicas=1)
    target = Target(revision=replace(revision(1), digest=version.claim), pinned=False)
    workload = drawn(asked, offered, plan_rollout(asked, target, Observed(), T0), pods)[0]
    del workload["metadata"]["ownerReferences"]
    apply(cluster, workload)
    outcome = wait_until(
        "the pod is ready",
        lambda: fetched(cluster, namespace),
        within=START_SECONDS,
        every=0.5,
        tell=lambda: cluster.kubectl("get", "pods,events,pvc", "-n", namespace, "-o", "yaml").stdout[-6000:],
    )
    assert (outcome.ok, outcome.cached, outcome.files) == (True, True, 1)
    # Used, by a user who owns nothing there.
    assert (claim / version.name).stat().st_mtime > 0
    assert claim.stat().st_gid == GROUP
