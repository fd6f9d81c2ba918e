"""The Services at which pods answer: those of a ModelDeployment, and those of each of its workloads. Pure.

The one of the ModelDeployment's own name is for whoever comes without a gateway. A route names the
others, each of which is for one workload as long as that lives: so a weight always means the same pods.
"""

import re
from typing import Any, Final

from lockgate.api.spec import ModelDeployment
from lockgate.backends.deployment.marks import workload_labels
from lockgate.backends.kinds import DEPLOYMENTS, Kind, kind_of
from lockgate.domain.plan import Stage
from lockgate.names import LABEL_MODEL_DEPLOYMENT, LABEL_WORKLOAD

SERVICE_PORT: Final = 80
_RELEASE: Final = re.compile(r"[0-9a-f]{8}")


def own_service(deployment: str, workload: str) -> str:
    """Name of the Service of one workload's pods."""
    return f"{deployment}-own" if workload == deployment else workload


def preview_service(deployment: str) -> str:
    """Name of the Service for a look at what is to come."""
    return f"{deployment}-preview"


def workload_behind(deployment: str, service: str) -> str | None:
    """The workload whose own Service has this name; None for a name of another kind."""
    if service == own_service(deployment, deployment):
        return deployment
    begins, _, release = service.rpartition("-")
    return service if begins == deployment and _RELEASE.fullmatch(release) else None


def own_services(deployment: ModelDeployment, stage: Stage) -> list[dict[str, Any]]:
    """One for each workload; that of the ModelDeployment's own name needs one for a route only."""
    tracked = [track.workload for track in stage.tracks if track.workload != deployment.name]
    routed = stage.split.names if stage.split else ()
    # A gateway answers errors for a Service of which it does not know the pods yet: it gets one
    # with its workload, long before the route names it.
    to_be_routed = [track.workload for track in stage.tracks] if stage.split else ()
    return [
        _service(
            own_service(deployment.name, workload),
            workload_labels(deployment, workload),
            {LABEL_WORKLOAD: workload},
            of=_kind(stage, workload),
        )
        for workload in dict.fromkeys((*tracked, *routed, *to_be_routed))
    ]


def front_services(deployment: ModelDeployment, stage: Stage) -> list[dict[str, Any]]:
    """The one of the ModelDeployment's own name, and the one for a look at what is to come."""
    everything = {LABEL_MODEL_DEPLOYMENT: deployment.name}
    front = everything if stage.front is None else workload_labels(deployment, stage.front)
    services = [_service(deployment.name, front, of=_kind(stage, stage.front))]
    if stage.preview is not None:
        preview = workload_labels(deployment, stage.preview)
        services.append(_service(preview_service(deployment.name), preview, of=_kind(stage, stage.preview)))
    return services


def _kind(stage: Stage, workload: str | None) -> Kind:
    found = next((track.release for track in stage.tracks if track.workload == workload), None)
    return DEPLOYMENTS if found is None else kind_of(found)


def _service(
    name: str, selector: dict[str, str], labels: dict[str, str] | None = None, *, of: Kind
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name} | ({"labels": labels} if labels else {})
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": "ClusterIP",
            "selector": selector | dict(of.answers),
            "ports": [{"name": "http", "port": SERVICE_PORT, "protocol": "TCP", "targetPort": of.port}],
        },
    }
