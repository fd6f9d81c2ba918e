"""moto, which others wrote by AWS as they know it, takes every request of ours whose operation it knows.

It knows neither deployments nor their configuration; those are held against botocore's model elsewhere.
"""

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.ec2.models import ec2_backends
from moto.ecs.responses import EC2ContainerServiceResponse
from tests.fakes.ecs import EcsRig, canary

from lockgate.errors import Terminating

REGION = "eu-central-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield botocore.session.get_session().create_client("ecs", region_name=REGION)


def method(operation: str) -> str:
    """What botocore and moto call it."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")


async def requests_of_a_life() -> list[tuple[str, dict[str, Any]]]:
    """Everything that is asked from a first version to the end of it all, as far as moto knows it."""
    rig = EcsRig()
    rig.ask_for(canary(10, pause=False))
    await rig.serve(1)
    await rig.serve(2)
    with pytest.raises(Terminating):
        await rig.reconciler.backend.remove(rig.parsed(), ["ecs/prod"])
    await rig.reconciler.backend.remove(rig.parsed(), ["ecs/prod"])
    asked = rig.account.requests
    return [one for one in asked if hasattr(EC2ContainerServiceResponse, method(one[0]))]


async def test_moto_takes_every_request_whose_operation_it_knows(aws):
    aws.create_cluster(clusterName="models")
    network = ec2_backends["123456789012"][REGION]
    subnets = [subnet.id for subnet in network.describe_subnets()]
    group = network.create_security_group("models", "of models").id
    names = {"subnet-1": subnets[0], "subnet-2": subnets[1], "sg-1": group}
    asked = await requests_of_a_life()
    taken = set()
    for operation, arguments in asked:
        known = _translated(arguments, names)
        try:
            answer = getattr(aws, method(operation))(**known)
        except ClientError as error:
            raise AssertionError(f"moto refuses {operation}: {error}") from error
        taken.add(operation)
        if operation == "RegisterTaskDefinition":
            made = answer["taskDefinition"]
            number = f"{made['family']}:{made['revision']}"
            names[f"arn:aws:ecs:{REGION}:123456789012:task-definition/{number}"] = made["taskDefinitionArn"]
    assert {"RegisterTaskDefinition", "CreateService", "UpdateService", "DescribeServices"} <= taken
    assert {"DescribeTaskDefinition", "ListTasks", "DeleteService", "DeregisterTaskDefinition"} <= taken


def _translated(value: Any, names: dict[str, str]) -> Any:
    """The same with names that moto gave."""
    if isinstance(value, dict):
        return {name: _translated(member, names) for name, member in value.items()}
    if isinstance(value, list):
        return [_translated(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value
