"""KServe's controller on fakes: what it makes of an InferenceService in its Standard mode.

Its rules are those of kserve 0.20 (components/predictor.go, deployment_reconciler.go): labels and annotations
of the object and of its predictor go onto the Deployment and onto the pods, `app` and the service's name are
added. It does not prove that the real one takes what it is given: tests/e2e does.
"""

from collections.abc import Callable
from copy import deepcopy

from tests.fakes.cluster import FakeCluster

from lockgate.domain.resources import DEPLOYMENT, INFERENCE_SERVICE, Key, Object
from lockgate.names import FETCH_CONTAINER, KSERVE_FETCH_CONTAINER, KSERVE_SERVER_CONTAINER, SERVER_CONTAINER

_OF_ANOTHER = ("minReplicas", "labels", "annotations", "deploymentStrategy")
_NAMES = {FETCH_CONTAINER: KSERVE_FETCH_CONTAINER, SERVER_CONTAINER: KSERVE_SERVER_CONTAINER}


def act(cluster: FakeCluster) -> None:
    """See to every InferenceService once."""
    for (resource, key), service in tuple(cluster.objects.items()):
        if resource is INFERENCE_SERVICE and "deletionTimestamp" not in service["metadata"]:
            _see_to(cluster, key, service)


def roll(
    cluster: FakeCluster, key: Key, pod_status: Callable[[str], Object], *, complete: bool = True
) -> None:
    """Let KServe act, and then the Deployment controller and the kubelet."""
    act(cluster)
    cluster.roll(made_of(key), lambda name: _as_kserve_names_it(pod_status(name)), complete=complete)


def made_of(key: Key) -> Key:
    """Where the Deployment of an InferenceService is."""
    return key[0], f"{key[1]}-predictor"


def _see_to(cluster: FakeCluster, key: Key, service: Object) -> None:
    predictor, place = service["spec"]["predictor"], made_of(key)
    marks = {
        name: {**service["metadata"].get(name, {}), **predictor.get(name, {})}
        for name in ("labels", "annotations")
    }
    marks["labels"]["app"] = f"isvc.{place[1]}"
    pods = {name: value for name, value in predictor.items() if name not in _OF_ANOTHER}
    known = deepcopy(cluster.objects.get((DEPLOYMENT, place)))
    owner = {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.kind,
        "name": key[1],
        "uid": service["metadata"]["uid"],
        "controller": True,
    }
    wanted: Object = {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {
            **(known["metadata"] if known else {}),
            **deepcopy(marks),
            "namespace": place[0],
            "name": place[1],
            "ownerReferences": [owner],
        },
        "spec": {
            "replicas": predictor["minReplicas"],
            "selector": {"matchLabels": {"app": marks["labels"]["app"]}},
            "template": {"metadata": deepcopy(marks), "spec": deepcopy(pods)},
        },
    }
    if known is not None and known["spec"] == wanted["spec"]:
        return
    cluster.put(DEPLOYMENT, wanted | ({"status": known["status"]} if known and "status" in known else {}))


def _as_kserve_names_it(status: Object) -> Object:
    named = deepcopy(status)
    for lists in ("initContainerStatuses", "containerStatuses"):
        for each in named.get(lists, ()):
            each["name"] = _NAMES.get(each["name"], each["name"])
    return named
