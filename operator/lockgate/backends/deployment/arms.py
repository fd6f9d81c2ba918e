"""The variants of a ModelDeployment, each drawn as a ModelDeployment of its own. Pure.

Lockgate looks after these in turn, as after any other: nothing here knows of their rollouts.
"""

from typing import Any

from lockgate.api.spec import ModelDeployment
from lockgate.domain.resources import MODEL_DEPLOYMENT


def render_arms(deployment: ModelDeployment) -> list[dict[str, Any]]:
    """One for each variant; what people set beside what is drawn, a pin for instance, stays theirs."""
    return [
        {
            "apiVersion": MODEL_DEPLOYMENT.api_version,
            "kind": MODEL_DEPLOYMENT.kind,
            "metadata": {"name": variant.name},
            "spec": dict(variant.spec),
        }
        for variant in deployment.variants
    ]
