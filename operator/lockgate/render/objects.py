"""A plan as Kubernetes objects, in the order in which they are to be applied.

The order matters: the workload first, so that no Service ever points at pods that were never
asked for. Nothing here reads a cluster; what the API server adds is no concern of this file.
"""

from typing import Any

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.domain.plan import Plan
from lockgate.names import (
    ANNOTATION_RENDER_HASH,
    API_VERSION,
    GROUP,
    LABEL_MODEL_DEPLOYMENT,
    MODEL_DEPLOYMENT_KIND,
)
from lockgate.render.fingerprint import fingerprint
from lockgate.render.settings import PodSettings
from lockgate.render.workload import labels_of, render_workload

SERVICE_PORT = 80


def render_objects(
    deployment: ModelDeployment, runtime: ModelRuntime, plan: Plan, pods: PodSettings
) -> tuple[dict[str, Any], ...]:
    """Every child that should exist; empty when there is nothing to serve."""
    if plan.workload is None:
        return ()
    return tuple(
        _finish(child, deployment)
        for child in (render_workload(deployment, runtime, plan.workload, pods), _render_service(deployment))
    )


def _render_service(deployment: ModelDeployment) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": deployment.name},
        "spec": {
            "type": "ClusterIP",
            "selector": {LABEL_MODEL_DEPLOYMENT: deployment.name},
            "ports": [{"name": "http", "port": SERVICE_PORT, "protocol": "TCP", "targetPort": "http"}],
        },
    }


def _finish(child: dict[str, Any], deployment: ModelDeployment) -> dict[str, Any]:
    metadata = child["metadata"]
    metadata["namespace"] = deployment.namespace
    metadata["labels"] = labels_of(deployment)
    metadata["ownerReferences"] = [
        {
            "apiVersion": f"{GROUP}/{API_VERSION}",
            "kind": MODEL_DEPLOYMENT_KIND,
            "name": deployment.name,
            "uid": deployment.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    metadata.setdefault("annotations", {})[ANNOTATION_RENDER_HASH] = fingerprint(child)
    return child
