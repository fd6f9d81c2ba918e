"""The InferenceService around the pods of a release, in KServe's Standard mode. Pure.

Its predictor is a pod spec, so the pods are those of any backend: our container fetches and proves, the
runtime serves. Both have the names that KServe gives them, by which it finds out how they fare. Labels and
annotations of ours stand at the predictor alone, with the release; KServe puts them onto the pods.
"""

from typing import Any, Final

from lockgate.api.spec import ModelDeployment
from lockgate.api.strategy import Rolling
from lockgate.backends.deployment.marks import (
    labels_of,
    release_annotations,
    release_labels,
    workload_labels,
)
from lockgate.domain.drawing import Shape
from lockgate.domain.plan import Track
from lockgate.domain.resources import DEPLOYMENT, INFERENCE_SERVICE, SERVICE, Object, Resource
from lockgate.errors import InvalidSpec
from lockgate.names import (
    FETCH_CONTAINER,
    KSERVE_FETCH_CONTAINER,
    KSERVE_SERVER_CONTAINER,
    SERVER_CONTAINER,
)

_RENAMED: Final = {SERVER_CONTAINER: KSERVE_SERVER_CONTAINER, FETCH_CONTAINER: KSERVE_FETCH_CONTAINER}
# With none the number of pods is just minReplicas (kserve 0.20, deployment_reconciler.go).
_MODE: Final = {
    "serving.kserve.io/autoscalerClass": "none",
    "serving.kserve.io/deploymentMode": "Standard",
}
# Else KServe would open a way of its own to a candidate that nobody is to be sent to.
_INSIDE: Final = {"networking.kserve.io/visibility": "cluster-local"}
_SUFFIX: Final = "-predictor"
_NAME_LIMIT: Final = 63
_RELEASE_LENGTH: Final = len("-3fa9c1d2")


def maker_of(workload: str) -> str:
    """The Deployment that KServe makes of an InferenceService of this name, and its Service."""
    return f"{workload}{_SUFFIX}"


def check(deployment: ModelDeployment) -> None:
    """Raise InvalidSpec for what KServe has no word for."""
    longest = _NAME_LIMIT - len(_SUFFIX) - _RELEASE_LENGTH
    if len(deployment.name) > longest:
        raise InvalidSpec(
            "spec.backend.kserve",
            f"makes a Service of the name and adds to it, so metadata.name may have {longest} characters "
            f"there, and has {len(deployment.name)}",
        )
    if deployment.min_ready_seconds:
        raise InvalidSpec(
            "spec.minReadySeconds", "means nothing to KServe, which has no such field; leave it out"
        )


def render_workload(deployment: ModelDeployment, track: Track) -> dict[str, Any]:
    """The InferenceService of a release, without what its pods are made of."""
    bounds = deployment.strategy if isinstance(deployment.strategy, Rolling) else Rolling()
    scale = {} if track.replicas is None else {"minReplicas": track.replicas}
    labels = (
        labels_of(deployment)
        | workload_labels(deployment, track.workload)
        | release_labels(track.release)
        | _INSIDE
    )
    return {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.kind,
        "metadata": {"name": track.workload, "labels": _INSIDE, "annotations": dict(_MODE)},
        "spec": {
            "predictor": {
                **scale,
                "labels": labels,
                "annotations": release_annotations(track.release),
                "deploymentStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {
                        "maxSurge": bounds.max_surge,
                        "maxUnavailable": bounds.max_unavailable,
                    },
                },
            }
        },
    }


def _with_pods(obj: Object, template: Object) -> Object:
    asked, metadata = obj["spec"]["predictor"], template["metadata"]
    predictor = {
        **template["spec"],
        "containers": _renamed(template["spec"]["containers"]),
        "initContainers": _renamed(template["spec"]["initContainers"]),
        **asked,
        "labels": {**(metadata.get("labels") or {}), **asked["labels"]},
        "annotations": {**(metadata.get("annotations") or {}), **asked["annotations"]},
    }
    return {**obj, "spec": {**obj["spec"], "predictor": predictor}}


def _renamed(containers: list[Object]) -> list[Object]:
    return [{**each, "name": _RENAMED.get(each["name"], each["name"])} for each in containers]


def _pods_asked(obj: Object) -> int | None:
    asked: int | None = obj["spec"]["predictor"].get("minReplicas")
    return asked


def _made_of(workload: str) -> tuple[tuple[Resource, str], ...]:
    return (DEPLOYMENT, maker_of(workload)), (SERVICE, maker_of(workload))


SHAPE: Final = Shape(put=_with_pods, pods=_pods_asked, made_of=_made_of)
