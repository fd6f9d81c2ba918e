"""Amazon ECS throttles, denies, is away, or holds what is somebody else's: each is told in a sentence."""

from dataclasses import replace

import pytest
from tests.fakes.ecs import EcsRig, canary, target

from lockgate.names import Reason
from lockgate_sandbox.fake_ecs.tasks import Fate

FOREIGN = {
    "cluster": "models",
    "serviceName": "growth_churn",
    "taskDefinition": "arn:aws:ecs:eu-central-1:123456789012:task-definition/theirs:1",
    "desiredCount": 1,
    "tags": [{"key": "owner", "value": "somebody"}],
}
THEIRS = {
    "family": "theirs",
    "containerDefinitions": [{"name": "server", "image": "theirs"}],
}


async def served(**changes: object) -> EcsRig:
    rig = EcsRig(**changes)
    rig.ask_for(canary(10))
    await rig.serve(1)
    return rig


async def test_a_service_of_somebody_else_is_never_touched():
    rig = EcsRig()
    rig.account.answer("RegisterTaskDefinition", THEIRS)
    rig.account.answer("CreateService", FOREIGN)
    rig.account.advance(200)
    before = rig.service.described(with_tags=True)
    rig.ask_for(canary(10))
    await rig.point(1)
    for _ in range(10):
        await rig.beat()
    assert rig.door.writes == []
    assert rig.service.described(with_tags=True) == before
    assert rig.verdict("Ready") == ("False", "NotOwned")
    assert "growth_churn" in rig.condition("Ready")["message"]


async def test_a_service_of_a_model_deployment_of_the_same_name_before_is_somebody_elses():
    rig = await served()
    writes = len(rig.door.writes)
    rig.service.tags["lockgate.dev/model-deployment-uid"] = "uid-of-another"
    await rig.point(2)
    for _ in range(6):
        await rig.beat()
    assert len(rig.door.writes) == writes
    assert rig.verdict("Ready") == ("False", "NotOwned")


@pytest.mark.parametrize(
    ("code", "reason", "word"),
    [
        ("ThrottlingException", Reason.BACKEND_UNAVAILABLE, "patience"),
        ("AccessDeniedException", Reason.BACKEND_DENIED, "does not let the operator"),
        ("ExpiredTokenException", Reason.BACKEND_DENIED, "does not let the operator"),
        ("ServerException", Reason.BACKEND_UNAVAILABLE, "failed to answer"),
        ("ClusterNotFoundException", Reason.BACKEND_NOT_READY, "cluster of target prod"),
    ],
)
async def test_an_aws_that_answers_with_an_error_is_told_in_one_sentence_and_changes_nothing(
    code, reason, word
):
    rig = await served()
    before, shares = rig.there(), rig.shares
    rig.account.refuse("DescribeServices", code, "User: arn:aws:iam::1:user/secret-name is not authorized")
    await rig.point(2)
    for _ in range(5):
        await rig.beat()
    ready = rig.condition("Ready")
    assert ready["reason"] == reason
    assert word in ready["message"]
    assert "secret-name" not in ready["message"]
    assert (rig.there(), rig.shares) == (before, shares)
    rig.account.refusals.clear()
    await rig.play_until(lambda: rig.shares.get("candidate") == 10)


@pytest.mark.parametrize(
    "operation", ["RegisterTaskDefinition", "UpdateService", "ContinueServiceDeployment"]
)
async def test_a_request_that_is_throttled_amid_a_rollout_is_made_later(operation):
    rig = await served()
    await rig.point(2)
    rig.account.refuse(operation, "ThrottlingException")
    asked = rig.door.writes.count(operation)
    await rig.play_until(lambda: rig.door.writes.count(operation) > asked)
    assert rig.condition("Ready")["reason"] == Reason.BACKEND_UNAVAILABLE
    rig.account.refusals.clear()
    await rig.play_until(lambda: rig.shares.get("candidate") == 10)


async def test_a_target_that_throttles_holds_up_no_other():
    rig = await served()
    rig.targets["other"] = replace(target(), name="other", cluster="others")
    rig.account.clusters["others"] = "arn:aws:ecs:eu-central-1:123456789012:cluster/others"
    real = rig.door.ask

    async def throttled(at, operation, arguments):
        if at.name == "prod":
            rig.account.refuse("", "ThrottlingException")
        try:
            return await real(at, operation, arguments)
        finally:
            rig.account.refusals.clear()

    rig.door.ask = throttled
    rig.ask_for(canary(10), backend={"ecs": {"target": "other"}}, traffic={"gateway": "other"})
    await rig.play_until(lambda: ("others", "growth_churn") in rig.account.services)


async def test_what_a_refused_argument_is_stands_in_the_condition():
    rig = EcsRig()
    rig.ask_for(canary(10))
    rig.account.refuse("CreateService", "InvalidParameterException", "subnet-1 does not exist")
    await rig.point(1)
    for _ in range(5):
        await rig.beat()
    assert rig.verdict("Ready") == ("False", "Refused")
    assert "subnet-1 does not exist" in rig.condition("Ready")["message"]


async def test_what_somebody_stops_at_ecs_is_a_failure_and_stable_has_everything_again():
    rig = await served()
    await rig.point(2)
    await rig.play_until(lambda: rig.shares.get("candidate") == 10)
    rig.account.answer(
        "StopServiceDeployment",
        {"serviceDeploymentArn": rig.service.under_way.arn, "stopType": "ABORT"},
    )
    await rig.play(beats=80)
    assert rig.status["stable"]["version"] == "v1"
    assert rig.there()["revisions"] == [("v1", 2, 100.0)]
    assert [e["version"] for e in rig.status["history"] if e["outcome"] == "Aborted"] == ["v2"]


async def test_a_first_version_that_never_comes_up_ends_without_tasks_and_a_second_one_takes_over():
    rig = EcsRig()
    rig.ask_for(canary(10))
    rig.account.fates["v1"] = Fate.CRASHES
    await rig.point(1)
    await rig.play(beats=80)
    assert rig.there()["revisions"] == [] or sum(n for _, n, _ in rig.there()["revisions"]) == 0
    await rig.serve(2)


async def test_a_lost_status_finds_what_serves_and_begins_nothing():
    rig = await served()
    before = rig.there()
    rig.forget_status()
    rig.restart()
    await rig.play()
    assert rig.status["stable"]["version"] == "v1"
    assert rig.there() == before


async def test_remove_deletes_what_is_ours_and_then_nothing():
    rig = await served()
    backend = rig.reconciler.backend
    deployment = rig.parsed()
    with pytest.raises(Exception, match="being deleted"):
        await backend.remove(deployment, ["ecs/prod"])
    await backend.remove(deployment, ["ecs/prod"])
    assert rig.service.status == "INACTIVE"
    assert rig.there()["definitions"] == 0
    writes = len(rig.door.writes)
    await backend.remove(deployment, ["ecs/prod"])
    assert len(rig.door.writes) == writes


async def test_remove_leaves_a_service_of_somebody_else():
    rig = await served()
    rig.service.tags["lockgate.dev/model-deployment-uid"] = "uid-of-another"
    await rig.reconciler.backend.remove(rig.parsed(), ["ecs/prod"])
    assert rig.service.status == "ACTIVE"


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ("DescribeServiceDeployments", "serviceDeployments"),
        ("DescribeServiceRevisions", "serviceRevisions"),
    ],
)
async def test_what_ecs_does_not_tell_of_yet_is_not_gone_and_nothing_is_begun_over_it(operation, field):
    rig = await served()
    await rig.point(2)
    await rig.play_until(lambda: rig.service.under_way is not None)
    rig.restart()
    answer, writes = rig.account.answer, len(rig.door.writes)

    def late(asked, arguments):
        found = answer(asked, arguments)
        return {**found, field: []} if asked == operation else found

    rig.account.answer = late
    for _ in range(4):
        await rig.beat()
    assert rig.door.writes[writes:] == []
    assert rig.verdict("Ready")[1] == Reason.BACKEND_UNAVAILABLE
    assert rig.status["stable"]["version"] == "v1"
    rig.account.answer = answer
    await rig.beat()
    assert rig.verdict("Ready")[1] != Reason.BACKEND_UNAVAILABLE
