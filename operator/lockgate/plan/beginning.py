"""How does a rollout begin: with what is known of its version, and started by what? Pure."""

from dataclasses import replace
from datetime import datetime

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision, RolloutState, Trigger
from lockgate.domain.observed import Target
from lockgate.domain.release import differs_by_runtime
from lockgate.plan.failures import failure_of
from lockgate.plan.settling import unawaited


def begun(state: RolloutState, candidate: Revision, trigger: Trigger, now: datetime) -> RolloutState:
    """The state in which this candidate has just begun."""
    # What is warm gives up its place, unless it is what is wanted back.
    warm = state.warm if candidate.is_same(state.kept_warm(now)) else None
    return replace(
        unawaited(state.rests),
        candidate=candidate,
        started_at=now,
        progressed_at=now,
        trigger=trigger,
        warm=warm,
        warm_until=state.warm_until if warm else None,
        ended_at=None,
        at_once=False,
    )


def with_known_tree(deployment: ModelDeployment, revision: Revision) -> Revision:
    """The version with what pods proved of it before: the first of them said it for good."""
    known = (
        seen.tree
        for seen in deployment.status.known_revisions
        # Where pods prove no more than the registry's claim, others may prove a tree beside it.
        if seen.is_same_version(revision) and seen.tree != seen.digest
    )
    return replace(revision, tree=next(filter(None, known), None))


def is_asked_for(
    deployment: ModelDeployment, state: RolloutState, target: Target, asked: Trigger | None
) -> bool:
    """Whether a person wants just this release tried again, by a request or by the annotation."""
    if asked is not None:
        return True
    desired = deployment.status.desired
    if desired is None or not target.revision.is_same_version(desired):
        return False  # the alias has just come to it
    if target.revision.is_same_version(state.awaited):
        return False  # it was worth a try before
    has_failed = any(failure.revision.is_same(target.revision) for failure in state.failed)
    return has_failed and failure_of(deployment, state, target.revision) is None


def trigger_of(
    deployment: ModelDeployment, state: RolloutState, target: Target, asked: Trigger | None
) -> Trigger:
    """What a rollout to the target is started by; `asked` is by what a person did, where one did."""
    if asked is not None:
        return asked
    if state.awaited_by and target.revision.is_same_version(state.awaited) and not target.pinned:
        return state.awaited_by
    if state.stable is None and state.candidate is None and not state.failed:
        return Trigger.FIRST_ROLLOUT
    present = state.candidate or state.stable
    if present is not None and differs_by_runtime(deployment, target.revision, present):
        return Trigger.RUNTIME_CHANGED
    if target.pinned:
        return Trigger.PINNED
    if deployment.generation != deployment.status.observed_generation:
        return Trigger.SPEC_CHANGED
    if any(failure.revision.is_same_version(target.revision) for failure in state.failed):
        return Trigger.RETRIED
    return Trigger.ALIAS_MOVED
