"""The Deployment that serves one version: fetch and prove first, then the runtime's server.

Both containers satisfy the restricted pod security standard. The version is in the pod template
by its immutable reference and digest, so the pods of a template cannot differ.
"""

from typing import Any

from lockgate.api.quantity import parse_quantity
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.domain.plan import Workload
from lockgate.errors import InvalidSpec
from lockgate.names import (
    ANNOTATION_DIGEST,
    ANNOTATION_REFERENCE,
    ANNOTATION_VERSION,
    FETCH_CONTAINER,
    LABEL_MANAGED_BY,
    LABEL_MODEL_DEPLOYMENT,
    LABEL_NAME,
    MANAGED_BY,
    MODEL_MOUNT_PATH,
    SERVER_CONTAINER,
)
from lockgate.render.settings import PodSettings

SECRET_DIRECTORY = "/var/run/secrets/lockgate"  # noqa: S105
# Seconds a pod goes on serving after it was told to stop, so that every proxy has let go of it.
DRAIN_SECONDS = 5
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
_SCRATCH = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108


def render_workload(
    deployment: ModelDeployment, runtime: ModelRuntime, workload: Workload, pods: PodSettings
) -> dict[str, Any]:
    """The Deployment of a version; raises InvalidSpec when the asked resources pass a ceiling."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": deployment.name, "annotations": _version_annotations(workload.revision)},
        "spec": {
            "replicas": workload.replicas,
            "revisionHistoryLimit": deployment.revision_history_limit,
            "progressDeadlineSeconds": int(deployment.progress_deadline.total_seconds()),
            "selector": {"matchLabels": {LABEL_MODEL_DEPLOYMENT: deployment.name}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": deployment.strategy.max_surge,
                    "maxUnavailable": deployment.strategy.max_unavailable,
                },
            },
            "template": {
                "metadata": {
                    "labels": labels_of(deployment),
                    "annotations": _version_annotations(workload.revision),
                },
                "spec": _pod_spec(deployment, runtime, workload.revision, pods),
            },
        },
    }


def labels_of(deployment: ModelDeployment) -> dict[str, str]:
    """The labels by which all children of a ModelDeployment are found."""
    return {
        LABEL_NAME: deployment.name,
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_MODEL_DEPLOYMENT: deployment.name,
    }


def _version_annotations(revision: Revision) -> dict[str, str]:
    return {
        ANNOTATION_REFERENCE: revision.reference or "",
        ANNOTATION_VERSION: revision.version,
        ANNOTATION_DIGEST: revision.digest,
    }


def _pod_spec(
    deployment: ModelDeployment, runtime: ModelRuntime, revision: Revision, pods: PodSettings
) -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": runtime.termination_grace_period_seconds + DRAIN_SECONDS,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [_fetch_container(revision, pods)],
        "containers": [_server_container(deployment, runtime, revision)],
        "volumes": [
            {"name": "model", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            {
                "name": "registry-key",
                # Optional, so that a missing Secret is told by the fetch container in one
                # sentence rather than by a pod that never leaves ContainerCreating.
                "secret": {
                    "secretName": pods.secret_name,
                    "optional": True,
                    "items": [{"key": pods.secret_key, "path": "api-key"}],
                },
            },
        ],
    }


def _fetch_container(revision: Revision, pods: PodSettings) -> dict[str, Any]:
    return {
        "name": FETCH_CONTAINER,
        "image": pods.fetch_image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "fetch",
            f"--reference={revision.reference}",
            f"--digest={revision.digest}",
            f"--into={MODEL_MOUNT_PATH}",
            f"--base-url={pods.registry_base_url}",
            f"--api-key-file={SECRET_DIRECTORY}/api-key",
            f"--deadline={pods.fetch_deadline_seconds}",
            f"--max-bytes={pods.fetch_max_bytes}",
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": _RESTRICTED,
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_MOUNT_PATH},
            _SCRATCH,
            {"name": "registry-key", "mountPath": SECRET_DIRECTORY, "readOnly": True},
        ],
    }


def _server_container(
    deployment: ModelDeployment, runtime: ModelRuntime, revision: Revision
) -> dict[str, Any]:
    model = {
        "MODEL_PATH": MODEL_MOUNT_PATH,
        "MODEL_NAME": deployment.name,
        "MODEL_VERSION": revision.version,
    }
    container: dict[str, Any] = {
        "name": SERVER_CONTAINER,
        "image": runtime.image,
        "imagePullPolicy": "IfNotPresent",
        # These three first: Kubernetes puts only variables defined before into later ones.
        "env": [{"name": name, "value": value} for name, value in (*model.items(), *runtime.env)],
        "ports": [{"name": "http", "containerPort": runtime.port, "protocol": "TCP"}],
        "readinessProbe": {
            "httpGet": {"path": runtime.readiness_path, "port": "http"},
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "resources": _resources(deployment, runtime),
        "securityContext": _RESTRICTED,
        "volumeMounts": [{"name": "model", "mountPath": MODEL_MOUNT_PATH, "readOnly": True}, _SCRATCH],
    }
    if runtime.command:
        container["command"] = list(runtime.command)
    if runtime.args:
        container["args"] = list(runtime.args)
    return container


def _resources(deployment: ModelDeployment, runtime: ModelRuntime) -> dict[str, dict[str, str]]:
    requests = {**runtime.resources.requests, **deployment.resources.requests}
    limits = {**runtime.resources.limits, **deployment.resources.limits}
    for field, amounts in (("requests", requests), ("limits", limits)):
        for name, amount in amounts.items():
            ceiling = runtime.ceilings.get(name)
            if ceiling is not None and parse_quantity(amount) > parse_quantity(ceiling):
                raise InvalidSpec(
                    f"spec.resources.{field}.{name}",
                    f"is {amount}, above the ceiling of {ceiling} that runtime {runtime.name} sets",
                )
    return {kind: amounts for kind, amounts in (("requests", requests), ("limits", limits)) if amounts}
