"""Whole reconciles on fakes: what users do, and what the status then says."""

from datetime import UTC, datetime

import pytest
from tests.fakes.builders import version
from tests.fakes.cluster import corrupt_pod, pod_of, ready_pod
from tests.fakes.rig import KEY

from lockgate.domain.resources import DEPLOYMENT, POD
from lockgate.errors import NotOwned


async def test_a_new_deployment_rolls_out_what_the_alias_means(rig):
    rig.registry.point("production", version(1))
    await rig.settle()
    assert rig.status["phase"] == "RollingOut"
    assert rig.verdict("Ready") == ("Unknown", "RollingOut")
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert rig.status["stable"]["treeDigest"] == "sha256:" + "7" * 64
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert rig.verdict("Verified") == ("True", "FilesVerified")
    assert [entry["outcome"] for entry in rig.status["history"]] == ["Promoted"]


async def test_a_moved_alias_costs_four_writes(rig):
    await rig.serve(1)
    rig.cluster.writes.clear()
    await rig.serve(2)
    assert rig.cluster.writes == [
        "create ControllerRevision",
        "apply Deployment",
        "status ModelDeployment",
        "status ModelDeployment",
    ]
    assert rig.status["previous"]["version"] == "v1"
    assert [entry["version"] for entry in rig.status["history"]] == ["v2", "v1"]


async def test_at_rest_nothing_is_written_however_often_one_looks(rig):
    await rig.serve(1)
    rig.cluster.writes.clear()
    for _ in range(20):
        rig.wait(minutes=5)
        await rig.poll()
        await rig.look()
    assert rig.cluster.writes == []


async def test_a_newer_target_supersedes_the_candidate(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.registry.point("production", version(3))
    await rig.poll()
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v3"
    assert rig.status["stable"]["version"] == "v1"
    assert rig.status["history"][0]["outcome"] == "Superseded"
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v3"


async def test_an_alias_that_returns_mid_rollout_ends_on_the_old_version_without_an_abort(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.registry.point("production", version(1))
    await rig.poll()
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert "failed" not in rig.status["rollout"]
    assert rig.verdict("Ready") == ("True", "RolledOut")


async def test_a_candidate_that_misses_its_deadline_is_aborted_and_not_tried_again(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.cluster.roll(KEY, lambda name: {}, complete=False)
    await rig.settle()
    rig.wait(minutes=21)
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "RolloutAborted")
    assert rig.status["phase"] == "Degraded"
    template = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]
    assert template["metadata"]["annotations"]["lockgate.dev/model-version"] == "v1"
    rig.wait(hours=5)
    rig.cluster.writes.clear()
    await rig.poll()
    await rig.look()
    assert rig.cluster.writes == []


async def test_a_change_of_what_its_pods_are_made_of_tries_an_aborted_version_again(rig):
    await test_a_candidate_that_misses_its_deadline_is_aborted_and_not_tried_again(rig)
    rig.create(resources={"requests": {"cpu": "200m"}})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert rig.status["rollout"]["trigger"] == "SpecChanged"


async def test_wrong_bytes_abort_the_candidate_after_three_attempts(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.cluster.roll(KEY, corrupt_pod(attempts=2), complete=False)
    await rig.settle()
    assert rig.verdict("Verified") == ("False", "FetchFailed")
    assert rig.status["candidate"]["version"] == "v2"
    rig.cluster.roll(KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert "other bytes" in rig.status["history"][0]["message"]
    assert rig.status["stable"]["version"] == "v1"


async def test_a_first_version_that_cannot_be_fetched_stalls_with_the_reason(rig):
    rig.registry.point("production", version(1))
    await rig.settle()
    rig.cluster.roll(KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "FetchFailed")
    assert "other bytes" in rig.condition("Ready")["message"]
    assert rig.status["phase"] == "Failed"


async def test_a_pin_holds_its_version_until_it_ends(rig):
    await rig.serve(1)
    rig.registry.point("v3", version(3))
    rig.create(pin={"version": "v3", "reason": "incident 42", "until": "2026-01-05T10:00:00Z"})
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    result = await rig.settle()
    assert rig.status["stable"]["version"] == "v3"
    assert rig.verdict("Resolved") == ("True", "Pinned")
    assert "incident 42" in rig.condition("Resolved")["message"]
    assert result.wake is not None
    rig.now = result.wake
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"


@pytest.mark.parametrize(
    "in_the_way", ["a version that never comes up", "suspended", "a cluster that refuses"]
)
async def test_the_end_of_a_pin_is_kept_in_mind_whatever_stands_in_the_way(rig, in_the_way):
    rig.registry.point("v3", version(3))
    pin = {"version": "v3", "reason": "incident 42", "until": "2026-01-05T10:00:00Z"}
    rig.create(pin=pin, suspend=in_the_way == "suspended")
    await rig.settle()
    if in_the_way == "a version that never comes up":
        rig.wait(minutes=21)
        await rig.settle()
        assert rig.verdict("Stalled")[0] == "True"
    if in_the_way == "a cluster that refuses":
        rig.create(pin=pin, replicas=3)
        rig.cluster.fail_next = [NotOwned("Deployment churn belongs to somebody else")]
    result = await rig.look()
    assert result.wake == datetime(2026, 1, 5, 10, tzinfo=UTC)


async def test_suspend_changes_nothing_and_says_so(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    rig.create(suspend=True)
    rig.cluster.writes.clear()
    await rig.poll()
    await rig.settle()
    assert rig.cluster.writes == ["status ModelDeployment"]
    assert rig.verdict("Paused") == ("True", "Suspended")
    assert rig.status["phase"] == "Suspended"
    assert rig.status["desired"]["version"] == "v2"
    assert rig.status["stable"]["version"] == "v1"
    rig.create(suspend=False)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_two_aliases_of_one_version_need_no_rollout(rig):
    await rig.serve(1)
    rig.registry.point("champion", version(1))
    rig.create(model={"registry": "model", "collection": "churn", "alias": "champion"})
    rig.cluster.writes.clear()
    await rig.settle()
    assert "apply Deployment" not in rig.cluster.writes
    assert rig.status["stable"]["alias"] == "champion"
    assert rig.condition("Ready")["status"] == "True"


async def test_scaling_is_no_rollout_but_not_ready_before_it_is_done(rig):
    await rig.serve(1)
    rig.create(replicas=3)
    await rig.settle()
    assert rig.verdict("Ready") == ("Unknown", "RollingOut")
    assert "candidate" not in rig.status
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.condition("Ready")["status"] == "True"


async def test_every_transition_gives_one_event_and_a_first_rollout_that_is_soon_over_one_in_all(rig):
    await rig.serve(1)
    await rig.serve(2)
    reasons = [event["reason"] for event in rig.cluster.events]
    assert reasons == ["RolledOut", "RolloutStarted", "RolledOut"]


async def test_the_events_of_a_first_rollout_that_is_aborted_begin_with_its_start(rig):
    rig.registry.point("production", version(1))
    await rig.settle()
    assert rig.cluster.events == []
    rig.cluster.roll(KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "FetchFailed")
    reasons = [event["reason"] for event in rig.cluster.events]
    assert reasons == ["RolloutStarted", "RolloutAborted", "FetchFailed"]


async def test_a_spec_written_after_the_alias_moved_starts_with_the_moved_alias(rig):
    rig.registry.point("production", version(1))
    await rig.poll()
    rig.registry.point("production", version(2))
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert "history" not in rig.status


async def test_a_version_is_promoted_once_its_pods_are_available_and_not_when_they_are_ready(rig):
    rig.create(minReadySeconds=60)
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["minReadySeconds"] == 60
    rig.cluster.roll(KEY, ready_pod)
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    settling = {**workload, "status": {**workload["status"], "availableReplicas": 0}}
    rig.cluster.put(DEPLOYMENT, settling)
    await rig.settle()
    assert settling["status"]["readyReplicas"] == settling["spec"]["replicas"] > 0
    assert (rig.status["stable"]["version"], rig.status["candidate"]["version"]) == ("v1", "v2")
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"


async def test_what_is_ready_at_once_is_available_at_once_unless_the_author_asks_for_more(rig):
    await rig.serve(1)
    assert "minReadySeconds" not in rig.cluster.objects[DEPLOYMENT, KEY]["spec"]
    template = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]
    rig.create(minReadySeconds=60)
    await rig.settle()
    changed = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]
    assert (changed["minReadySeconds"], changed["template"]) == (60, template)
    rig.create()
    await rig.settle()
    assert "minReadySeconds" not in rig.cluster.objects[DEPLOYMENT, KEY]["spec"]


async def test_traffic_is_told_only_once_no_pod_of_what_was_given_up_answers_any_more(rig):
    await rig.serve(1)
    assert [(share["version"], share["weight"]) for share in rig.status["traffic"]] == [("v1", 100)]
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    owner = rig.cluster.replica_set(KEY)
    rig.cluster.put(POD, pod_of(owner, "early") | {"status": ready_pod("early")})
    rig.cluster.begin_roll(KEY)
    await rig.settle()
    rig.registry.point("production", version(1))
    await rig.poll()
    await rig.settle()
    assert "candidate" not in rig.status
    assert not rig.status.get("traffic"), "a pod of v2 answers too"
    rig.cluster.drop(POD, (KEY[0], "early"))
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert [(share["version"], share["weight"]) for share in rig.status["traffic"]] == [("v1", 100)]
