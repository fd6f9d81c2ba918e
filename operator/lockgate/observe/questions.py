"""What is to be asked of Prometheus for a metric: PromQL texts with the release put in, or why not. Pure."""

from dataclasses import dataclass

from lockgate.api.analysis import Metric, Query
from lockgate.api.promql import RELEASE, filled, places_of, window_text
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.domain.analysis import Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRelease:
    """PromQL for the value of one release, and for its requests a second where somebody wants to know."""

    value: str
    requests: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What to ask for a metric; `stable` is None where nothing is to be compared with it."""

    candidate: OfRelease
    stable: OfRelease | None


class _CannotBeAsked(Exception):
    """Somebody has to mend a spec or a runtime first."""


def questions_for(
    metric: Metric,
    deployment: ModelDeployment,
    runtime: ModelRuntime | None,
    candidate: str | None,
    stable: str | None,
) -> Questions | Unread:
    """The questions for a metric; `candidate` and `stable` name releases (stable None: there is none)."""
    is_compared = metric.max_ratio_to_stable is not None and stable is not None
    try:
        if runtime is None:
            raise _CannotBeAsked(f"ModelRuntime {deployment.runtime} is not there")
        value = metric.promql or _of_runtime(metric.query or Query.ERRORS, runtime)
        requests = _of_runtime(Query.REQUESTS, runtime) if _wants_requests(metric, runtime) else None
        return Questions(
            candidate=_for_release(deployment, candidate, value, requests),
            stable=_for_release(deployment, stable, value, requests) if is_compared else None,
        )
    except (_CannotBeAsked, ValueError) as error:
        return Unread(sentence=f"metric {metric.name} cannot be measured: {error}", lasting=True)


def _wants_requests(metric: Metric, runtime: ModelRuntime) -> bool:
    """Whether it matters how many requests there were; where nobody says how many, if that can be known."""
    if metric.query is Query.REQUESTS:
        return False
    if metric.query is Query.ERRORS or metric.min_samples is not None:
        return metric.query is Query.ERRORS or metric.min_samples != 0
    return runtime.metrics is not None and runtime.metrics.requests is not None


def _of_runtime(query: Query, runtime: ModelRuntime) -> str:
    known, where = runtime.metrics, f"spec.metrics.{query.value} of ModelRuntime {runtime.name}"
    told = None
    if known is not None:
        texts = {
            Query.REQUESTS: known.requests,
            Query.ERRORS: known.errors,
            Query.LATENCY: known.latency,
        }
        told = texts[query]
    if told is None:
        raise _CannotBeAsked(f"{where} has no PromQL; write it there, or measure something else")
    if RELEASE not in places_of(told):
        raise _CannotBeAsked(f"{where} does not name $release, so it says nothing of one release alone")
    return told


def _for_release(
    deployment: ModelDeployment, release: str | None, value: str, requests: str | None
) -> OfRelease:
    analysis = deployment.analysis
    known = {
        "namespace": deployment.namespace,
        "name": deployment.name,
        RELEASE: release or "",
        "window": "" if analysis is None else window_text(analysis.interval),
    }
    return OfRelease(
        value=filled(value, known), requests=None if requests is None else filled(requests, known)
    )
