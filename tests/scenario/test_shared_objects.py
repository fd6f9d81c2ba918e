"""Whole reconciles on fakes: objects that Lockgate shares with others, and a watch that is late."""

from copy import deepcopy

import pytest
from tests.fakes.builders import runtime_object, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, MODEL_RUNTIME
from lockgate.errors import Conflict


def server(rig):
    pod = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]["spec"]
    return next(each for each in pod["containers"] if each["name"] == "server")


async def test_what_somebody_writes_into_the_status_is_gone_after_one_write(rig):
    await rig.serve(1)
    before = rig.status
    theirs = {**before, "step": "3/7", "candidate": {"version": "v9", "uri": "wandb://acme/x/churn:v9"}}
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": theirs})
    rig.cluster.writes.clear()
    await rig.settle()
    assert rig.status == before
    assert rig.cluster.writes == ["status ModelDeployment"]


async def test_what_is_no_longer_rendered_is_taken_out_of_the_cluster(rig):
    variables = [{"name": "THREADS", "value": "2"}, {"name": "LOG", "value": "info"}]
    rig.cluster.put(MODEL_RUNTIME, runtime_object(env=variables, command=["serve"]))
    await rig.serve(1)
    assert {"THREADS", "LOG"} <= {each["name"] for each in server(rig)["env"]}
    assert server(rig)["command"] == ["serve"]
    rig.cluster.put(MODEL_RUNTIME, runtime_object(env=variables[:1]))
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    names = {each["name"] for each in server(rig)["env"]}
    assert "THREADS" in names
    assert "LOG" not in names
    assert "command" not in server(rig)


async def test_what_others_add_to_a_deployment_stays_over_a_rollout(rig):
    await rig.serve(1)
    theirs = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    theirs["metadata"]["annotations"] |= {"team": "growth"}
    theirs["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    rig.cluster.put(DEPLOYMENT, theirs)
    await rig.serve(2)
    found = rig.cluster.objects[DEPLOYMENT, KEY]
    assert found["metadata"]["annotations"]["team"] == "growth"
    assert [each["name"] for each in found["spec"]["template"]["spec"]["containers"]] == ["server", "proxy"]
    assert found["metadata"]["annotations"]["lockgate.dev/model-version"] == "v2"


async def test_a_watch_that_is_late_costs_no_write_and_no_step(rig):
    await rig.serve(1)
    rig.cluster.lag()
    rig.cluster.writes.clear()
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    while rig.cluster.deliver(1):
        await rig.look()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2", "nobody was told yet that it is up"
    while rig.cluster.deliver(1):
        await rig.settle()
    assert rig.status["stable"]["version"] == "v2"
    assert rig.cluster.writes == [
        "create ControllerRevision",
        "apply Deployment",
        "status ModelDeployment",
        "status ModelDeployment",
    ]


async def move_the_alias_and_meet_a_conflict(rig):
    """The new version is still being uploaded, which is all that there is to tell; then it is there."""
    rig.registry.point("production", version(2, ready=False))
    await rig.poll()
    with pytest.raises(Conflict):
        await rig.look()
    rig.registry.point("production", version(2))
    await rig.poll()
    rig.cluster.writes.clear()


async def test_whoever_is_told_that_it_was_edited_meanwhile_looks_at_the_edit_before_all_else(rig):
    await rig.serve(1)
    rig.cluster.lag()
    rig.create(pin={"version": "v1", "reason": "incident 42"})
    await move_the_alias_and_meet_a_conflict(rig)
    await rig.settle()
    assert "apply Deployment" not in rig.cluster.writes, "it is pinned to what serves"
    assert rig.status["stable"]["version"] == "v1"


async def test_whoever_is_told_that_it_was_deleted_meanwhile_makes_no_child_of_it(rig):
    await rig.serve(1)
    rig.cluster.lag()
    rig.cluster.erase(MODEL_DEPLOYMENT, KEY)
    await move_the_alias_and_meet_a_conflict(rig)
    assert (await rig.reconciler.reconcile(KEY)).gone
    assert rig.cluster.writes == []
