"""The RayService around the pods of a release: one head and workers, one replica of the model in each. Pure.

It never changes but for their number: another release has a RayService, and so a cluster, of its own.
What KubeRay does to one that is edited in place (a second cluster beside, or replicas replaced with a gap)
is never asked for.
"""

import json
from typing import Any, Final

from lockgate.api.spec import RAY_PORT, ModelDeployment
from lockgate.api.strategy import BlueGreen
from lockgate.backends.deployment.marks import release_annotations, release_labels, workload_labels
from lockgate.domain.drawing import Shape
from lockgate.domain.loosely import block, blocks, count
from lockgate.domain.plan import Track
from lockgate.domain.resources import RAY_SERVICE, Object
from lockgate.errors import InvalidSpec
from lockgate.names import (
    ANNOTATION_RAY_DEPLOYMENT,
    ANNOTATION_RAY_IMPORT_PATH,
    ANNOTATION_RAY_VERSION,
    LABEL_WORKLOAD,
)

PORT_NAME: Final = "serve"
# Set by KubeRay on pods whose proxy answers (ray-operator 1.6, updateHeadPodServeLabel).
SERVES: Final = {"ray.io/serve": "true"}
APPLICATION: Final = "model"
_GROUP: Final = "workers"
# ray-operator 1.6, MaxRayServiceNameLength, of which a release takes its part.
_NAME_LIMIT: Final = 47 - len("-3fa9c1d2")
_HEAD_PORTS: Final = {"gcs": 6379, "dashboard": 8265, "client": 10001}


def check(deployment: ModelDeployment) -> None:
    """Raise InvalidSpec for what Ray has no word for."""
    if not isinstance(deployment.strategy, BlueGreen):
        raise InvalidSpec(
            "spec.strategy",
            "must be blueGreen on Ray, where each version has a cluster of its own that is switched to "
            "as a whole",
        )
    if len(deployment.name) > _NAME_LIMIT:
        raise InvalidSpec(
            "spec.backend.rayService",
            f"makes a cluster of the name and adds to it, so metadata.name may have {_NAME_LIMIT} characters "
            f"there, and has {len(deployment.name)}",
        )
    if not deployment.replicas:
        raise InvalidSpec("spec.replicas", "is 0, and a cluster of Ray has a head at least; write 1 or more")
    if deployment.min_ready_seconds:
        raise InvalidSpec(
            "spec.minReadySeconds", "means nothing to KubeRay, which has no such field; leave it out"
        )


def render_workload(deployment: ModelDeployment, track: Track) -> dict[str, Any]:
    """The RayService of a release, without what its pods are made of."""
    workers = max(0, (track.replicas or 1) - 1)
    size = {"replicas": workers, "minReplicas": workers, "maxReplicas": max(1, workers)}
    return {
        "apiVersion": RAY_SERVICE.api_version,
        "kind": RAY_SERVICE.kind,
        "metadata": {
            "name": track.workload,
            "labels": release_labels(track.release) | workload_labels(deployment, track.workload),
            "annotations": release_annotations(track.release),
        },
        "spec": {
            "rayClusterConfig": {
                "headGroupSpec": {"rayStartParams": {"dashboard-host": "0.0.0.0"}},  # noqa: S104
                "workerGroupSpecs": [{"groupName": _GROUP, **size, "rayStartParams": {}}],
            }
        },
    }


def pods_asked(obj: Object) -> int | None:
    """Head and workers; None for what was written by somebody who asks otherwise."""
    cluster = block(block(obj.get("spec")).get("rayClusterConfig"))
    for group in blocks(cluster.get("workerGroupSpecs")):
        if group.get("groupName") == _GROUP:
            return 1 + count(group.get("replicas"))
    return None


def _with_pods(obj: Object, template: Object) -> Object:
    metadata, cluster = template["metadata"], obj["spec"]["rayClusterConfig"]
    kept = metadata.get("annotations") or {}
    of_it = {LABEL_WORKLOAD: obj["metadata"]["labels"][LABEL_WORKLOAD]}
    marks = {**metadata, "labels": {**(metadata.get("labels") or {}), **of_it}}
    head = {"metadata": marks, "spec": _fitted(template["spec"], _HEAD_PORTS, None)}
    proxy = {"httpGet": {"path": "/-/healthz", "port": PORT_NAME}, "periodSeconds": 2, "failureThreshold": 3}
    worker = {"metadata": marks, "spec": _fitted(template["spec"], {}, proxy)}
    (group,) = cluster["workerGroupSpecs"]
    application = {
        "name": APPLICATION,
        "import_path": kept.get(ANNOTATION_RAY_IMPORT_PATH, ""),
        "route_prefix": "/",
        "deployments": [
            {
                "name": kept.get(ANNOTATION_RAY_DEPLOYMENT, ""),
                "num_replicas": pods_asked(obj),
                "max_replicas_per_node": 1,
            }
        ],
    }
    # JSON is YAML, and says the same in one way only.
    told = json.dumps({"applications": [application]}, sort_keys=True)
    config = {
        "rayVersion": kept.get(ANNOTATION_RAY_VERSION, ""),
        "headGroupSpec": {**cluster["headGroupSpec"], "template": head},
        "workerGroupSpecs": [{**group, "template": worker}],
    }
    return {**obj, "spec": {**obj["spec"], "serveConfigV2": told, "rayClusterConfig": config}}


def _fitted(pod: Object, ports: dict[str, int], readiness: Object | None) -> Object:
    """A pod of Ray: KubeRay starts its first container, and asks it for its health, as Ray wants it.

    A head that is not ready before the model answers would wait for ever: KubeRay gives it the model
    when it is ready.
    """
    server, *others = pod["containers"]
    known = [{"name": PORT_NAME, "containerPort": RAY_PORT, "protocol": "TCP"}]
    known += [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()]
    kept = {
        name: value for name, value in server.items() if name not in ("readinessProbe", "command", "args")
    }
    ray = {**kept, "ports": known} | ({"readinessProbe": readiness} if readiness else {})
    return {**pod, "containers": [ray, *others]}


SHAPE: Final = Shape(put=_with_pods, pods=pods_asked)
