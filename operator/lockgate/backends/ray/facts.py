"""A RayService as facts: how many pods it asks for, and how many of them answer for the model.

KubeRay makes a cluster the active one when its application runs, and then counts the pods that answer.
A cluster that fails shows in no condition, only in what the application says of itself (1.6). Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lockgate.api.status import Revision
from lockgate.backends.deployment.facts import revision_of
from lockgate.backends.ray.workload import pods_asked
from lockgate.domain.loosely import block, blocks, count
from lockgate.domain.observed import WorkloadFacts
from lockgate.domain.resources import Object
from lockgate.sentences import sentence

_TEXT_LIMIT: Final = 300
_FAILED: Final = ("DEPLOY_FAILED", "UNHEALTHY")
_SILENT: Final = "KubeRay has made nothing of RayService {} yet; is its operator running?"


def release_in(service: Object) -> Revision | None:
    """The release that it is drawn for."""
    return revision_of(service["metadata"])


def facts_of(service: Object, _: Object | None) -> WorkloadFacts:
    """What it asks for, and what KubeRay says that there is."""
    metadata, status = service["metadata"], block(service.get("status"))
    asked = pods_asked(service) or 0
    is_seen = count(status.get("observedGeneration")) >= metadata.get("generation", 0)
    is_active = bool(_cluster(status, "activeServiceStatus"))
    answering = min(asked, count(status.get("numServeEndpoints"))) if is_active else 0
    is_made = bool(clusters_of(service))
    return WorkloadFacts(
        name=metadata["name"],
        revision=release_in(service),
        replicas=asked,
        updated=asked if is_made else 0,
        total=asked if is_made else 0,
        available=answering,
        generation_observed=is_seen,
        minimum_available=is_active and 0 < asked <= answering,
        problem=next(_failures(status), None) or (None if is_made else _SILENT.format(metadata["name"])),
    )


def clusters_of(service: Object) -> tuple[str, ...]:
    """The clusters of Ray that KubeRay made for it, the one that answers first."""
    status = block(service.get("status"))
    named = (_cluster(status, each) for each in ("activeServiceStatus", "pendingServiceStatus"))
    return tuple(filter(None, named))


def _cluster(status: Mapping[str, Any], which: str) -> str:
    name = block(status.get(which)).get("rayClusterName")
    return name if isinstance(name, str) else ""


def _failures(status: Mapping[str, Any]) -> Iterator[str]:
    """What the model's application says went wrong with it, in its last line."""
    for which in ("pendingServiceStatus", "activeServiceStatus"):
        for each in blocks([*block(block(status.get(which)).get("applicationStatuses")).values()]):
            if each.get("status") in _FAILED:
                told = str(each.get("message") or each["status"]).strip().splitlines()
                yield f"Ray: {sentence(told[-1] if told else each['status'], _TEXT_LIMIT)}"
