"""The stand-in for ECS takes nothing that AWS would not take, and sends nothing that it could not send."""

import pytest
from tests.fakes.ecs import EcsRig, canary

from lockgate_sandbox.fake_ecs.account import Account
from lockgate_sandbox.fake_ecs.shapes import FakeFault, NotAws, check_answer, check_fault, check_request


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("DescribeServices", {}),
        ("DescribeServices", {"services": "churn"}),
        ("DescribeServices", {"services": ["churn"], "include": ["EVERYTHING"]}),
        ("DescribeServices", {"services": ["churn"], "colour": "red"}),
        ("StopServiceDeployment", {"serviceDeploymentArn": "a", "stopType": "SOFTLY"}),
        ("InventService", {}),
    ],
)
def test_a_request_that_aws_would_not_take_is_refused(operation, arguments):
    with pytest.raises(FakeFault):
        check_request(operation, arguments)


@pytest.mark.parametrize(
    "answer",
    [
        {"services": [{"runningCount": "two"}]},
        {"services": [{"launchType": "LUNAR"}]},
        {"services": [{"temperature": 3}]},
    ],
)
def test_an_answer_that_aws_could_not_send_is_a_defect(answer):
    with pytest.raises(NotAws):
        check_answer("DescribeServices", answer)


def test_an_error_that_an_operation_does_not_have_is_a_defect():
    check_fault("StopServiceDeployment", FakeFault("ConflictException", "no"))
    with pytest.raises(NotAws):
        check_fault("DescribeServices", FakeFault("ConflictException", "no"))


def test_a_pause_where_ecs_has_none_is_refused():
    account = Account()
    hook = {"targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}
    with pytest.raises(FakeFault, match="PAUSE hooks"):
        account.answer(
            "CreateService",
            {"cluster": "models", "serviceName": "a", "deploymentConfiguration": {"lifecycleHooks": [hook]}},
        )


async def test_nothing_happens_before_time_passes():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.point(1)
    for _ in range(4):
        await rig.look()
        rig.wait(seconds=10)
    assert rig.service.under_way.status == "PENDING"
    assert rig.there()["revisions"] == [("v1", 0, 0.0)]


async def test_an_update_amid_a_deployment_stops_that_one():
    rig = EcsRig()
    rig.ask_for()
    await rig.serve(1)
    arguments = {"cluster": "models", "service": "growth_churn", "forceNewDeployment": True}
    rig.account.answer("UpdateService", arguments)
    rig.account.answer("UpdateService", arguments)
    assert [status for _, status in rig.there()["deployments"]] == ["SUCCESSFUL", "STOPPED", "PENDING"]
