"""The rollout of a status, and the releases in it, in both directions of the schema.

What is said of statuses as a whole holds here as well (`status_codec.py`). Pure.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lockgate.api import read
from lockgate.api.limits import APPROVALS_LIMIT, FAILURES_LIMIT, VERSION_LIMIT, is_count
from lockgate.api.moments import format_time
from lockgate.api.status import Approval, Failure, Revision, RolloutState, Trigger
from lockgate.names import DEFAULT_SOURCE, Reason
from lockgate.sentences import is_name


def without_none(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def revision_dict(revision: Revision | None) -> dict[str, Any] | None:
    """A version or a release of it as the API server takes it."""
    if revision is None:
        return None
    return without_none(
        version=revision.version,
        uri=revision.uri,
        digest=revision.digest,
        source=None if revision.source == DEFAULT_SOURCE else revision.source,
        model=revision.model,
        alias=revision.alias,
        size=revision.size,
        release=revision.release,
        runtime=revision.runtime,
        backend=revision.backend,
        treeDigest=revision.tree,
    )


def time_text(moment: datetime | None) -> str | None:
    """A time as the API server takes it."""
    return None if moment is None else format_time(moment)


def rollout_dict(state: RolloutState) -> dict[str, Any]:
    """Where a rollout stands, as the API server takes it."""
    failed = [_failure_dict(failure) for failure in state.failed]
    running = state.candidate is not None
    return without_none(
        stable=revision_dict(state.stable),
        candidate=revision_dict(state.candidate),
        step=state.step if running else None,
        startedAt=time_text(state.started_at) if running else None,
        progressedAt=time_text(state.progressed_at) if running else None,
        trigger=state.trigger.value if running and state.trigger else None,
        failed=failed or None,
        unproven=state.unproven or None,
        fallback=revision_dict(state.fallback),
        reachedAt=time_text(state.reached_at) if running else None,
        approvals=[_approval_dict(approval) for approval in state.approvals] or None if running else None,
        hurried=(state.hurried or None) if running else None,
        warm=revision_dict(state.warm),
        warmUntil=time_text(state.warm_until) if state.warm else None,
        awaited=revision_dict(state.awaited),
        awaitedSince=time_text(state.awaited_since) if state.awaited else None,
        awaitedBy=state.awaited_by.value if state.awaited and state.awaited_by else None,
        endedAt=time_text(state.ended_at),
        atOnce=state.at_once or None,
        frozen=_failure_dict(state.frozen) if running and state.frozen else None,
    )


def _failure_dict(failure: Failure) -> dict[str, Any]:
    return {
        **(revision_dict(failure.revision) or {}),
        "recipe": failure.recipe,
        "reason": failure.reason.value,
        "message": failure.message,
    }


def _approval_dict(approval: Approval) -> dict[str, Any]:
    return without_none(step=approval.step, by=approval.by or None, reason=approval.reason or None)


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
        backend=raw.get("backend"),
        tree=raw.get("treeDigest"),
    )


def parse_rollout(raw: Mapping[str, Any]) -> RolloutState:
    """Read back where a rollout stands; an error of Python's when it makes no sense."""
    failed = raw.get("failed")
    candidate = parse_revision(raw.get("candidate"))
    progressed_at = raw.get("progressedAt")
    warm = read.lenient(lambda: parse_revision(raw.get("warm")))
    awaited = read.lenient(lambda: parse_revision(raw.get("awaited")))
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
        reached_at=read.lenient(lambda: read.moment(raw["reachedAt"])) if candidate else None,
        approvals=read.each(raw.get("approvals"), _parse_approval)[:APPROVALS_LIMIT] if candidate else (),
        hurried=candidate is not None and raw.get("hurried") is True,
        warm=warm,
        warm_until=read.lenient(lambda: read.moment(raw["warmUntil"])) if warm else None,
        awaited=awaited,
        awaited_since=read.lenient(lambda: read.moment(raw["awaitedSince"])) if awaited else None,
        awaited_by=read.lenient(lambda: Trigger(raw["awaitedBy"])) if awaited else None,
        ended_at=read.lenient(lambda: read.moment(raw["endedAt"])),
        at_once=raw.get("atOnce") is True,
        frozen=read.lenient(lambda: _parse_failure(raw["frozen"])) if candidate else None,
    )


def _parse_approval(raw: Mapping[str, Any]) -> Approval:
    step = read.count(raw.get("step"))
    if step is None:
        raise ValueError("no step")
    return Approval(step=step, by=str(raw.get("by", "")), reason=str(raw.get("reason", "")))


def _parse_failure(raw: Mapping[str, Any]) -> Failure:
    recipe = raw.get("recipe")
    return Failure(
        revision=some_revision(raw),
        recipe=str(recipe) if is_name(recipe, VERSION_LIMIT) else "",
        reason=Reason(raw.get("reason", Reason.ROLLOUT_ABORTED)),
        message=str(raw.get("message", "")),
    )


def some_revision(raw: Mapping[str, Any]) -> Revision:
    """Read a version back that must be there; an error of Python's when it is not."""
    revision = parse_revision(raw)
    if revision is None:
        raise ValueError("no version")
    return revision
