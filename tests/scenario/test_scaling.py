"""Whole reconciles on fakes: what the status tells whoever scales, and what telling it costs."""

from copy import deepcopy

from tests.fakes.builders import version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, MODEL_RUNTIME

SELECTOR = "lockgate.dev/model-deployment=churn"


def asked(rig):
    return rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"]


def somebody_scales_the_child(rig, replicas):
    workload = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    workload["spec"]["replicas"] = replicas
    rig.cluster.put(DEPLOYMENT, workload)


def served(rig, number):
    """What the Deployment controller tells when so many of the pods are there and available."""
    workload = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    workload["status"] |= {"replicas": number, "updatedReplicas": number, "availableReplicas": number}
    rig.cluster.put(DEPLOYMENT, workload)


async def test_the_first_status_tells_how_many_are_asked_for_and_how_their_pods_are_found(rig):
    rig.registry.point("production", version(1))
    await rig.look()
    assert (rig.status["replicas"], rig.status["selector"]) == (2, SELECTOR)
    labels = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]["metadata"]["labels"]
    assert SELECTOR in [f"{name}={value}" for name, value in labels.items()]


async def test_a_deployment_that_waits_for_its_first_version_has_no_replicas(rig):
    await rig.settle()
    assert rig.verdict("Resolved") == ("False", "AliasNotFound")
    assert (rig.status["replicas"], rig.status["selector"]) == (0, SELECTOR)


async def test_scaling_is_no_rollout_and_is_told(rig):
    await rig.serve(1)
    history = rig.status["history"]
    rig.cluster.writes.clear()
    rig.create(replicas=3)
    await rig.settle()
    assert (asked(rig), rig.status["replicas"]) == (3, 3)
    assert "candidate" not in rig.status
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert rig.status["history"] == history
    assert rig.cluster.writes == ["apply Deployment", "status ModelDeployment", "status ModelDeployment"]


async def test_pods_that_come_and_go_change_no_number_in_the_status(rig):
    rig.create(replicas=4)
    await rig.serve(1)
    served(rig, 3)
    await rig.settle()
    rig.cluster.writes.clear()
    for number in (2, 1, 2, 3, 1):
        served(rig, number)
        await rig.settle()
    assert rig.cluster.writes == []
    assert rig.status["replicas"] == 4


async def test_a_status_of_an_earlier_release_is_written_once_and_after_a_restart_never(rig):
    await rig.serve(1)
    known = deepcopy(rig.cluster.objects[MODEL_DEPLOYMENT, KEY])
    told = deepcopy(known["status"])
    for name in ("replicas", "selector"):
        del known["status"][name]
    rig.cluster.put(MODEL_DEPLOYMENT, known)
    rig.cluster.writes.clear()
    for _ in range(3):
        rig.restart()
        await rig.settle()
    assert rig.cluster.writes == ["status ModelDeployment"]
    assert rig.status == told


async def test_while_it_is_suspended_the_status_tells_what_runs_and_not_what_was_asked_for_since(rig):
    await rig.serve(1)
    rig.create(suspend=True, replicas=5)
    await rig.settle()
    assert (asked(rig), rig.status["replicas"]) == (2, 2)
    rig.create(suspend=False, replicas=5)
    await rig.settle()
    assert (asked(rig), rig.status["replicas"]) == (5, 5)


async def test_what_serves_is_scaled_although_its_runtime_is_gone(rig):
    await rig.serve(1)
    rig.cluster.drop(MODEL_RUNTIME, ("", "onnx"))
    rig.create(replicas=5)
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "RuntimeNotFound")
    assert (asked(rig), rig.status["replicas"]) == (5, 5)


async def test_an_autoscaler_of_the_child_is_told_where_it_belongs_and_costs_no_status(rig):
    await rig.serve(1)
    for replicas in range(10, 20):
        rig.wait(seconds=1)
        somebody_scales_the_child(rig, replicas)
        await rig.settle()
    assert rig.verdict("Ready") == ("False", "Contested")
    assert "target the ModelDeployment" in rig.condition("Ready")["message"]
    rig.cluster.writes.clear()
    for replicas in range(20, 30):
        somebody_scales_the_child(rig, replicas)
        await rig.settle()
    assert rig.cluster.writes == []
    assert rig.status["replicas"] == 2
    rig.wait(minutes=2)
    await rig.settle()
    assert asked(rig) == 2
