"""The variants of a ModelDeployment, each drawn as a ModelDeployment of its own.

Lockgate looks after these in turn, as after any other: nothing here knows of their rollouts.
"""

from collections.abc import Collection
from typing import Any

from lockgate.api.spec import ModelDeployment
from lockgate.domain.ports import ClusterView
from lockgate.domain.resources import MODEL_DEPLOYMENT, Object, key_of


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


def ends_early(arm: Object, view: ClusterView, served: Collection[str] | None) -> bool:
    """Whether it loses its pods while the gateway may send to it; `served` is None where that is unknown."""
    seen = view.get(MODEL_DEPLOYMENT, key_of(arm))
    has_pods = seen is not None and seen["spec"].get("replicas", 1) != 0
    return has_pods and arm["spec"]["replicas"] == 0 and (served is None or arm["metadata"]["name"] in served)
