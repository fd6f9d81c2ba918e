"""Whole reconciles on fakes: labels taken off, pods that are ended or never made, a runtime that goes."""

from copy import deepcopy

import pytest
from tests.fakes.builders import version
from tests.fakes.cluster import pod_of, ready_pod
from tests.fakes.rig import KEY

from lockgate.domain.resources import DEPLOYMENT, MODEL_RUNTIME, POD, SERVICE
from lockgate.names import LABEL_MANAGED_BY

RUNTIME = ("", "onnx")
QUOTA = 'pods "churn-1" is forbidden: exceeded quota: small'


async def amid_a_rollout(rig):
    """v1 serves, v2 has been asked for and has one pod that is not up."""
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.cluster.begin_roll(KEY)
    await rig.settle()


def set_condition(rig, **condition):
    workload = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    workload["status"].setdefault("conditions", []).append(condition)
    rig.cluster.put(DEPLOYMENT, workload)


@pytest.mark.parametrize("resource", [DEPLOYMENT, SERVICE], ids=lambda resource: resource.kind)
async def test_a_child_whose_label_was_taken_off_is_seen_and_labelled_again(rig, resource):
    """The watch tells that as a deletion, at the very version that the living object has."""
    await rig.serve(1)
    take_label_off(rig, resource)
    for _ in range(3):
        await rig.look()
    assert LABEL_MANAGED_BY in rig.cluster.objects[resource, KEY]["metadata"]["labels"]
    await rig.settle()
    assert rig.verdict("Ready") == ("True", "RolledOut")


def take_label_off(rig, resource):
    obj = deepcopy(rig.cluster.objects[resource, KEY])
    obj["metadata"]["labels"].pop(LABEL_MANAGED_BY, None)
    rig.cluster.put(resource, obj)


async def test_a_child_without_its_label_that_changes_meanwhile_is_read_again(rig):
    await rig.serve(1)
    take_label_off(rig, DEPLOYMENT)
    await rig.look()
    set_condition(rig, type="Progressing", status="True")
    for _ in range(2):
        await rig.look()
    assert LABEL_MANAGED_BY in rig.cluster.objects[DEPLOYMENT, KEY]["metadata"]["labels"]


async def test_a_child_that_vanishes_without_its_label_is_made_anew(rig):
    await rig.serve(1)
    take_label_off(rig, DEPLOYMENT)
    await rig.look()
    rig.cluster.drop(DEPLOYMENT, KEY)
    for _ in range(3):
        await rig.look()
    assert (DEPLOYMENT, KEY) in rig.cluster.objects


async def test_an_abort_is_carried_out_although_the_runtime_is_gone(rig):
    await rig.serve(1)
    before = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.cluster.begin_roll(KEY)
    rig.cluster.drop(MODEL_RUNTIME, RUNTIME)
    await rig.settle()
    rig.wait(minutes=30)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"] == before


async def test_a_rollout_that_is_out_is_told_although_the_runtime_is_gone(rig):
    await amid_a_rollout(rig)
    rig.cluster.roll(KEY, ready_pod)
    rig.cluster.drop(MODEL_RUNTIME, RUNTIME)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"


def evict(rig, name):
    status = ready_pod(name) | {"phase": "Failed", "reason": "Evicted", "conditions": []}
    rig.cluster.put(POD, pod_of(rig.cluster.replica_set(KEY), name) | {"status": status})


async def test_pods_that_are_evicted_one_after_the_other_are_no_progress(rig):
    """Each stays there, and Kubernetes makes the next."""
    await amid_a_rollout(rig)
    for number in range(4):
        rig.wait(minutes=7)
        evict(rig, f"evicted-{number}")
        await rig.settle()
    assert "candidate" not in rig.status
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert "Evicted" in rig.status["history"][0]["message"]


async def test_a_pod_that_was_evicted_speaks_for_no_later_try(rig):
    await rig.serve(1)
    evict(rig, "evicted")
    await rig.settle()
    other = ready_pod("other") | {"phase": "Failed", "reason": "Evicted", "conditions": []}
    ended = other["initContainerStatuses"][0]["state"]["terminated"]
    ended["message"] = ended["message"].replace("7" * 64, "8" * 64)
    rig.cluster.put(POD, pod_of(rig.cluster.replica_set(KEY), "other") | {"status": other})
    await rig.settle()
    assert rig.verdict("Verified") == ("True", "FilesVerified")


async def test_why_no_pod_can_be_made_is_told_at_once_and_in_the_end(rig):
    await amid_a_rollout(rig)
    set_condition(rig, type="ReplicaFailure", status="True", reason="FailedCreate", message=QUOTA)
    await rig.settle()
    assert rig.verdict("Ready") == ("Unknown", "RollingOut")
    assert "exceeded quota" in rig.condition("Ready")["message"]
    rig.wait(minutes=30)
    await rig.settle()
    assert "exceeded quota" in rig.status["history"][0]["message"]


async def test_what_an_admission_webhook_makes_of_a_rollout_is_told(rig):
    """It wants more replicas, so what was asked for never comes out."""
    apply = rig.cluster.apply

    async def changed_on_the_way(resource, obj, *, force):
        answer = await apply(resource, obj, force=force)
        if resource is not DEPLOYMENT:
            return answer
        return rig.cluster.put(DEPLOYMENT, {**answer, "spec": {**answer["spec"], "replicas": 3}})

    rig.cluster.apply = changed_on_the_way
    rig.registry.point("production", version(1))
    await rig.poll()
    await rig.settle()
    assert "spec.replicas of Deployment churn" in rig.condition("Ready")["message"]
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    rig.wait(minutes=30)
    await rig.settle()
    assert "spec.replicas of Deployment churn" in rig.condition("Stalled")["message"]
