"""From the dictionaries of the API server to values, naming the field when that cannot be done.

The schema has checked most of it already; what is checked again here are old objects, objects
written while the schema was another, and rules that need two fields. Pure.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from lockgate.api.conditions import Condition, ConditionStatus
from lockgate.api.quantity import parse_quantity
from lockgate.api.spec import (
    ModelDeployment,
    ModelRuntime,
    OnAliasMissing,
    Pin,
    Protocol,
    Resources,
    Rolling,
    RuntimeMetrics,
)
from lockgate.api.status import (
    Failure,
    HistoryEntry,
    ModelDeploymentStatus,
    Outcome,
    Phase,
    Proof,
    Role,
    RolloutState,
    TrafficShare,
    Trigger,
    parse_revision,
    parse_time,
)
from lockgate.errors import InvalidSpec
from lockgate.names import ConditionType, Reason

T = TypeVar("T")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def parse_duration(text: str, path: str) -> timedelta:
    """Read a duration such as 10m or 1h30m; raises InvalidSpec naming the field."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise InvalidSpec(path, f"is {text!r}; write a duration such as 30s, 10m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not duration:
        raise InvalidSpec(path, "is zero; write a duration such as 10m")
    return duration


def parse_model_deployment(raw: Mapping[str, Any]) -> ModelDeployment:
    """Read a ModelDeployment; raises InvalidSpec with the path of the first field in the way."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    model = _mapping(spec, "model", "spec.model")
    return ModelDeployment(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=metadata["generation"],
        registry=_text(model, "registry", "spec.model.registry"),
        collection=_text(model, "collection", "spec.model.collection"),
        alias=_text(model, "alias", "spec.model.alias"),
        runtime=_text(_mapping(spec, "runtime", "spec.runtime"), "name", "spec.runtime.name"),
        replicas=spec.get("replicas", 1),
        strategy=_parse_strategy(spec.get("strategy")),
        resources=_parse_resources(spec.get("resources"), "spec.resources"),
        pin=_parse_pin(spec.get("pin")),
        suspend=spec.get("suspend", False),
        on_alias_missing=OnAliasMissing(spec.get("onAliasMissing", OnAliasMissing.HOLD)),
        progress_deadline=parse_duration(spec.get("progressDeadline", "10m"), "spec.progressDeadline"),
        revision_history_limit=spec.get("revisionHistoryLimit", 10),
        status=parse_status(raw.get("status")),
    )


def parse_model_runtime(raw: Mapping[str, Any]) -> ModelRuntime:
    """Read a ModelRuntime; raises InvalidSpec."""
    spec = raw.get("spec") or {}
    resources = spec.get("resources") or {}
    metrics = spec.get("metrics")
    return ModelRuntime(
        name=raw["metadata"]["name"],
        image=_text(spec, "image", "spec.image"),
        command=tuple(spec.get("command") or ()),
        args=tuple(spec.get("args") or ()),
        env=tuple((entry["name"], entry["value"]) for entry in spec.get("env") or ()),
        port=spec["port"],
        protocol=Protocol(spec.get("protocol", Protocol.OPEN_INFERENCE_V2)),
        readiness_path=_text(spec, "readinessPath", "spec.readinessPath"),
        accepted_formats=tuple(spec.get("acceptedFormats") or ()),
        resources=_parse_resources(resources, "spec.resources"),
        ceilings=_parse_amounts(resources.get("ceilings"), "spec.resources.ceilings"),
        termination_grace_period_seconds=spec.get("terminationGracePeriodSeconds", 30),
        metrics=None
        if metrics is None
        else RuntimeMetrics(
            path=_text(metrics, "path", "spec.metrics.path"),
            **{name: metrics.get(name) for name in ("port", "requests", "errors", "latency")},
        ),
    )


def parse_status(raw: Mapping[str, Any] | None) -> ModelDeploymentStatus:
    """Read a status back, part by part; a part that makes no sense counts as absent.

    A status can only be wrong through another hand or another release, and nothing in it may
    stop a pass: without a rollout state, what runs is observed and the candidate starts anew.
    """
    raw = raw or {}
    return ModelDeploymentStatus(
        observed_generation=raw.get("observedGeneration"),
        phase=_lenient(lambda: Phase(raw["phase"])),
        desired=_lenient(lambda: parse_revision(raw.get("desired"))),
        stable=_lenient(lambda: parse_revision(raw.get("stable"))),
        proof=_lenient(lambda: _parse_proof(raw["stable"])),
        candidate=_lenient(lambda: parse_revision(raw.get("candidate"))),
        previous=_lenient(lambda: parse_revision(raw.get("previous"))),
        step=raw.get("step"),
        traffic=_lenient(lambda: tuple(map(_parse_share, raw.get("traffic") or ()))) or (),
        rollout=_lenient(lambda: _parse_rollout(raw.get("rollout") or {})) or RolloutState(),
        history=_lenient(lambda: tuple(map(_parse_history, raw.get("history") or ()))) or (),
        conditions=_lenient(lambda: tuple(map(_parse_condition, raw.get("conditions") or ()))) or (),
    )


def _lenient(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _parse_share(raw: Mapping[str, Any]) -> TrafficShare:
    return TrafficShare(role=Role(raw["role"]), version=raw["version"], weight=raw["weight"])


def _parse_proof(stable: Mapping[str, Any]) -> Proof:
    return Proof(tree_digest=stable["treeDigest"], files=stable["files"], size=stable["bytes"])


def _parse_rollout(raw: Mapping[str, Any]) -> RolloutState:
    failed_raw = raw.get("failed")
    failed = None
    if failed_raw is not None:
        revision = parse_revision(failed_raw)
        assert revision is not None
        failed = Failure(
            revision=revision, generation=failed_raw["generation"], message=failed_raw.get("message", "")
        )
    candidate = parse_revision(raw.get("candidate"))
    return RolloutState(
        stable=parse_revision(raw.get("stable")),
        candidate=candidate,
        step=raw.get("step", 0),
        started_at=parse_time(raw["startedAt"]) if candidate else None,
        trigger=Trigger(raw["trigger"]) if candidate else None,
        failed=failed,
    )


def _parse_history(raw: Mapping[str, Any]) -> HistoryEntry:
    revision = parse_revision(raw)
    assert revision is not None
    return HistoryEntry(
        revision=revision,
        outcome=Outcome(raw["outcome"]),
        finished_at=parse_time(raw["finishedAt"]),
        started_at=parse_time(raw["startedAt"]) if "startedAt" in raw else None,
        trigger=Trigger(raw["trigger"]) if "trigger" in raw else None,
        message=raw.get("message"),
    )


def _parse_condition(raw: Mapping[str, Any]) -> Condition:
    return Condition(
        type=ConditionType(raw["type"]),
        status=ConditionStatus(raw["status"]),
        reason=Reason(raw["reason"]),
        message=raw["message"],
        last_transition_time=parse_time(raw["lastTransitionTime"]),
        observed_generation=raw.get("observedGeneration", 0),
    )


def _parse_strategy(raw: Mapping[str, Any] | None) -> Rolling:
    block = (raw or {}).get("rolling", {} if not raw else None)
    if block is None:
        raise InvalidSpec("spec.strategy", f"names {sorted(raw or {})}; this release knows only rolling")
    return Rolling(max_surge=block.get("maxSurge", "25%"), max_unavailable=block.get("maxUnavailable", 0))


def _parse_pin(raw: Mapping[str, Any] | None) -> Pin | None:
    if raw is None:
        return None
    until = raw.get("until")
    try:
        return Pin(
            version=_text(raw, "version", "spec.pin.version"),
            reason=_text(raw, "reason", "spec.pin.reason"),
            until=None if until is None else parse_time(until),
        )
    except ValueError as error:
        raise InvalidSpec("spec.pin.until", f"is not a time with a zone: {error}") from None


def _parse_resources(raw: Mapping[str, Any] | None, path: str) -> Resources:
    raw = raw or {}
    return Resources(
        requests=_parse_amounts(raw.get("requests"), f"{path}.requests"),
        limits=_parse_amounts(raw.get("limits"), f"{path}.limits"),
    )


def _parse_amounts(raw: Mapping[str, Any] | None, path: str) -> dict[str, str]:
    amounts = {name: str(amount) for name, amount in (raw or {}).items()}
    for name, amount in amounts.items():
        try:
            parse_quantity(amount)
        except ValueError as error:
            raise InvalidSpec(f"{path}.{name}", f"cannot be read: {error}") from None
    return amounts


def _mapping(raw: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    value = raw.get(name)
    if not isinstance(value, Mapping):
        raise InvalidSpec(path, "is missing")
    return value


def _text(raw: Mapping[str, Any], name: str, path: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidSpec(path, "is missing")
    return value
