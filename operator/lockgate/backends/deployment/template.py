"""What the pods of a release are made of: fetch and prove first, then the runtime's server.

Drawn once, when a release is born, and kept in the ledger. Both containers satisfy the restricted
pod security standard. The version is in the template by its immutable reference and digest, so the
pods of a template cannot differ.
"""

from typing import Any

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.backends.deployment.marks import pod_labels, release_annotations
from lockgate.backends.settings import PodSettings, PodSource
from lockgate.catalog import check_ceilings
from lockgate.errors import InvalidSpec
from lockgate.names import (
    ANNOTATION_RAY_DEPLOYMENT,
    ANNOTATION_RAY_IMPORT_PATH,
    ANNOTATION_RAY_VERSION,
    ANNOTATION_SCRAPE,
    ANNOTATION_SCRAPE_PATH,
    ANNOTATION_SCRAPE_PORT,
    FETCH_CONTAINER,
    LABEL_MODEL_DEPLOYMENT,
    LABEL_POD_TEMPLATE_HASH,
    MODEL_MOUNT_PATH,
    SERVER_CONTAINER,
)

SECRET_DIRECTORY = "/var/run/secrets/lockgate"  # noqa: S105
CA_DIRECTORY = "/var/run/lockgate-ca"
CACHE_DIRECTORY = "/var/cache/lockgate"
# Seconds a pod goes on serving after it was told to stop, so that every proxy has let go of it.
DRAIN_SECONDS = 5
EPHEMERAL_STORAGE = "ephemeral-storage"
_MEBIBYTE = 2**20
# Beside the model itself: file system, logs, and what a server writes while it runs.
_RESERVE_BYTES = 256 * _MEBIBYTE
_SCRATCH_BYTES = 2048 * _MEBIBYTE
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
_SCRATCH = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108
# Its own, so that no key and no half of a download is left for the server.
_FETCH_SCRATCH = {"name": "fetch-tmp", "mountPath": "/tmp"}  # noqa: S108


def render_template(
    deployment: ModelDeployment, runtime: ModelRuntime, release: Revision, pods: PodSettings
) -> dict[str, Any]:
    """The pod template of a release; raises InvalidSpec when the asked resources pass a ceiling."""
    return {
        "metadata": {
            "labels": pod_labels(deployment, release),
            "annotations": release_annotations(release)
            | _scrape_annotations(runtime)
            | _ray_annotations(runtime, release),
        },
        "spec": _pod_spec(deployment, runtime, release, pods),
    }


def _scrape_annotations(runtime: ModelRuntime) -> dict[str, str]:
    """Where the server's metrics are, for a Prometheus that finds pods by annotations."""
    metrics = runtime.metrics
    if metrics is None:
        return {}
    return {
        ANNOTATION_SCRAPE: "true",
        ANNOTATION_SCRAPE_PATH: metrics.path,
        ANNOTATION_SCRAPE_PORT: str(metrics.port or runtime.port),
    }


def _ray_annotations(runtime: ModelRuntime, release: Revision) -> dict[str, str]:
    """How its pods serve on Ray, if they do."""
    if release.backend != "rayService":
        return {}
    if runtime.ray is None:
        raise InvalidSpec(
            "spec.runtime.name",
            f"is {runtime.name}, which does not serve on Ray (it has no spec.ray); choose another runtime, "
            "or another spec.backend",
        )
    return {
        ANNOTATION_RAY_VERSION: runtime.ray.version,
        ANNOTATION_RAY_IMPORT_PATH: runtime.ray.import_path,
        ANNOTATION_RAY_DEPLOYMENT: runtime.ray.deployment,
    }


def _ports(runtime: ModelRuntime) -> list[dict[str, Any]]:
    """The port that serves and, where it is another, the one of the metrics."""
    known = {"http": runtime.port}
    if runtime.metrics is not None and runtime.metrics.port not in (None, runtime.port):
        known["metrics"] = runtime.metrics.port
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in known.items()]


def _pod_spec(
    deployment: ModelDeployment, runtime: ModelRuntime, revision: Revision, pods: PodSettings
) -> dict[str, Any]:
    source = pods.source_of(revision)
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": runtime.termination_grace_period_seconds + DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            **_cache_group(pods),
        },
        # Wishes, not conditions: a cluster of one node or one zone runs all pods there.
        "topologySpreadConstraints": [
            {
                "topologyKey": topology,
                "maxSkew": 1,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {LABEL_MODEL_DEPLOYMENT: deployment.name}},
                "matchLabelKeys": [LABEL_POD_TEMPLATE_HASH],
            }
            for topology in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ],
        "initContainers": [_fetch_container(revision, source, pods)],
        "containers": [_server_container(deployment, runtime, revision, pods)],
        "volumes": [
            {"name": "model", "emptyDir": {"sizeLimit": _mebibytes(_room_for(revision, pods))}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "fetch-tmp", "emptyDir": {}},
            {
                "name": "registry-key",
                # Optional, so that a missing Secret is told by the fetch container in one
                # sentence rather than by a pod that never leaves ContainerCreating.
                "secret": {
                    "secretName": source.secret_name,
                    "optional": True,
                    "items": [{"key": source.secret_key, "path": "api-key"}],
                },
            },
            *_ca_volume(source),
            *_cache_volume(pods),
        ],
    }
    if pods.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in pods.image_pull_secrets]
    return spec


def _ca_volume(source: PodSource) -> list[dict[str, Any]]:
    if not source.ca_config_map:
        return []
    items = [{"key": source.ca_key, "path": "ca.crt"}]
    # Optional for the same reason as the Secret.
    return [
        {"name": "registry-ca", "configMap": {"name": source.ca_config_map, "optional": True, "items": items}}
    ]


def _cache_volume(pods: PodSettings) -> list[dict[str, Any]]:
    if not pods.cache_claim:
        return []
    return [{"name": "model-cache", "persistentVolumeClaim": {"claimName": pods.cache_claim}}]


def _cache_group(pods: PodSettings) -> dict[str, Any]:
    if not pods.cache_claim or pods.cache_fs_group is None:
        return {}
    # Whole caches are not walked through at every start of a pod.
    return {"fsGroup": pods.cache_fs_group, "fsGroupChangePolicy": "OnRootMismatch"}


def _fetch_container(revision: Revision, source: PodSource, pods: PodSettings) -> dict[str, Any]:
    ca_argument, ca_mount = [], []
    if source.ca_config_map:
        ca_argument = [f"--ca-bundle={CA_DIRECTORY}/ca.crt"]
        ca_mount = [{"name": "registry-ca", "mountPath": CA_DIRECTORY, "readOnly": True}]
    expected = [f"--expect-tree={revision.tree}"] if revision.tree else []
    cache_arguments, cache_mount = [], []
    if pods.cache_claim:
        cache_arguments = [f"--cache={CACHE_DIRECTORY}", f"--cache-max-bytes={pods.cache_max_bytes}"]
        cache_mount = [{"name": "model-cache", "mountPath": CACHE_DIRECTORY}]
    container: dict[str, Any] = {
        "name": FETCH_CONTAINER,
        "image": pods.fetch_image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "fetch",
            f"--uri={revision.uri}",
            *([] if revision.digest is None else [f"--claim={revision.digest}"]),
            *expected,
            f"--into={MODEL_MOUNT_PATH}",
            f"--base-url={source.base_url}",
            f"--api-key-file={SECRET_DIRECTORY}/api-key",
            f"--deadline={pods.fetch_deadline_seconds}",
            f"--max-bytes={pods.fetch_max_bytes}",
            f"--max-files={pods.fetch_max_files}",
            *ca_argument,
            *cache_arguments,
        ],
        # It mostly waits for the network, and what it asks for is asked for as long as the pod is there.
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": _RESTRICTED,
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_MOUNT_PATH},
            _FETCH_SCRATCH,
            {"name": "registry-key", "mountPath": SECRET_DIRECTORY, "readOnly": True},
            *ca_mount,
            *cache_mount,
        ],
    }
    if pods.proxy:
        container["env"] = [{"name": name, "value": value} for name, value in pods.proxy]
    return container


def _server_container(
    deployment: ModelDeployment, runtime: ModelRuntime, revision: Revision, pods: PodSettings
) -> dict[str, Any]:
    model = {
        "MODEL_PATH": MODEL_MOUNT_PATH,
        "MODEL_NAME": deployment.serves_as,
        "MODEL_VERSION": revision.version,
    }
    resources = _resources(deployment, runtime)
    container: dict[str, Any] = {
        "name": SERVER_CONTAINER,
        "image": runtime.image,
        "imagePullPolicy": "IfNotPresent",
        # These three first: Kubernetes puts only variables defined before into later ones.
        "env": [{"name": name, "value": value} for name, value in (*model.items(), *runtime.env)],
        "ports": _ports(runtime),
        "readinessProbe": {
            "httpGet": {"path": runtime.readiness_path, "port": "http"},
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "resources": _with_room(resources, revision) if pods.storage_requests else resources,
        "securityContext": _RESTRICTED,
        "volumeMounts": [{"name": "model", "mountPath": MODEL_MOUNT_PATH, "readOnly": True}, _SCRATCH],
    }
    if runtime.command:
        container["command"] = list(runtime.command)
    if runtime.args:
        container["args"] = list(runtime.args)
    return container


def _room_for(revision: Revision, pods: PodSettings) -> int:
    """Bytes that the model's volume may hold; more than the bound of the fetch is never needed."""
    return (pods.fetch_max_bytes if revision.size is None else revision.size) + _RESERVE_BYTES


def _mebibytes(size: int) -> str:
    return f"{-(-size // _MEBIBYTE)}Mi"


def _with_room(resources: dict[str, dict[str, str]], revision: Revision) -> dict[str, dict[str, str]]:
    """Room on the node's disk for the model, unless runtime or author say how much themselves.

    Asked for, so that pods go where it is; and limited, so that one pod fills no node.
    """
    if revision.size is None or any(EPHEMERAL_STORAGE in amounts for amounts in resources.values()):
        return resources
    room = revision.size + _RESERVE_BYTES
    return {
        "requests": {**resources.get("requests", {}), EPHEMERAL_STORAGE: _mebibytes(room)},
        "limits": {**resources.get("limits", {}), EPHEMERAL_STORAGE: _mebibytes(room + _SCRATCH_BYTES)},
    }


def _resources(deployment: ModelDeployment, runtime: ModelRuntime) -> dict[str, dict[str, str]]:
    check_ceilings(deployment, runtime)
    requests = {**runtime.resources.requests, **deployment.resources.requests}
    limits = {**runtime.resources.limits, **deployment.resources.limits}
    return {kind: amounts for kind, amounts in (("requests", requests), ("limits", limits)) if amounts}
