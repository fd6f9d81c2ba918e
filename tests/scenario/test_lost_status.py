"""Whole reconciles on fakes: the status is lost, or the first one was never written."""

import json

import pytest
from tests.fakes.builders import version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT


def bare_pod(name):
    """A pod that is ready and has proved nothing."""
    pod = ready_pod(name)
    pod["initContainerStatuses"][0]["state"]["terminated"]["message"] = ""
    return pod


def differing_pod(name):
    """A pod that is ready, with files of its own."""
    pod = ready_pod(name)
    ended = pod["initContainerStatuses"][0]["state"]["terminated"]
    tree = ("8" if name.endswith("0") else "9") * 64
    ended["message"] = json.dumps(json.loads(ended["message"]) | {"treeDigest": f"sha256:{tree}"})
    return pod


def lose_status(rig):
    """As after a kill before the first status, or when somebody has wiped it."""
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": {}})


async def first_rollout_without_a_status(rig, pods):
    rig.registry.point("production", version(1))
    await rig.settle()
    rig.cluster.roll(KEY, pods)
    lose_status(rig)


def outcomes(rig):
    return [(entry["version"], entry["outcome"]) for entry in rig.status.get("history", ())]


async def test_a_first_rollout_whose_status_was_never_written_is_told_once_it_has_ended(rig):
    await first_rollout_without_a_status(rig, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert outcomes(rig) == [("v1", "Promoted")]


async def test_what_serves_is_told_just_as_before_when_the_status_was_lost(rig):
    await rig.serve(1)
    before = rig.status["stable"]
    lose_status(rig)
    await rig.settle()
    assert rig.status["stable"] == before
    assert rig.status["rollout"]["stable"].items() <= before.items()


async def test_a_first_rollout_whose_status_was_never_written_goes_on_where_it_was(rig):
    rig.registry.point("production", version(1))
    await rig.settle()
    lose_status(rig)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v1"
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert outcomes(rig) == [("v1", "Promoted")]


async def test_pods_that_proved_nothing_are_not_taken_for_stable_because_the_status_is_lost(rig):
    await first_rollout_without_a_status(rig, bare_pod)
    await rig.settle()
    assert "stable" not in rig.status
    assert rig.status["candidate"]["version"] == "v1"
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2, "what serves goes on"


async def test_pods_of_different_files_are_left_alone_and_told_when_the_status_is_lost(rig):
    await first_rollout_without_a_status(rig, differing_pod)
    before = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "DigestChanged")
    assert "stable" not in rig.status
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"] == before
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"


@pytest.mark.parametrize("pods", [bare_pod, differing_pod])
async def test_a_version_in_doubt_is_no_way_back_when_the_alias_has_moved(rig, pods):
    await first_rollout_without_a_status(rig, pods)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    assert "stable" not in rig.status
    assert rig.status["candidate"]["version"] == "v2"
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"


async def test_a_version_that_served_and_proved_itself_is_the_way_back_when_the_alias_has_moved(rig):
    await rig.serve(1)
    lose_status(rig)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    assert (rig.status["stable"]["version"], rig.status["candidate"]["version"]) == ("v1", "v2")
    assert outcomes(rig) == [("v1", "Promoted")]


async def test_a_history_that_was_kept_is_told_nothing_twice(rig):
    await rig.serve(1)
    kept = {"history": rig.status["history"]}
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": kept})
    await rig.settle()
    assert outcomes(rig) == [("v1", "Promoted")]
    assert rig.status["stable"]["version"] == "v1"
