"""Whole reconciles on fakes: what has to be proved before a version is the one that serves, and by whom."""

import json

import pytest
from tests.fakes.builders import version
from tests.fakes.cluster import corrupt_pod, ready_pod
from tests.fakes.rig import KEY

from lockgate.domain.resources import DEPLOYMENT, POD, REPLICA_SET


def proving(tree_of):
    """Pods that are ready and proved a tree of this digit; none where it is empty."""

    def status(name):
        pod = ready_pod(name)
        ended = pod["initContainerStatuses"][0]["state"]["terminated"]
        tree = tree_of(name)
        told = json.loads(ended["message"]) | {"treeDigest": "sha256:" + tree * 64}
        ended["message"] = json.dumps(told) if tree else ""
        return pod

    return status


def different(name):
    return "8" if name.endswith("0") else "9"


async def move(rig, number):
    rig.registry.point("production", version(number))
    await rig.poll()
    await rig.settle()


async def test_pods_with_different_files_under_one_digest_abort_the_candidate(rig):
    await rig.serve(1)
    await move(rig, 2)
    rig.cluster.roll(KEY, proving(different))
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert rig.status["rollout"]["failed"][0]["reason"] == "DigestChanged"
    assert rig.verdict("Stalled") == ("True", "RolloutAborted")


async def test_a_first_version_whose_pods_have_different_files_is_taken_out_of_service(rig):
    rig.registry.point("production", version(1))
    await rig.settle()
    rig.cluster.roll(KEY, proving(different))
    await rig.settle()
    assert "stable" not in rig.status
    assert rig.verdict("Stalled") == ("True", "DigestChanged")
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 0


async def test_pods_that_prove_nothing_promote_nothing(rig):
    await rig.serve(1)
    await move(rig, 2)
    rig.cluster.roll(KEY, proving(lambda name: "" if name.endswith("1") else "7"))
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    rig.wait(minutes=21)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert "has not proved its files" in rig.status["history"][0]["message"]


async def test_a_later_pod_with_other_files_is_told_and_never_becomes_what_was_proved(rig):
    await rig.serve(1)
    proved = rig.status["stable"]["treeDigest"]
    rig.cluster.roll(KEY, proving(lambda name: "9"))
    await rig.settle()
    assert rig.status["stable"]["treeDigest"] == proved
    assert rig.verdict("Verified") == ("False", "DigestChanged")


def stranger(rig, status, **controller):
    """A pod that somebody else made with our labels, and with the annotations of the present version."""
    template = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]["metadata"]
    owner = rig.cluster.replica_set(KEY)["metadata"]
    owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": True, **controller}]
    labels = {**template["labels"], "pod-template-hash": owner["labels"]["pod-template-hash"]}
    metadata = {"name": "aaa", "namespace": KEY[0], "labels": labels, "annotations": template["annotations"]}
    if controller:
        metadata["ownerReferences"] = owners
    rig.cluster.put(POD, {"metadata": metadata, "status": status("aaa")})


@pytest.mark.parametrize(
    "controller",
    [
        pytest.param({}, id="by labels"),
        pytest.param({"name": "mine", "uid": "uid-of-mine"}, id="by a ReplicaSet of another name"),
        pytest.param({"name": "ours", "uid": "uid-made-up"}, id="by a ReplicaSet that is not there"),
    ],
)
async def test_a_pod_that_only_looks_like_ours_neither_aborts_nor_speaks(rig, controller):
    await rig.serve(1)
    await move(rig, 2)
    rig.cluster.roll(KEY, lambda name: {}, complete=False)
    if controller.get("name") == "ours":
        controller["name"] = rig.cluster.replica_set(KEY)["metadata"]["name"]
    stranger(rig, corrupt_pod(9), **controller)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert "aaa" not in json.dumps(rig.status)


async def test_a_stranger_s_proof_is_no_proof(rig):
    await rig.serve(1)
    await move(rig, 2)
    rig.cluster.roll(KEY, proving(lambda name: ""))
    stranger(rig, ready_pod)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert "treeDigest" not in rig.status["candidate"]


async def test_whose_a_pod_is_is_read_once_for_each_template_and_at_rest_never(rig):
    reads = []
    get = rig.cluster.get

    async def counted(resource, key):
        reads.append(resource)
        return await get(resource, key)

    rig.cluster.get = counted
    await rig.serve(1)
    await rig.serve(2)
    assert reads == [REPLICA_SET, REPLICA_SET]
    rig.restart()
    for _ in range(3):
        await rig.look()
    assert reads == [REPLICA_SET, REPLICA_SET]


async def test_without_replicas_the_alias_is_followed_and_nothing_is_called_proved(rig):
    rig.create(replicas=0)
    await move(rig, 1)
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert rig.verdict("Verified") == ("Unknown", "AwaitingPods")
    await move(rig, 2)
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"
    assert "no pod has proved it" in rig.condition("Ready")["message"]


async def test_a_bad_version_taken_without_replicas_finds_the_way_back_once_there_are_some(rig):
    await rig.serve(1)
    rig.create(replicas=0)
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    for number in (2, 3):
        await move(rig, number)
        rig.cluster.roll(KEY, ready_pod)
        await rig.settle()
    assert rig.status["stable"]["version"] == "v3"
    rig.create(replicas=2)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v3"
    assert rig.status["stable"]["version"] == "v1"
    rig.cluster.roll(KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert rig.status["history"][0]["outcome"] == "Aborted"
    template = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]["metadata"]
    assert template["annotations"]["lockgate.dev/model-version"] == "v1"


async def test_a_good_version_taken_without_replicas_serves_once_there_are_some(rig):
    rig.create(replicas=0)
    await move(rig, 1)
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    rig.create(replicas=2)
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert rig.verdict("Verified") == ("True", "FilesVerified")
    assert "unproven" not in rig.status["rollout"]


async def test_a_version_that_claims_other_bytes_amid_its_rollout_changes_nothing(rig):
    await rig.serve(1)
    await move(rig, 2)
    rig.registry.point("production", version(2, digest="f" * 32))
    await rig.poll()
    await rig.settle()
    assert rig.status["candidate"]["digest"] == version(2).claim
    assert [entry["version"] for entry in rig.status["history"]] == ["v1"]
