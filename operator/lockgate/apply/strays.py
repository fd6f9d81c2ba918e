"""What of ours is there and not named any more, in the order in which it may go. Pure.

The route first, then the Services that it named, then pods: nobody is sent to what is on its way out.
"""

from collections.abc import Set
from typing import Final

from lockgate.api.spec import ModelDeployment
from lockgate.apply.objects import Thing, is_leaving
from lockgate.domain.ports import ClusterView
from lockgate.domain.resources import (
    HTTP_ROUTE,
    MODEL_DEPLOYMENT,
    SERVICE,
    WORKLOADS,
    Object,
    Resource,
    controller_of,
)

_IN_ORDER: Final = (HTTP_ROUTE, SERVICE, *WORKLOADS, MODEL_DEPLOYMENT)


def strays_of(
    deployment: ModelDeployment, view: ClusterView, kept: Set[Thing]
) -> list[tuple[Resource, Object]]:
    """Children by the UID of their controller, beside those that are kept and those that go already."""
    return [
        (resource, seen)
        for resource in _IN_ORDER
        for key in sorted(view.names(resource, deployment.key))
        if (resource.kind, key) not in kept
        and (seen := view.get(resource, key)) is not None
        and not is_leaving(seen)
        and (controller_of(seen) or {}).get("uid") == deployment.uid
    ]
