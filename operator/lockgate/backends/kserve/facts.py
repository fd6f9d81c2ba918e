"""An InferenceService as facts: what it asks for, and how far the Deployment that KServe makes of it is.

Its own Ready says that something serves, not what; and its observedGeneration is that of the Deployment
(kserve 0.20). So how many pods there are is read from the Deployment, once that carries the same release;
what KServe says itself is only of use where there is none. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lockgate.api.status import Revision
from lockgate.backends.deployment.facts import revision_of, workload_facts
from lockgate.domain.loosely import block, blocks, count
from lockgate.domain.observed import WorkloadFacts
from lockgate.domain.resources import Object
from lockgate.sentences import sentence

_TEXT_LIMIT: Final = 300
_SILENT: Final = "KServe has made nothing of InferenceService {} yet; is its controller running?"


def release_in(service: Object) -> Revision | None:
    """The release that it is drawn for."""
    predictor = _predictor(service)
    return revision_of({name: block(predictor.get(name)) for name in ("labels", "annotations")})


def facts_of(service: Object, made: Object | None) -> WorkloadFacts:
    """What it asks for, and what its Deployment has of that."""
    name, asked = service["metadata"]["name"], count(_predictor(service).get("minReplicas", 1))
    revision = release_in(service)
    if made is None:
        refusal = next(_refusals(service), None)
        return WorkloadFacts(
            name=name,
            revision=revision,
            replicas=asked,
            updated=0,
            total=0,
            available=0,
            generation_observed=False,
            problem=f"KServe: {refusal}" if refusal else _SILENT.format(name),
        )
    there = workload_facts(made)
    follows = revision is not None and revision.is_same(there.revision) and there.replicas == asked
    is_of_it = follows and there.generation_observed
    return WorkloadFacts(
        name=name,
        revision=revision,
        replicas=asked,
        updated=there.updated if is_of_it else 0,
        total=there.total,
        available=there.available,
        generation_observed=is_of_it,
        minimum_available=there.minimum_available,
        # KServe lets each Deployment have ten minutes, whatever the ModelDeployment says: that is not asked.
        deadline_exceeded=False,
        problem=there.problem or (None if follows else next(_refusals(service), None)),
    )


def _predictor(service: Object) -> Mapping[str, Any]:
    return block(block(service.get("spec")).get("predictor"))


def _refusals(service: Object) -> Iterator[str]:
    """Why KServe does not do what is asked, in its own words."""
    for condition in blocks(block(service.get("status")).get("conditions")):
        is_refusal = condition.get("type") == "PredictorReady" and condition.get("status") == "False"
        if is_refusal and (told := condition.get("message") or condition.get("reason")):
            yield sentence(told, _TEXT_LIMIT)
