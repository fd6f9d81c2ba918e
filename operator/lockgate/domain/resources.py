"""The kinds of objects that Lockgate watches and writes, and where the API server keeps them."""

from dataclasses import dataclass
from typing import Any, Final

from lockgate.names import (
    API_VERSION,
    GROUP,
    MODEL_DEPLOYMENT_KIND,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIME_KIND,
    MODEL_RUNTIMES,
)

Tried = tuple[str, str]
"""The digest of a version, and what it ran on, as a status tells both."""
Key = tuple[str, str]
"""Namespace (empty for cluster-scoped kinds) and name."""

Object = dict[str, Any]
"""An object as the API server sends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of the Kubernetes API; one that is `listed_only` is read without the right to get it.

    A cluster may lack one that is `optional`, and goes without what depends on it. Annotations and labels
    of one that `lends_marks` are put onto its pods by its controller: another one would mean other pods.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    managed_only: bool = False
    listed_only: bool = False
    optional: bool = False
    lends_marks: bool = False

    @property
    def api_version(self) -> str:
        """Group and version as objects carry them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """The URL path under which the API server offers this version of the kind's group."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of a collection, or of one object when named."""
        middle = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.root}{middle}/{self.plural}" + (f"/{name}" if name else "")


MODEL_DEPLOYMENT: Final = Resource(
    group=GROUP, version=API_VERSION, kind=MODEL_DEPLOYMENT_KIND, plural=MODEL_DEPLOYMENTS, listed_only=True
)
MODEL_RUNTIME: Final = Resource(
    group=GROUP, version=API_VERSION, kind=MODEL_RUNTIME_KIND, plural=MODEL_RUNTIMES, namespaced=False
)
DEPLOYMENT: Final = Resource(
    group="apps", version="v1", kind="Deployment", plural="deployments", managed_only=True
)
SERVICE: Final = Resource(group="", version="v1", kind="Service", plural="services", managed_only=True)
POD: Final = Resource(group="", version="v1", kind="Pod", plural="pods", managed_only=True)
REPLICA_SET: Final = Resource(group="apps", version="v1", kind="ReplicaSet", plural="replicasets")
CONTROLLER_REVISION: Final = Resource(
    group="apps", version="v1", kind="ControllerRevision", plural="controllerrevisions"
)
HTTP_ROUTE: Final = Resource(
    group="gateway.networking.k8s.io",
    version="v1",
    kind="HTTPRoute",
    plural="httproutes",
    managed_only=True,
    optional=True,
)
INFERENCE_SERVICE: Final = Resource(
    group="serving.kserve.io",
    version="v1beta1",
    kind="InferenceService",
    plural="inferenceservices",
    managed_only=True,
    optional=True,
    # kserve 0.20, components/predictor.go: buildPredictorResources
    lends_marks=True,
)
RAY_SERVICE: Final = Resource(
    group="ray.io", version="v1", kind="RayService", plural="rayservices", managed_only=True, optional=True
)
RAY_CLUSTER: Final = Resource(group="ray.io", version="v1", kind="RayCluster", plural="rayclusters")
EVENT: Final = Resource(group="events.k8s.io", version="v1", kind="Event", plural="events")

WATCHED: Final = (MODEL_RUNTIME, MODEL_DEPLOYMENT, DEPLOYMENT, SERVICE, POD)
WORKLOADS: Final = (DEPLOYMENT, INFERENCE_SERVICE, RAY_SERVICE)
"""What runs pods of ours, each as some backend has it."""
OPTIONAL: Final = (HTTP_ROUTE, INFERENCE_SERVICE, RAY_SERVICE)
CHILDREN: Final = {
    resource.kind: resource for resource in (*WORKLOADS, SERVICE, HTTP_ROUTE, MODEL_DEPLOYMENT)
}


def controller_of(obj: Object) -> Object | None:
    """The owner reference of the object's controller, if it has one."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def key_of(obj: Object) -> Key:
    """Namespace and name of an object."""
    metadata = obj["metadata"]
    return (metadata.get("namespace", ""), metadata["name"])
