"""A status in both directions of the schema in crds/: as the API server takes it, and read back.

What is written fits the schema, whatever was read before. What is read may come from another hand
or another release, so a part of it that makes no sense is absent. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.api import read
from lockgate.api.conditions import Condition, ConditionStatus
from lockgate.api.gates import Refusal
from lockgate.api.limits import HISTORY_LIMIT, LARGEST_REPLICAS, SELECTOR_LIMIT, VERSION_LIMIT, is_count
from lockgate.api.moments import format_time
from lockgate.api.requests import LastRequest, RequestOutcome
from lockgate.api.rollout_codec import (
    parse_revision,
    parse_rollout,
    revision_dict,
    rollout_dict,
    some_revision,
    time_text,
    without_none,
)
from lockgate.api.shares import VARIANT_LIMIT, Role, TrafficShare, VariantShare
from lockgate.api.status import (
    HistoryEntry,
    ModelDeploymentStatus,
    Outcome,
    Phase,
    Proof,
    RolloutState,
    Trigger,
)
from lockgate.names import ConditionType, Reason
from lockgate.sentences import is_name, sentence


def _history_dict(entry: HistoryEntry) -> dict[str, Any]:
    return {
        **(revision_dict(entry.revision) or {}),
        **without_none(
            outcome=entry.outcome.value,
            trigger=entry.trigger.value if entry.trigger else None,
            startedAt=time_text(entry.started_at),
            finishedAt=time_text(entry.finished_at),
            by=entry.by,
            message=entry.message,
        ),
    }


def _variant_dict(variant: VariantShare) -> dict[str, Any]:
    return without_none(name=variant.name, version=variant.version, weight=variant.weight)


def _last_request_dict(last: LastRequest | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {"request": last.request, "outcome": last.outcome.value, "message": last.message}


def _refused_dict(refused: Refusal | None) -> dict[str, Any] | None:
    if refused is None:
        return None
    return {"version": refused.version, "recipe": refused.recipe, "message": refused.message}


def to_dict(status: ModelDeploymentStatus) -> dict[str, Any]:
    """The status as the API server takes it; equal statuses give equal dictionaries."""
    stable = revision_dict(status.stable)
    if stable is not None and status.proof is not None:
        stable |= {
            "treeDigest": status.proof.tree_digest,
            "files": status.proof.files,
            "bytes": status.proof.size,
        }
    return without_none(
        observedGeneration=status.observed_generation,
        phase=status.phase.value if status.phase else None,
        replicas=status.replicas,
        selector=status.selector,
        step=status.step,
        desired=revision_dict(status.desired),
        stable=stable,
        candidate=revision_dict(status.candidate),
        previous=revision_dict(status.previous),
        traffic=[{"track": t.track.value, "version": t.version, "weight": t.weight} for t in status.traffic]
        or None,
        variants=[_variant_dict(each) for each in status.variants] or None,
        rollout=rollout_dict(status.rollout) or None,
        history=[_history_dict(entry) for entry in status.history] or None,
        lastRequest=_last_request_dict(status.last_request),
        refused=_refused_dict(status.refused),
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
        variants=read.each(raw.get("variants"), _parse_variant),
        rollout=read.lenient(lambda: parse_rollout(raw.get("rollout") or {})) or RolloutState(),
        history=read.each(raw.get("history"), _parse_history)[:HISTORY_LIMIT],
        last_request=read.lenient(lambda: _parse_last_request(raw["lastRequest"])),
        refused=read.lenient(lambda: _parse_refused(raw["refused"])),
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


def _parse_variant(raw: Mapping[str, Any]) -> VariantShare:
    name, version, weight = raw["name"], raw.get("version"), raw["weight"]
    is_version = version is None or is_name(version, VERSION_LIMIT)
    if not is_name(name, VARIANT_LIMIT) or not is_version or not is_count(weight) or weight > 100:
        raise ValueError("no part of a variant")
    return VariantShare(name=name, version=version, weight=weight)


def _parse_proof(stable: Mapping[str, Any]) -> Proof:
    return Proof(tree_digest=stable["treeDigest"], files=stable["files"], size=stable["bytes"])


def _parse_history(raw: Mapping[str, Any]) -> HistoryEntry:
    message, by = raw.get("message"), raw.get("by")
    return HistoryEntry(
        revision=some_revision(raw),
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


def _parse_refused(raw: Mapping[str, Any]) -> Refusal:
    return Refusal(version=raw["version"], recipe=raw["recipe"], message=str(raw.get("message", "")))


def _parse_condition(raw: Mapping[str, Any]) -> Condition:
    return Condition(
        type=ConditionType(raw["type"]),
        status=ConditionStatus(raw["status"]),
        reason=Reason(raw["reason"]),
        message=sentence(raw["message"]),
        last_transition_time=read.moment(raw["lastTransitionTime"]),
        observed_generation=read.count(raw.get("observedGeneration")) or 0,
    )
