"""The Service at which the pods of a ModelDeployment answer, whichever release they are of. Pure."""

from typing import Any

from lockgate.api.spec import ModelDeployment
from lockgate.names import LABEL_MODEL_DEPLOYMENT

SERVICE_PORT = 80


def render_service(deployment: ModelDeployment) -> dict[str, Any]:
    """The Service of the ModelDeployment's own name."""
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
