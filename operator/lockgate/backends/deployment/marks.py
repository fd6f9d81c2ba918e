"""How the children of a ModelDeployment are marked, so that they are found and told apart. Pure."""

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.names import (
    ANNOTATION_BACKEND,
    ANNOTATION_DIGEST,
    ANNOTATION_RUNTIME,
    ANNOTATION_SIZE,
    ANNOTATION_SOURCE,
    ANNOTATION_URI,
    ANNOTATION_VERSION,
    API_VERSION,
    DEFAULT_SOURCE,
    GROUP,
    LABEL_MANAGED_BY,
    LABEL_MODEL_DEPLOYMENT,
    LABEL_NAME,
    LABEL_RELEASE,
    LABEL_WORKLOAD,
    MANAGED_BY,
    MODEL_DEPLOYMENT_KIND,
)


def labels_of(deployment: ModelDeployment) -> dict[str, str]:
    """The labels by which all children of a ModelDeployment are found."""
    return {
        LABEL_NAME: deployment.name,
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_MODEL_DEPLOYMENT: deployment.name,
    }


def workload_labels(deployment: ModelDeployment, workload: str) -> dict[str, str]:
    """What the pods of one workload have in common, and no pod of another workload has."""
    return {LABEL_MODEL_DEPLOYMENT: deployment.name, LABEL_WORKLOAD: workload}


def release_labels(release: Revision) -> dict[str, str]:
    """Which release it is."""
    return {} if release.release is None else {LABEL_RELEASE: release.release}


def pod_labels(deployment: ModelDeployment, release: Revision) -> dict[str, str]:
    """All labels of a pod of the workload that has the ModelDeployment's own name."""
    return labels_of(deployment) | workload_labels(deployment, deployment.name) | release_labels(release)


def release_annotations(release: Revision) -> dict[str, str]:
    """What is of a release, for whoever looks at an object, and for us when no status tells it."""
    known = {
        ANNOTATION_URI: release.uri,
        ANNOTATION_SOURCE: "" if release.source == DEFAULT_SOURCE else release.source,
        ANNOTATION_VERSION: release.version,
        ANNOTATION_DIGEST: release.digest,
        ANNOTATION_RUNTIME: release.runtime,
        ANNOTATION_BACKEND: release.backend,
        ANNOTATION_SIZE: None if release.size is None else str(release.size),
    }
    return {name: text for name, text in known.items() if text}


def owner_reference(deployment: ModelDeployment) -> dict[str, object]:
    """What makes a child ours, and lets it go with its ModelDeployment."""
    return {
        "apiVersion": f"{GROUP}/{API_VERSION}",
        "kind": MODEL_DEPLOYMENT_KIND,
        "name": deployment.name,
        "uid": deployment.uid,
        # Nothing that blocks the owner's deletion: that asks for rights over its finalizers.
        "controller": True,
    }
