"""Whole reconciles on fakes, with something in the way: what serves goes on serving."""

import pytest
from tests.fakes.builders import deployment_object, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY

from lockgate.apply.brake import REPAIRS
from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, SERVICE
from lockgate.domain.version import Contents
from lockgate.errors import (
    AccessDenied,
    AliasNotFound,
    ClusterUnavailable,
    Conflict,
    Forbidden,
    Refused,
    RegistryUnavailable,
)


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


@pytest.mark.parametrize(
    ("found", "contents", "reason"),
    [
        pytest.param(version(2, ready=False), None, "ArtifactPending", id="pending"),
        pytest.param(version(2, files=0), None, "ArtifactRejected", id="empty"),
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
        rig.registry.contents[found.number] = contents
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


async def test_a_status_lost_amid_a_rollout_keeps_the_way_back(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    rig.cluster.begin_roll(KEY)
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": {}})
    await rig.settle()
    assert (rig.status["stable"]["version"], rig.status["candidate"]["version"]) == ("v1", "v2")
    rig.wait(minutes=21)
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "RolloutAborted")
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    assert workload["metadata"]["annotations"]["lockgate.dev/model-version"] == "v1"


async def test_a_status_lost_while_a_pod_is_down_takes_nothing_from_the_version_that_serves(rig):
    await rig.serve(1)
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    rig.cluster.put(DEPLOYMENT, {**workload, "status": {**workload["status"], "availableReplicas": 1}})
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": {}})
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    assert (rig.status["stable"]["version"], rig.status["candidate"]["version"]) == ("v1", "v2")


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


async def test_an_unreadable_spec_is_told_and_touches_nothing(rig):
    await rig.serve(1)
    rig.create(progressDeadline="soon")
    rig.cluster.writes.clear()
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "InvalidSpec")
    assert "spec.progressDeadline" in rig.condition("Ready")["message"]
    assert rig.cluster.writes == ["status ModelDeployment"]
    assert rig.status["stable"]["version"] == "v1"


async def test_a_deleting_deployment_is_left_alone(rig):
    raw = deployment_object()
    raw["metadata"]["deletionTimestamp"] = "2026-01-05T09:00:00Z"
    rig.cluster.put(MODEL_DEPLOYMENT, raw)
    rig.registry.point("production", version(1))
    await rig.look()
    assert rig.cluster.writes == []


async def test_what_was_deleted_during_a_pass_leaves_no_series_behind(rig):
    await rig.serve(1)
    last_write = rig.cluster.apply_status

    async def deleted_meanwhile(resource, obj):
        answer = await last_write(resource, obj)
        rig.cluster.drop(MODEL_DEPLOYMENT, KEY)
        rig.metrics.forgotten(KEY)
        return answer

    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    rig.cluster.apply_status = deleted_meanwhile
    await rig.reconciler.reconcile(KEY)
    assert "growth" not in rig.metrics_page()
    assert (await rig.reconciler.reconcile(KEY)).gone


async def test_a_fight_over_a_field_is_given_up_for_a_minute_and_told(rig):
    await rig.serve(1)

    async def somebody_scales(replicas: int) -> None:
        workload = rig.cluster.objects[DEPLOYMENT, KEY]
        rig.cluster.put(DEPLOYMENT, {**workload, "spec": {**workload["spec"], "replicas": replicas}})
        await rig.settle()

    for replicas in range(10, 20):
        rig.wait(seconds=1)
        await somebody_scales(replicas)
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 19
    assert rig.verdict("Ready") == ("False", "Contested")
    assert "spec.replicas of Deployment churn" in rig.condition("Ready")["message"]
    rig.cluster.writes.clear()
    await somebody_scales(20)
    assert rig.cluster.writes == []
    rig.wait(minutes=2)
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    "refusal",
    [
        ClusterUnavailable("the API server answered 500"),
        Forbidden("no right"),
        Refused("a policy"),
        # The Deployment's own controller writes its status many times a rollout.
        Conflict("it changed meanwhile"),
    ],
    ids=repr,
)
async def test_what_the_api_server_refuses_to_write_is_no_fight_with_anybody(rig, refusal):
    await rig.serve(1)
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    rig.cluster.put(DEPLOYMENT, {**workload, "spec": {**workload["spec"], "replicas": 9}})
    rig.cluster.drop(SERVICE, KEY)
    applies = rig.cluster.apply

    async def refuses(resource, obj, *, force):
        raise refusal

    rig.cluster.apply = refuses
    for _ in range(2 * REPAIRS):
        await rig.reconciler.reconcile(KEY)
    assert rig.condition("Ready")["reason"] == refusal.reason
    rig.cluster.apply = applies
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2
    assert (SERVICE, KEY) in rig.cluster.objects


async def test_a_deployment_made_anew_is_not_held_to_the_fights_of_the_old_one(rig):
    await rig.serve(1)
    for round_ in range(REPAIRS + 1):
        if round_ == REPAIRS:
            rig.reconciler.backend.forget(KEY)
        workload = rig.cluster.objects[DEPLOYMENT, KEY]
        rig.cluster.put(DEPLOYMENT, {**workload, "spec": {**workload["spec"], "replicas": 10 + round_}})
        await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2
