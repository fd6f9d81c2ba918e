"""A status in both directions of the schema in crds/: as the API server takes it, and read back.

What is written fits the schema, whatever was read before. What is read may come from another hand
or another release, so a part of it that makes no sense is absent. Pure.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lockgate.api import read
from lockgate.api.conditions import Condition, ConditionStatus
from lockgate.api.requests import LastRequest, RequestOutcome
from lockgate.api.status import (
    FAILURES_LIMIT,
    HISTORY_LIMIT,
    LARGEST_REPLICAS,
    SELECTOR_LIMIT,
    VERSION_LIMIT,
    Failure,
    HistoryEntry,
    ModelDeploymentStatus,
    Outcome,
    Phase,
    Proof,
    Revision,
    Role,
    RolloutState,
    TrafficShare,
    Trigger,
    format_time,
    is_count,
)
from lockgate.names import DEFAULT_SOURCE, ConditionType, Reason
from lockgate.sentences import is_name, sentence


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _revision_dict(revision: Revision | None) -> dict[str, Any] | None:
    if revision is None:
        return None
    return _without_none(
        version=revision.version,
        uri=revision.uri,
        digest=revision.digest,
        source=None if revision.source == DEFAULT_SOURCE else revision.source,
        model=revision.model,
        alias=revision.alias,
        size=revision.size,
        release=revision.release,
        runtime=revision.runtime,
        treeDigest=revision.tree,
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _rollout_dict(state: RolloutState) -> dict[str, Any]:
    failed = [
        {
            **(_revision_dict(failure.revision) or {}),
            "recipe": failure.recipe,
            "reason": failure.reason.value,
            "message": failure.message,
        }
        for failure in state.failed
    ]
    running = state.candidate is not None
    return _without_none(
        stable=_revision_dict(state.stable),
        candidate=_revision_dict(state.candidate),
        step=state.step if running else None,
        startedAt=_time(state.started_at) if running else None,
        progressedAt=_time(state.progressed_at) if running else None,
        trigger=state.trigger.value if running and state.trigger else None,
        failed=failed or None,
        unproven=state.unproven or None,
        fallback=_revision_dict(state.fallback),
    )


def _history_dict(entry: HistoryEntry) -> dict[str, Any]:
    return {
        **(_revision_dict(entry.revision) or {}),
        **_without_none(
            outcome=entry.outcome.value,
            trigger=entry.trigger.value if entry.trigger else None,
            startedAt=_time(entry.started_at),
            finishedAt=_time(entry.finished_at),
            by=entry.by,
            message=entry.message,
        ),
    }


def _last_request_dict(last: LastRequest | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {"request": last.request, "outcome": last.outcome.value, "message": last.message}


def to_dict(status: ModelDeploymentStatus) -> dict[str, Any]:
    """The status as the API server takes it; equal statuses give equal dictionaries."""
    stable = _revision_dict(status.stable)
    if stable is not None and status.proof is not None:
        stable |= {
            "treeDigest": status.proof.tree_digest,
            "files": status.proof.files,
            "bytes": status.proof.size,
        }
    return _without_none(
        observedGeneration=status.observed_generation,
        phase=status.phase.value if status.phase else None,
        replicas=status.replicas,
        selector=status.selector,
        step=status.step,
        desired=_revision_dict(status.desired),
        stable=stable,
        candidate=_revision_dict(status.candidate),
        previous=_revision_dict(status.previous),
        traffic=[{"track": t.track.value, "version": t.version, "weight": t.weight} for t in status.traffic]
        or None,
        rollout=_rollout_dict(status.rollout) or None,
        history=[_history_dict(entry) for entry in status.history] or None,
        lastRequest=_last_request_dict(status.last_request),
        conditions=[
            {
                "type": c.type.value,
                "status": c.status.value,
                "reason": c.reason.value,
                "message": c.message,
                "lastTransitionTime": format_time(c.last_transition_time),
                "observedGeneration": c.observed_generation,
            }
            for c in status.conditions
        ]
        or None,
    )


def with_summary(raw: Mapping[str, Any] | None, status: ModelDeploymentStatus) -> dict[str, Any]:
    """A status as the API server holds it, with the summary of another and nothing else of it."""
    said = to_dict(status)
    return {**(raw or {}), **{name: said[name] for name in ("observedGeneration", "phase", "conditions")}}


def parse_revision(raw: Mapping[str, Any] | None) -> Revision | None:
    """Read a version back; None when absent, an error of Python's when it makes no sense."""
    if raw is None:
        return None
    size = raw.get("size")
    uri, digest = raw.get("uri"), raw.get("digest")
    if uri is None:
        # An earlier release knew one kind of registry, whose path and bare digest it kept.
        uri, digest = f"wandb://{raw['reference']}", f"wandb-md5:{raw['digest']}"
    return Revision(
        version=raw["version"],
        uri=uri,
        digest=digest,
        source=raw.get("source") or DEFAULT_SOURCE,
        model=raw.get("model"),
        alias=raw.get("alias"),
        size=size if is_count(size) else None,
        release=raw.get("release"),
        runtime=raw.get("runtime"),
        tree=raw.get("treeDigest"),
    )


def parse_status(raw: Mapping[str, Any] | None) -> ModelDeploymentStatus:
    """Read a status back, part by part; a part that makes no sense counts as absent.

    A status can only be wrong through another hand or another release, and nothing in it may
    stop a pass: without a rollout state, what runs is observed and the candidate starts anew.
    """
    if not isinstance(raw, Mapping):
        return ModelDeploymentStatus()
    return ModelDeploymentStatus(
        observed_generation=read.count(raw.get("observedGeneration")),
        phase=read.lenient(lambda: Phase(raw["phase"])),
        replicas=read.count(raw.get("replicas"), LARGEST_REPLICAS),
        selector=raw["selector"] if is_name(raw.get("selector"), SELECTOR_LIMIT) else None,
        desired=read.lenient(lambda: parse_revision(raw.get("desired"))),
        stable=read.lenient(lambda: parse_revision(raw.get("stable"))),
        proof=read.lenient(lambda: _parse_proof(raw["stable"])),
        candidate=read.lenient(lambda: parse_revision(raw.get("candidate"))),
        previous=read.lenient(lambda: parse_revision(raw.get("previous"))),
        step=raw["step"] if is_name(raw.get("step"), VERSION_LIMIT) else None,
        traffic=read.lenient(lambda: _parse_traffic(raw.get("traffic") or ())) or (),
        rollout=read.lenient(lambda: _parse_rollout(raw.get("rollout") or {})) or RolloutState(),
        history=read.each(raw.get("history"), _parse_history)[:HISTORY_LIMIT],
        last_request=read.lenient(lambda: _parse_last_request(raw["lastRequest"])),
        conditions=read.each(raw.get("conditions"), _parse_condition),
    )


def _parse_traffic(raw: Sequence[Mapping[str, Any]]) -> tuple[TrafficShare, ...]:
    shares = tuple(map(_parse_share, raw))
    if len({share.track for share in shares}) < len(shares):
        raise ValueError("a track is there twice")
    return shares


def _parse_share(raw: Mapping[str, Any]) -> TrafficShare:
    version, weight = raw["version"], raw["weight"]
    if not is_name(version, VERSION_LIMIT) or not is_count(weight) or weight > 100:
        raise ValueError("no share of the traffic")
    return TrafficShare(track=Role(raw["track"]), version=version, weight=weight)


def _parse_proof(stable: Mapping[str, Any]) -> Proof:
    return Proof(tree_digest=stable["treeDigest"], files=stable["files"], size=stable["bytes"])


def _parse_rollout(raw: Mapping[str, Any]) -> RolloutState:
    failed = raw.get("failed")
    candidate = parse_revision(raw.get("candidate"))
    progressed_at = raw.get("progressedAt")
    return RolloutState(
        stable=parse_revision(raw.get("stable")),
        candidate=candidate,
        step=read.count(raw.get("step")) or 0,
        started_at=read.moment(raw["startedAt"]) if candidate else None,
        progressed_at=read.moment(progressed_at) if candidate and progressed_at else None,
        trigger=Trigger(raw["trigger"]) if candidate else None,
        # An earlier release remembered one failure only, as an object.
        failed=read.each([failed] if isinstance(failed, Mapping) else failed, _parse_failure)[
            :FAILURES_LIMIT
        ],
        unproven=raw.get("unproven") is True,
        fallback=read.lenient(lambda: parse_revision(raw.get("fallback"))),
    )


def _parse_failure(raw: Mapping[str, Any]) -> Failure:
    recipe = raw.get("recipe")
    return Failure(
        revision=_revision(raw),
        recipe=str(recipe) if is_name(recipe, VERSION_LIMIT) else "",
        reason=Reason(raw.get("reason", Reason.ROLLOUT_ABORTED)),
        message=str(raw.get("message", "")),
    )


def _parse_history(raw: Mapping[str, Any]) -> HistoryEntry:
    message, by = raw.get("message"), raw.get("by")
    return HistoryEntry(
        revision=_revision(raw),
        outcome=Outcome(raw["outcome"]),
        finished_at=read.moment(raw["finishedAt"]),
        started_at=read.moment(raw["startedAt"]) if "startedAt" in raw else None,
        trigger=Trigger(raw["trigger"]) if "trigger" in raw else None,
        by=None if by is None else str(by),
        message=None if message is None else str(message),
    )


def _parse_last_request(raw: Mapping[str, Any]) -> LastRequest:
    return LastRequest(
        request=str(raw["request"]),
        outcome=RequestOutcome(raw["outcome"]),
        message=str(raw.get("message", "")),
    )


def _revision(raw: Mapping[str, Any]) -> Revision:
    revision = parse_revision(raw)
    if revision is None:
        raise ValueError("no version")
    return revision


def _parse_condition(raw: Mapping[str, Any]) -> Condition:
    return Condition(
        type=ConditionType(raw["type"]),
        status=ConditionStatus(raw["status"]),
        reason=Reason(raw["reason"]),
        message=sentence(raw["message"]),
        last_transition_time=read.moment(raw["lastTransitionTime"]),
        observed_generation=read.count(raw.get("observedGeneration")) or 0,
    )
