"""What ECS is told of a service: made, brought to another release, counted, let go on, taken back. Pure."""

from dataclasses import dataclass
from typing import Any

from lockgate.api.spec import ModelDeployment
from lockgate.aws.targets import Target
from lockgate.backends.ecs.marks import Definition, service_name, tags_of
from lockgate.backends.ecs.words import deployment_configuration
from lockgate.domain.fingerprint import fingerprint
from lockgate.domain.patience import patience_with
from lockgate.names import SERVER_CONTAINER


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that changes something: `makes` and `takes` are what is there, or gone, because of it."""

    operation: str
    arguments: dict[str, Any]
    makes: str = ""
    takes: str = ""


def creation(deployment: ModelDeployment, target: Target, definition: Definition) -> Call:
    """A service of the first release; the same request twice makes one service."""
    name = service_name(deployment)
    arguments = {
        "serviceName": name,
        "clientToken": fingerprint({"of": deployment.uid, "as": definition.arn})[:32],
        "launchType": "FARGATE",
        "schedulingStrategy": "REPLICA",
        "propagateTags": "SERVICE",
        "tags": tags_of(deployment),
        **_shape(deployment, target, definition, is_release=False),
    }
    return Call(operation="CreateService", arguments=arguments, makes=name)


def release(deployment: ModelDeployment, target: Target, definition: Definition, *, is_release: bool) -> Call:
    """Another release for a service that is there; `is_release` unless it is a way back."""
    arguments = {
        "service": service_name(deployment),
        **_shape(deployment, target, definition, is_release=is_release),
    }
    return Call(operation="UpdateService", arguments=arguments, makes=service_name(deployment))


def count(deployment: ModelDeployment, target: Target, replicas: int) -> Call:
    """So many tasks of what runs; no deployment begins with it."""
    name = service_name(deployment)
    arguments = {"cluster": target.cluster, "service": name, "desiredCount": replicas}
    return Call(operation="UpdateService", arguments=arguments, makes=name)


def _shape(
    deployment: ModelDeployment, target: Target, definition: Definition, *, is_release: bool
) -> dict[str, Any]:
    known: dict[str, Any] = {
        "cluster": target.cluster,
        "taskDefinition": definition.arn,
        "desiredCount": deployment.replicas,
        "deploymentConfiguration": deployment_configuration(deployment, target, is_release=is_release),
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": list(target.subnets),
                "securityGroups": list(target.security_groups),
                "assignPublicIp": "ENABLED" if target.assign_public_ip else "DISABLED",
            }
        },
    }
    if target.target_group and definition.port is not None:
        known["loadBalancers"] = [_load_balancer(target, definition.port)]
        if definition.revision is not None:
            # It answers nobody while it fetches, and that is no fault before it is late.
            seconds = int(patience_with(deployment, definition.revision).total_seconds())
            known["healthCheckGracePeriodSeconds"] = seconds
    return known


def _load_balancer(target: Target, port: int) -> dict[str, Any]:
    known: dict[str, Any] = {
        "targetGroupArn": target.target_group,
        "containerName": SERVER_CONTAINER,
        "containerPort": port,
    }
    if target.shifts_traffic:
        known["advancedConfiguration"] = {
            "alternateTargetGroupArn": target.alternate_target_group,
            "productionListenerRule": target.production_listener_rule,
            "roleArn": target.load_balancer_role,
            **({"testListenerRule": target.test_listener_rule} if target.test_listener_rule else {}),
        }
    return known
