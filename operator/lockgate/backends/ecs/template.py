"""What the tasks of a release are made of: fetch and prove first, then the runtime's server. Pure.

The server depends on the success of the fetch, which ECS holds to: no byte is served that was not proved. The
key of the registry comes to the task as a secret that AWS keeps; the operator knows its ARN and no more.
"""

from decimal import Decimal
from typing import Any, Final

from lockgate.api.quantity import parse_quantity
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.aws.targets import Target
from lockgate.backends.ecs.marks import labels_of, service_name, tags_of
from lockgate.backends.settings import PodSettings
from lockgate.catalog import check_ceilings
from lockgate.errors import ArtifactRejected, InvalidSpec
from lockgate.names import FETCH_CONTAINER, MODEL_MOUNT_PATH, SERVER_CONTAINER

KEY_VARIABLE: Final = "LOCKGATE_REGISTRY_KEY"
_UNITS: Final = 1024
_MEBIBYTE: Final = 2**20
# What a task of Fargate may have, from what it has unasked; other files need room beside the model.
_LEAST_GIBIBYTES, _MOST_GIBIBYTES, _RESERVE_GIBIBYTES = 21, 200, 4
_STOP_SECONDS: Final = 120


def render_definition(
    deployment: ModelDeployment,
    runtime: ModelRuntime,
    release: Revision,
    attempt: str,
    target: Target,
    pods: PodSettings,
) -> dict[str, Any]:
    """What RegisterTaskDefinition takes; raises InvalidSpec or ArtifactRejected for what cannot run so."""
    check_ceilings(deployment, runtime)
    _check_room(deployment, runtime, target)
    if release.digest is None and release.tree is None:
        raise ArtifactRejected(
            f"{release.uri} has no digest in its registry, and on ECS nothing else "
            "would tell that every task has the same; run it in the cluster, or use a registry that does"
        )
    definition: dict[str, Any] = {
        "family": service_name(deployment),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": str(target.cpu),
        "memory": str(target.memory),
        "executionRoleArn": target.execution_role,
        "volumes": [{"name": name} for name in ("model", "tmp", "fetch-tmp")],
        "containerDefinitions": [
            _fetch(release, target, pods),
            _server(deployment, runtime, release, attempt, target),
        ],
        "tags": tags_of(deployment, release),
    }
    if target.task_role:
        definition["taskRoleArn"] = target.task_role
    if (room := _gibibytes(release)) > _LEAST_GIBIBYTES:
        definition["ephemeralStorage"] = {"sizeInGiB": room}
    return definition


def _fetch(release: Revision, target: Target, pods: PodSettings) -> dict[str, Any]:
    source = pods.source_of(release)
    secret = target.registry_secrets.get(release.source)
    if secret is None:
        raise InvalidSpec(
            "spec.model.source",
            f"is {release.source}, for which target {target.name} has no secret with a key",
        )
    return {
        "name": FETCH_CONTAINER,
        "image": target.fetch_image,
        "essential": False,
        "command": [
            "fetch",
            f"--uri={release.uri}",
            *([] if release.digest is None else [f"--claim={release.digest}"]),
            *([] if release.tree in (None, release.digest) else [f"--expect-tree={release.tree}"]),
            f"--into={MODEL_MOUNT_PATH}",
            f"--base-url={source.base_url}",
            f"--api-key-variable={KEY_VARIABLE}",
            f"--deadline={pods.fetch_deadline_seconds}",
            f"--max-bytes={pods.fetch_max_bytes}",
            f"--max-files={pods.fetch_max_files}",
        ],
        "environment": [{"name": name, "value": value} for name, value in pods.proxy],
        "secrets": [{"name": KEY_VARIABLE, "valueFrom": secret}],
        "readonlyRootFilesystem": True,
        "mountPoints": [_mount("model", MODEL_MOUNT_PATH), _mount("fetch-tmp", "/tmp")],  # noqa: S108
        **_logs(target, FETCH_CONTAINER),
    }


def _server(
    deployment: ModelDeployment, runtime: ModelRuntime, release: Revision, attempt: str, target: Target
) -> dict[str, Any]:
    model = {
        "MODEL_PATH": MODEL_MOUNT_PATH,
        "MODEL_NAME": deployment.serves_as,
        "MODEL_VERSION": release.version,
    }
    known = dict(model)
    # Nothing puts variables into texts on ECS as Kubernetes does, so it is done here.
    for name, value in runtime.env:
        known[name] = _filled(value, known)
    container: dict[str, Any] = {
        "name": SERVER_CONTAINER,
        "image": runtime.image,
        "essential": True,
        "environment": [{"name": name, "value": value} for name, value in known.items()],
        "portMappings": [{"containerPort": runtime.port, "protocol": "tcp"}],
        "dependsOn": [{"containerName": FETCH_CONTAINER, "condition": "SUCCESS"}],
        "dockerLabels": labels_of(release, attempt),
        "stopTimeout": min(_STOP_SECONDS, max(2, runtime.termination_grace_period_seconds)),
        "readonlyRootFilesystem": True,
        "mountPoints": [_mount("model", MODEL_MOUNT_PATH, read_only=True), _mount("tmp", "/tmp")],  # noqa: S108
        **_logs(target, SERVER_CONTAINER),
    }
    if runtime.command:
        container["entryPoint"] = [_filled(word, known) for word in runtime.command]
    if runtime.args:
        container["command"] = [_filled(word, known) for word in runtime.args]
    return container


def _filled(text: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace(f"$({name})", value)
    return text


def _mount(volume: str, path: str, *, read_only: bool = False) -> dict[str, Any]:
    return {"sourceVolume": volume, "containerPath": path, "readOnly": read_only}


def _logs(target: Target, container: str) -> dict[str, Any]:
    if not target.log_group:
        return {}
    options = {
        "awslogs-group": target.log_group,
        "awslogs-region": target.region,
        "awslogs-stream-prefix": container,
    }
    return {"logConfiguration": {"logDriver": "awslogs", "options": options}}


def _gibibytes(release: Revision) -> int:
    room = -(-(release.size or 0) // 2**30) + _RESERVE_GIBIBYTES
    if room > _MOST_GIBIBYTES:
        raise ArtifactRejected(
            f"{release.uri} is too large for a task of ECS, which has {_MOST_GIBIBYTES} GiB at most"
        )
    return room


def _check_room(deployment: ModelDeployment, runtime: ModelRuntime, target: Target) -> None:
    """A task has what its target gives to each; more than that cannot be asked for."""
    given = {"cpu": Decimal(target.cpu) / _UNITS, "memory": Decimal(target.memory) * _MEBIBYTE}
    for field in ("requests", "limits"):
        author, platform = getattr(deployment.resources, field), getattr(runtime.resources, field)
        for name, amount in {**platform, **author}.items():
            if name not in given:
                raise InvalidSpec(
                    f"spec.resources.{field}.{name}", "is nothing that a task of ECS can be given"
                )
            if parse_quantity(amount) > given[name]:
                shown = f"{target.cpu} units" if name == "cpu" else f"{target.memory} MiB"
                raise InvalidSpec(
                    f"spec.resources.{field}.{name}",
                    f"is {amount}, and a task of target {target.name} has {shown}",
                )
