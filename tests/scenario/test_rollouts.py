"""Whole reconciles on fakes: what users do, and what the status then says."""

import pytest
from tests.fakes.builders import deployment_object, version
from tests.fakes.cluster import corrupt_pod, ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.model import Contents
from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, SERVICE
from lockgate.errors import (
    AccessDenied,
    AliasNotFound,
    ClusterUnavailable,
    RegistryUnavailable,
)


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.create()
    return rig


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


async def test_a_moved_alias_costs_three_writes(rig):
    await rig.serve(1)
    rig.cluster.writes.clear()
    await rig.serve(2)
    assert rig.cluster.writes == ["apply Deployment", "status ModelDeployment", "status ModelDeployment"]
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
    rig.wait(minutes=11)
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


async def test_a_change_of_the_spec_tries_an_aborted_version_again(rig):
    await test_a_candidate_that_misses_its_deadline_is_aborted_and_not_tried_again(rig)
    rig.create(progressDeadline="30m")
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


@pytest.mark.parametrize(
    ("error", "resolved"),
    [
        pytest.param(RegistryUnavailable("the registry did not answer"), "Unknown", id="registry-down"),
        pytest.param(AccessDenied("the key may not read model/churn"), "False", id="access-denied"),
        pytest.param(AliasNotFound("model/churn has no alias production"), "False", id="alias-gone"),
    ],
)
async def test_a_registry_that_gives_no_version_changes_nothing_that_serves(rig, error, resolved):
    await rig.serve(1)
    rig.cluster.writes.clear()
    rig.registry.down = error
    for _ in range(4):
        await rig.poll()
        await rig.settle()
    assert rig.condition("Resolved")["status"] == resolved
    assert rig.condition("Ready")["status"] == "True"
    assert rig.status["stable"]["version"] == "v1"
    assert rig.cluster.writes == ["status ModelDeployment"]


async def test_a_single_failed_poll_is_not_worth_a_write(rig):
    await rig.serve(1)
    rig.cluster.writes.clear()
    rig.registry.down = RegistryUnavailable("the registry did not answer")
    await rig.poll()
    await rig.settle()
    rig.registry.down = None
    await rig.poll()
    await rig.settle()
    assert rig.cluster.writes == []


async def test_a_missing_alias_makes_it_unready_only_where_the_author_asked_for_that(rig):
    rig.create(onAliasMissing="Fail")
    await rig.serve(1)
    rig.registry.answers.clear()
    await rig.poll()
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "AliasNotFound")
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2


async def test_an_alias_that_was_never_there_is_not_ready(rig):
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "AliasNotFound")
    assert rig.status["phase"] == "Pending"
    assert (DEPLOYMENT, KEY) not in rig.cluster.objects


async def test_a_spec_that_names_another_missing_alias_is_not_ready_though_the_old_version_serves(rig):
    await rig.serve(1)
    rig.create(model={"registry": "model", "collection": "churn", "alias": "champion"})
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "AliasNotFound")
    assert rig.status["stable"]["version"] == "v1"


async def test_two_aliases_of_one_version_need_no_rollout(rig):
    await rig.serve(1)
    rig.registry.point("champion", version(1))
    rig.create(model={"registry": "model", "collection": "churn", "alias": "champion"})
    rig.cluster.writes.clear()
    await rig.settle()
    assert "apply Deployment" not in rig.cluster.writes
    assert rig.status["stable"]["alias"] == "champion"
    assert rig.condition("Ready")["status"] == "True"


@pytest.mark.parametrize(
    ("found", "contents", "reason"),
    [
        pytest.param(version(2, committed=False), None, "ArtifactPending", id="pending"),
        pytest.param(version(2, file_count=0), None, "ArtifactRejected", id="empty"),
        pytest.param(
            version(2),
            Contents(
                files=1, size=1, references=1, suffixes=frozenset({".onnx"}), first_reference="s3://b/x"
            ),
            "ArtifactRejected",
            id="references",
        ),
        pytest.param(
            version(2),
            Contents(files=1, size=1, references=0, suffixes=frozenset({".pkl"})),
            "FormatNotAccepted",
            id="format",
        ),
        pytest.param(version(1, digest="f" * 32), None, "DigestChanged", id="digest-changed"),
    ],
)
async def test_a_version_that_may_not_serve_leaves_the_old_one_serving(rig, found, contents, reason):
    await rig.serve(1)
    if contents:
        rig.registry.contents[found.version] = contents
    rig.registry.point("production", found)
    rig.cluster.writes.clear()
    await rig.poll()
    await rig.settle()
    assert rig.condition("Resolved")["reason"] == reason
    assert rig.status["stable"]["version"] == "v1"
    assert rig.cluster.writes == ["status ModelDeployment"]


async def test_an_unknown_runtime_is_named_and_touches_nothing(rig):
    rig.registry.point("production", version(1))
    rig.create(runtime={"name": "tensorrt"})
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "RuntimeNotFound")
    assert "tensorrt" in rig.condition("Ready")["message"]
    assert (DEPLOYMENT, KEY) not in rig.cluster.objects


async def test_a_foreign_deployment_in_the_way_is_never_touched(rig):
    rig.cluster.put(
        DEPLOYMENT,
        {"kind": "Deployment", "metadata": {"name": "churn", "namespace": "growth"}, "spec": {"mine": True}},
    )
    rig.registry.point("production", version(1))
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "NotOwned")
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"] == {"mine": True}
    assert (SERVICE, KEY) not in rig.cluster.objects


async def test_resources_above_the_ceiling_are_refused_by_name(rig):
    rig.registry.point("production", version(1))
    rig.create(resources={"limits": {"memory": "2Gi"}})
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "InvalidSpec")
    assert "spec.resources.limits.memory" in rig.condition("Ready")["message"]


async def test_a_child_changed_by_hand_is_put_right_with_one_write(rig):
    await rig.serve(1)
    service = rig.cluster.objects[SERVICE, KEY]
    rig.cluster.put(SERVICE, {**service, "spec": {**service["spec"], "selector": {"app": "other"}}})
    rig.cluster.writes.clear()
    await rig.settle()
    assert rig.cluster.writes[0] == "apply Service"
    assert rig.cluster.objects[SERVICE, KEY]["spec"]["selector"]["lockgate.dev/model-deployment"] == "churn"


async def test_a_deleted_child_comes_back(rig):
    await rig.serve(1)
    rig.cluster.drop(DEPLOYMENT, KEY)
    await rig.settle()
    assert rig.verdict("Available") == ("False", "MinimumReplicasUnavailable")
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.condition("Ready")["status"] == "True"
    assert rig.status["stable"]["version"] == "v1"


async def test_a_lost_status_is_recovered_from_what_runs(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": {}})
    await rig.poll()
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert rig.status["candidate"]["version"] == "v2"


async def test_a_nonsensical_status_is_no_obstacle(rig):
    await rig.serve(1)
    garbage = {"rollout": {"candidate": {"version": 7}}, "conditions": [{"type": "Ready"}], "history": [3]}
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": garbage})
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert rig.condition("Ready")["status"] == "True"


async def test_a_write_that_fails_is_planned_again(rig):
    rig.registry.point("production", version(1))
    rig.cluster.fail_next = [ClusterUnavailable("could not apply: the API server answered 503")]
    result = await rig.look()
    assert isinstance(result.failure, ClusterUnavailable)
    assert "candidate" not in rig.status, "nothing of a plan counts before it is in the cluster"
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v1"


async def test_scaling_is_no_rollout_but_not_ready_before_it_is_done(rig):
    await rig.serve(1)
    rig.create(replicas=3)
    await rig.settle()
    assert rig.verdict("Ready") == ("Unknown", "RollingOut")
    assert "candidate" not in rig.status
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.condition("Ready")["status"] == "True"


async def test_an_unreadable_spec_is_told_and_touches_nothing(rig):
    await rig.serve(1)
    rig.create(progressDeadline="soon")
    rig.cluster.writes.clear()
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "InvalidSpec")
    assert "spec.progressDeadline" in rig.condition("Ready")["message"]
    assert rig.cluster.writes == ["status ModelDeployment"]
    assert rig.status["stable"]["version"] == "v1"


async def test_every_transition_gives_one_event(rig):
    await rig.serve(1)
    await rig.serve(2)
    reasons = [event["reason"] for event in rig.cluster.events]
    assert reasons == ["RolloutStarted", "Resolved", "RolledOut", "RolloutStarted", "RolledOut"]


async def test_a_deleting_deployment_is_left_alone(rig):
    raw = deployment_object()
    raw["metadata"]["deletionTimestamp"] = "2026-01-05T09:00:00Z"
    rig.cluster.put(MODEL_DEPLOYMENT, raw)
    rig.registry.point("production", version(1))
    await rig.look()
    assert rig.cluster.writes == []


async def test_a_spec_written_after_the_alias_moved_starts_with_the_moved_alias(rig):
    rig.registry.point("production", version(1))
    await rig.poll()
    rig.registry.point("production", version(2))
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert "history" not in rig.status
