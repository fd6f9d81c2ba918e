"""What of an object is kept: that which somebody reads later, and nothing else. Pure.

Anybody may hang a quarter of a megabyte of annotations on an object that we watch. Add a field
here when a reader of it is added. What is not kept is no news either: a change of it wakes nobody.
"""

from collections.abc import Mapping
from typing import Any, Final

from lockgate.domain.loosely import block, blocks
from lockgate.domain.resources import (
    DEPLOYMENT,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    POD,
    RAY_SERVICE,
    SERVICE,
    Object,
    Resource,
)
from lockgate.names import GROUP

_METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "ownerReferences",
    "finalizers",
)
# What we write on others' kinds is looked for as well, or it would seem to be missing.
_OUR_ANNOTATIONS: Final = (f"{GROUP}/", "serving.kserve.io/")
_OUR_LABELS: Final = (f"{GROUP}/", "app.kubernetes.io/", "pod-template-hash", "networking.kserve.io/")
# Longer than anything we read; a label cannot be.
_LONGEST: Final = 4096
_POD_STATUS: Final = ("phase", "reason", "message", "conditions")
_DEPLOYMENT_SPEC: Final = ("replicas", "paused")
_DEPLOYMENT_STATUS: Final = ("observedGeneration", "replicas", "updatedReplicas", "availableReplicas")
# What is read of each. Why a Deployment progresses nobody asks, and it changes on the way.
_DEPLOYMENT_CONDITIONS: Final = {
    "Available": ("type", "status"),
    "Progressing": ("type", "status", "reason"),
    "ReplicaFailure": ("type", "status", "reason", "message"),
}
# When a gateway said so nobody asks.
_ROUTE_CONDITION: Final = ("type", "status", "reason", "message", "observedGeneration")
_CONTAINER: Final = ("name", "ready", "started", "restartCount", "state", "lastState")


def slim(resource: Resource, obj: Object) -> Object:
    """The object with what is read of it, but for its version."""
    kept: Object = _picked(obj, ("apiVersion", "kind", "spec", "status"))
    if resource is POD:
        kept.pop("spec", None)
        kept["status"] = _pod_status(obj.get("status") or {})
    elif resource is DEPLOYMENT:
        kept["spec"] = _deployment_spec(obj.get("spec") or {})
        kept["status"] = _deployment_status(obj.get("status") or {})
    elif resource is INFERENCE_SERVICE:
        kept["spec"] = {"predictor": _predictor(block(block(obj.get("spec")).get("predictor")))}
        kept["status"] = _refusals_of_kserve(block(obj.get("status")))
    elif resource is RAY_SERVICE:
        kept["spec"], kept["status"] = _of_ray(block(obj.get("spec")), block(obj.get("status")))
    elif resource is SERVICE:
        kept.pop("status", None)
    elif resource is HTTP_ROUTE:
        kept["status"] = _route_status(obj.get("status") or {})
    kept["metadata"] = _metadata(obj["metadata"])
    return kept


def _metadata(metadata: Object) -> Object:
    kept = _picked(metadata, _METADATA)
    for name, prefixes in (("labels", _OUR_LABELS), ("annotations", _OUR_ANNOTATIONS)):
        ours = {
            key: value
            for key, value in (metadata.get(name) or {}).items()
            if key.startswith(prefixes) and len(value) <= _LONGEST
        }
        if ours:
            kept[name] = ours
    return kept


def _pod_status(status: Object) -> Object:
    kept = _picked(status, _POD_STATUS)
    for name in ("initContainerStatuses", "containerStatuses"):
        if name in status:
            kept[name] = [_picked(container, _CONTAINER) for container in status[name]]
    return kept


def _deployment_spec(spec: Object) -> Object:
    # That anything else in it was changed its generation tells, and then it is read anew.
    kept = _picked(spec, _DEPLOYMENT_SPEC)
    if "template" in spec:
        kept["template"] = {"metadata": _metadata(spec["template"].get("metadata") or {})}
    return kept


def _deployment_status(status: Object) -> Object:
    kept = _picked(status, _DEPLOYMENT_STATUS)
    kept["conditions"] = [
        _picked(condition, names)
        for condition in status.get("conditions") or ()
        if (names := _DEPLOYMENT_CONDITIONS.get(condition.get("type"), ()))
    ]
    for condition in kept["conditions"]:
        if condition["type"] == "Progressing" and condition.get("status") == "True":
            condition.pop("reason", None)
    return kept


def _predictor(predictor: Mapping[str, Any]) -> Object:
    texts = {
        name: {key: text for key, text in block(predictor.get(name)).items() if isinstance(text, str)}
        for name in ("labels", "annotations")
    }
    return _picked(predictor, ("minReplicas",)) | _metadata(texts)


def _refusals_of_kserve(status: Mapping[str, Any]) -> Object:
    """What it does not do, and why; all else is read from its Deployment."""
    conditions = [
        _picked(each, ("type", "status", "reason", "message"))
        for each in blocks(status.get("conditions"))
        if each.get("type") == "PredictorReady" and each.get("status") == "False"
    ]
    return {"conditions": conditions}


def _of_ray(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Object, Object]:
    """How many pods it asks for; which clusters there are, how many pods answer, and what went wrong."""
    groups = block(spec.get("rayClusterConfig")).get("workerGroupSpecs")
    sizes = [_picked(each, ("groupName", "replicas")) for each in blocks(groups)]
    kept = _picked(status, ("observedGeneration", "numServeEndpoints"))
    for name in ("activeServiceStatus", "pendingServiceStatus"):
        told = block(status.get(name))
        kept[name] = _picked(told, ("rayClusterName",))
        kept[name]["applicationStatuses"] = {
            application: _picked(each, ("status",)) | {"message": str(each.get("message") or "")[-_LONGEST:]}
            for application, each in block(told.get("applicationStatuses")).items()
            if isinstance(each, Mapping)
        }
    return {"rayClusterConfig": {"workerGroupSpecs": sizes}}, kept


def _route_status(status: Object) -> Object:
    parents = [
        _picked(parent, ("parentRef", "controllerName"))
        | {"conditions": [_picked(each, _ROUTE_CONDITION) for each in parent.get("conditions") or ()]}
        for parent in status.get("parents") or ()
    ]
    return {"parents": parents}


def _picked(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
