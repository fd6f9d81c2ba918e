"""One step of a rollout, as a pure function of what should be, what is, and the time.

The life cycle that every strategy shares: start, supersede, advance, promote, abort. It moves at
most one step a call, and only when the observed cluster matches the present step, so that a kill
between any two writes repeats a step and never skips one. No client, no clock, no log.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Failure, HistoryEntry, Outcome, Revision, RolloutState, Trigger
from lockgate.domain.gate import Evidence, Holds, judge
from lockgate.domain.observed import Observed, Target
from lockgate.domain.plan import Plan
from lockgate.domain.release import differs_by_runtime
from lockgate.plan.failures import failure_of, recipe_of, with_failure, without
from lockgate.plan.progress import time_of_progress
from lockgate.plan.reach import pods_for
from lockgate.plan.recovery import completed, is_torn, recovered
from lockgate.plan.shape import shape, stalled, suspended, torn
from lockgate.plan.strategies import steps_of
from lockgate.plan.troubles import Problem, failure, is_worth_keeping

_SOONEST = timedelta(seconds=1)


def plan_rollout(
    deployment: ModelDeployment, target: Target | None, observed: Observed, now: datetime
) -> Plan:
    """Plan the next step.

    `target` is None when the registry gave no usable answer: then whatever was under way goes on,
    and nothing new begins.
    """
    if is_torn(deployment, target, observed):
        return torn()
    state, untold = recovered(deployment, target, observed, now)
    steps = steps_of(deployment.strategy)
    state = completed(state, observed).valid_for(len(steps))
    if deployment.suspend:
        return replace(suspended(deployment, _held(state), observed), finished=untold)
    state = _reopened(deployment, state, target, now)
    wanted = target.revision if target else _last_wanted(deployment, state)
    if untold:
        return _plan(deployment, state, wanted, untold, wake=now)
    chosen, finished = _choose_candidate(deployment, state, target, now)
    if chosen != state:
        return _plan(deployment, chosen, wanted, finished, wake=now)
    candidate = state.candidate
    if candidate is None:
        return shape(deployment, state, wanted)
    step = steps[state.step]
    replicas = pods_for(deployment.replicas, step.replicas)
    evidence = Evidence(candidate=candidate, replicas=replicas, observed=observed)
    if judge(step.gates, evidence, now).holds is Holds.YES:
        return _advanced(deployment, state, candidate, wanted, observed, now)
    state = replace(state, progressed_at=time_of_progress(deployment, state, observed.unmoved, now))
    problem = failure(deployment, candidate, observed)
    if problem is None:
        return _plan(deployment, state, wanted, (), wake=_deadline(deployment, observed, now))
    if state.stable is None and is_worth_keeping(candidate, observed, problem[0]):
        return stalled(deployment, state, *problem)
    return _abort(deployment, state, candidate, wanted, problem, now)


def _last_wanted(deployment: ModelDeployment, state: RolloutState) -> Revision | None:
    """What alias or pin led to when they last could be asked."""
    failed = state.failed[0].revision if state.stable is None and state.failed else None
    return deployment.status.desired or failed


def _held(state: RolloutState) -> RolloutState:
    """A candidate that a human holds is not late: its time begins anew when it goes on."""
    return replace(state, progressed_at=None)


def _reopened(
    deployment: ModelDeployment, state: RolloutState, target: Target | None, now: datetime
) -> RolloutState:
    """Once pods are asked for, a version that none ever ran is a candidate like any other.

    The way back is the last version that pods did prove.
    """
    unproven = state.stable
    if not state.unproven or unproven is None or deployment.replicas == 0:
        return state
    proven = replace(state, stable=state.fallback, unproven=False, fallback=None)
    is_wanted = target is None or target.revision.is_same(unproven)
    if state.candidate is not None or not is_wanted or failure_of(deployment, state, unproven):
        return proven
    return _begun(proven, unproven, Trigger.SPEC_CHANGED, now)


def _begun(state: RolloutState, candidate: Revision, trigger: Trigger, now: datetime) -> RolloutState:
    return replace(state, candidate=candidate, step=0, started_at=now, progressed_at=now, trigger=trigger)


def _with_known_tree(deployment: ModelDeployment, revision: Revision) -> Revision:
    """The version with what pods proved of it before: the first of them said it for good."""
    known = (seen.tree for seen in deployment.status.known_revisions if seen.is_same_version(revision))
    return replace(revision, tree=next(filter(None, known), None))


def _choose_candidate(
    deployment: ModelDeployment, state: RolloutState, target: Target | None, now: datetime
) -> tuple[RolloutState, tuple[HistoryEntry, ...]]:
    if target is None or target.revision.is_same(state.candidate):
        return state, ()
    revision = target.revision
    if revision.claims_other_bytes(state.candidate) or revision.claims_other_bytes(state.stable):
        return state, ()
    superseded = () if state.candidate is None else (_ended(state, Outcome.SUPERSEDED, now, revision),)
    settled = replace(state, candidate=None, step=0, started_at=None, progressed_at=None, trigger=None)
    if state.stable is not None and revision.is_same(state.stable):
        # Taken anew, because the same version may now be reached by another alias or by a pin; what
        # its pods are made of and have proved stays as it was.
        as_it_was = replace(state.stable, alias=revision.alias, model=revision.model)
        return replace(settled, stable=as_it_was), superseded
    if failure_of(deployment, state, revision):
        return settled, superseded
    begun = _with_known_tree(deployment, revision)
    return _begun(settled, begun, _trigger(deployment, state, target), now), superseded


def _trigger(deployment: ModelDeployment, state: RolloutState, target: Target) -> Trigger:
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


def _advanced(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    wanted: Revision | None,
    observed: Observed,
    now: datetime,
) -> Plan:
    """One step further; after the last the candidate is stable."""
    if state.step + 1 < len(steps_of(deployment.strategy)):
        return _plan(deployment, replace(state, step=state.step + 1), wanted, (), wake=now)
    proved = replace(candidate, tree=next(iter(observed.proved(candidate)), None))
    ended = _ended(replace(state, candidate=proved), Outcome.PROMOTED, now)
    return _plan(deployment, _promoted(deployment, state, proved), wanted, (ended,))


def _promoted(deployment: ModelDeployment, state: RolloutState, candidate: Revision) -> RolloutState:
    way_back = state.fallback if state.unproven else state.stable
    if deployment.replicas > 0 or candidate.is_same(way_back):
        return RolloutState(stable=candidate, failed=without(state, candidate))
    return RolloutState(stable=candidate, failed=state.failed, unproven=True, fallback=way_back)


def _ended(state: RolloutState, outcome: Outcome, now: datetime, by: Revision | None = None) -> HistoryEntry:
    assert state.candidate is not None
    return HistoryEntry(
        revision=state.candidate,
        outcome=outcome,
        trigger=state.trigger,
        started_at=state.started_at,
        finished_at=now,
        message=f"superseded by {by.version}" if by else None,
    )


def _abort(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    wanted: Revision | None,
    problem: Problem,
    now: datetime,
) -> Plan:
    reason, why = problem
    failed = Failure(revision=candidate, recipe=recipe_of(deployment, candidate), reason=reason, message=why)
    aborted = replace(
        state,
        candidate=None,
        step=0,
        started_at=None,
        progressed_at=None,
        trigger=None,
        failed=with_failure(state, failed),
    )
    ended = replace(_ended(state, Outcome.ABORTED, now), message=why)
    return _plan(deployment, aborted, wanted or candidate, (ended,), wake=now)


def _deadline(deployment: ModelDeployment, observed: Observed, now: datetime) -> datetime:
    return now + max(deployment.progress_deadline - observed.unmoved, _SOONEST)


def _plan(
    deployment: ModelDeployment,
    state: RolloutState,
    wanted: Revision | None,
    finished: tuple[HistoryEntry, ...],
    *,
    wake: datetime | None = None,
) -> Plan:
    return replace(shape(deployment, state, wanted), finished=finished, wake=wake)
