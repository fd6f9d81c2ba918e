"""Whole reconciles on fakes: what is late, what failed, and what is worth another try."""

from dataclasses import replace

import pytest
from tests.fakes.builders import deployment, revision, version
from tests.fakes.cluster import corrupt_pod, ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT


def running(rig):
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    return workload["metadata"]["annotations"]["lockgate.dev/model-version"]


async def move(rig, number):
    rig.registry.point("production", version(number))
    await rig.poll()
    await rig.settle()


async def rolling(rig):
    await rig.serve(1)
    await move(rig, 2)


async def aborted(rig):
    await rolling(rig)
    rig.cluster.roll(KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert (running(rig), rig.status["history"][0]["outcome"]) == ("v1", "Aborted")


def pods_up(rig, updated, ready):
    """The Deployment controller got so far with the new version."""
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    counts = {
        "observedGeneration": workload["metadata"]["generation"],
        "replicas": 3,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
    }
    rig.cluster.put(DEPLOYMENT, {**workload, "status": {**workload["status"], **counts}})


async def test_pods_that_come_up_one_after_the_other_are_not_late(rig):
    rig.create(replicas=3)
    await rolling(rig)
    for updated in (1, 2, 3):
        pods_up(rig, updated, ready=3)
        await rig.settle()
        rig.wait(minutes=15)
        await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    rig.wait(minutes=6)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert "came no further for 1200 s" in rig.status["history"][0]["message"]


async def test_a_pod_that_fails_over_and_over_makes_no_progress(rig):
    await rolling(rig)
    for attempt in range(1, 6):
        pods_up(rig, 1, ready=2 if attempt % 2 else 1)
        await rig.settle()
        rig.wait(minutes=5)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"


async def test_a_rollout_that_moves_on_costs_no_write_before_a_quarter_of_its_deadline(rig):
    rig.create(replicas=3)
    await rolling(rig)
    rig.cluster.writes.clear()
    for updated in (1, 2, 3):
        rig.wait(minutes=1)
        pods_up(rig, updated, ready=3)
        await rig.settle()
    assert rig.cluster.writes == []


async def test_a_clock_that_jumps_ahead_aborts_nothing(rig):
    await rolling(rig)
    rig.jump(hours=1)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    rig.wait(minutes=21)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"


async def test_a_clock_that_was_ahead_by_a_year_keeps_no_bad_version_alive(rig):
    await rolling(rig)
    rig.jump(days=-400)
    result = await rig.look()
    assert result.wake is not None
    assert (result.wake - rig.now).total_seconds() <= 20 * 60
    rig.wait(minutes=21)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"


@pytest.mark.parametrize(("minutes", "outcome"), [(12, "Aborted"), (8, "Promoted")])
async def test_what_passed_before_a_restart_counts_for_at_most_half_of_the_deadline(rig, minutes, outcome):
    await rolling(rig)
    rig.wait(hours=5)
    rig.restart()
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    rig.wait(minutes=minutes)
    await rig.settle()
    if outcome == "Promoted":
        rig.cluster.roll(KEY, ready_pod)
        await rig.settle()
    assert rig.status["history"][0]["outcome"] == outcome


async def test_a_suspended_rollout_stands_still_and_its_time_with_it(rig):
    await rolling(rig)
    pods_up(rig, 1, ready=2)
    rig.create(suspend=True)
    rig.cluster.writes.clear()
    await rig.settle()
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    assert workload["spec"]["paused"] is True
    assert rig.cluster.writes == ["apply Deployment", "status ModelDeployment"]
    rig.create(suspend=True, replicas=5, resources={"requests": {"cpu": "300m"}})
    rig.wait(hours=5)
    await rig.settle()
    found = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]
    assert found["replicas"] == 2
    assert found["template"] == workload["spec"]["template"]
    rig.restart()
    rig.create(suspend=False)
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"].get("paused", False) is False
    assert rig.status["candidate"]["version"] == "v2"
    rig.wait(minutes=19)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    rig.wait(minutes=2)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"


async def test_scaling_up_in_an_incident_does_not_bring_the_bad_version_back(rig):
    await aborted(rig)
    rig.create(replicas=5, revisionHistoryLimit=3)
    await rig.settle()
    assert running(rig) == "v1"
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 5
    assert "candidate" not in rig.status


async def test_an_alias_that_comes_back_to_a_bad_version_does_not_try_it_again(rig):
    await aborted(rig)
    for number in (1, 2, 1, 2):
        await move(rig, number)
        assert running(rig) == "v1"
    assert [entry["outcome"] for entry in rig.status["history"]] == ["Aborted", "Promoted"]
    assert rig.verdict("Stalled") == ("True", "RolloutAborted")
    await move(rig, 1)
    assert rig.verdict("Ready") == ("True", "RolledOut")


async def test_each_bad_version_stays_bad_when_another_one_follows(rig):
    await aborted(rig)
    await move(rig, 3)
    rig.cluster.roll(KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    await move(rig, 2)
    assert running(rig) == "v1"
    assert {failed["version"] for failed in rig.status["rollout"]["failed"]} == {"v2", "v3"}


async def test_a_new_value_of_the_retry_annotation_tries_a_bad_version_again_once(rig):
    await aborted(rig)
    obj = rig.cluster.objects[MODEL_DEPLOYMENT, KEY]
    noted = {**obj["metadata"], "annotations": {"lockgate.dev/retry": "the bucket is mended"}}
    rig.cluster.put(MODEL_DEPLOYMENT, {**obj, "metadata": noted})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert rig.status["rollout"]["trigger"] == "Retried"
    rig.cluster.roll(KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert running(rig) == "v1"


async def test_a_first_version_with_wrong_bytes_is_not_fetched_for_ever(rig):
    rig.registry.point("production", version(1))
    await rig.settle()
    rig.cluster.roll(KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 0
    assert rig.verdict("Stalled") == ("True", "FetchFailed")
    rig.cluster.roll(KEY, ready_pod)
    rig.wait(hours=5)
    rig.cluster.writes.clear()
    await rig.settle()
    await rig.poll()
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 0
    assert rig.verdict("Stalled") == ("True", "FetchFailed")
    await move(rig, 2)
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"


async def test_a_first_version_that_serves_on_some_nodes_is_kept_where_others_get_wrong_bytes(rig):
    rig.registry.point("production", version(1))
    await rig.settle()
    bad = corrupt_pod(attempts=3)
    rig.cluster.roll(KEY, lambda name: bad(name) if name.endswith("1") else ready_pod(name), complete=False)
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "FetchFailed")
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2


@pytest.mark.parametrize("step", [-2, 7, "x"])
async def test_a_step_that_the_strategy_does_not_have_begins_anew(rig: Rig, step):
    await rolling(rig)
    obj = rig.cluster.objects[MODEL_DEPLOYMENT, KEY]
    rollout = {**obj["status"]["rollout"], "step": step}
    rig.cluster.put(MODEL_DEPLOYMENT, {**obj, "status": {**obj["status"], "rollout": rollout}})
    await rig.settle()
    assert rig.status["rollout"]["step"] == 0
    assert rig.status["step"] == "1/1"


def test_a_step_out_of_range_is_the_first_and_never_the_last():
    state = replace(deployment().status.rollout, candidate=revision(1), step=3)
    assert state.valid_for(4) == state
    assert state.valid_for(3).step == 0
    assert replace(state, step=-1).valid_for(4).step == 0
