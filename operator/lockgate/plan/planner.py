"""One step of a rollout, as a pure function of what should be, what is, and the time.

The life cycle that every strategy shares: start, supersede, advance, promote, abort. It moves at
most one step a call, and only when the observed cluster matches the present step, so that a kill
between any two writes repeats a step and never skips one. No client, no clock, no log.
"""

from dataclasses import replace
from datetime import datetime

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import (
    Failure,
    HistoryEntry,
    Outcome,
    Revision,
    Role,
    RolloutState,
    TrafficShare,
    Trigger,
)
from lockgate.domain.observed import Observed, Target
from lockgate.domain.plan import Course, Decision, Plan, Stage, Workload
from lockgate.names import Reason
from lockgate.plan.strategies import rolling

FETCH_ATTEMPTS_BEFORE_ABORT = 3


def plan_rollout(
    deployment: ModelDeployment, target: Target | None, observed: Observed, now: datetime
) -> Plan:
    """Plan the next step.

    `target` is None when the registry gave no usable answer: then whatever was under way goes on,
    and nothing new begins.
    """
    state = _recover(deployment.status.rollout, observed)
    if deployment.suspend:
        return _suspended(deployment, state)
    chosen, finished = _choose_candidate(deployment, state, target, now)
    if chosen != state:
        return _plan(deployment, chosen, finished, wake=now)
    if state.candidate is None:
        return _plan(deployment, state, ())
    if observed_matches(deployment, state.candidate, observed):
        return _promote(deployment, state, state.candidate, now)
    problem = _failure(deployment, state, observed, now)
    if problem is None:
        return _plan(deployment, state, ())
    if state.stable is None:
        return _stalled(deployment, state, *problem)
    return _abort(deployment, state, state.candidate, *problem, now)


def observed_matches(deployment: ModelDeployment, revision: Revision, observed: Observed) -> bool:
    """Whether the whole workload is of this version, of the asked size, and available."""
    workload = observed.workload
    return (
        workload is not None
        and revision.is_same(workload.revision)
        and workload.replicas == deployment.replicas
        and workload.is_complete
    )


def _recover(state: RolloutState, observed: Observed) -> RolloutState:
    """Without a readable state, what serves is stable; never the target at once."""
    return state if state != RolloutState() else RolloutState(stable=_serving(observed))


def _serving(observed: Observed) -> Revision | None:
    """The version that serves by what runs alone: amid a rollout, the one that is being replaced."""
    workload = observed.workload
    if workload is None or workload.revision is None:
        return None
    if workload.is_complete:
        return workload.revision
    ready = [pod.revision for pod in observed.pods if pod.revision and pod.ready and not pod.deleting]
    replaced = [revision for revision in ready if not revision.is_same(workload.revision)]
    return max(replaced or ready, key=ready.count, default=None)


def _choose_candidate(
    deployment: ModelDeployment, state: RolloutState, target: Target | None, now: datetime
) -> tuple[RolloutState, tuple[HistoryEntry, ...]]:
    if target is None or target.revision.is_same(state.candidate):
        return state, ()
    revision = target.revision
    superseded = () if state.candidate is None else (_ended(state, Outcome.SUPERSEDED, now, revision),)
    settled = replace(state, candidate=None, step=0, started_at=None, trigger=None)
    if revision.is_same(state.stable):
        # Taken anew, because the same version may now be reached by another alias or by a pin.
        return replace(settled, stable=revision, failed=None), superseded
    if _is_held_back(deployment, state, revision):
        return settled, superseded
    return (
        replace(
            settled,
            candidate=revision,
            started_at=now,
            trigger=_trigger(deployment, state, target),
            failed=None,
        ),
        superseded,
    )


def _is_held_back(deployment: ModelDeployment, state: RolloutState, revision: Revision) -> bool:
    failed = state.failed
    return (
        failed is not None
        and failed.revision.is_same(revision)
        and failed.generation == deployment.generation
    )


def _trigger(deployment: ModelDeployment, state: RolloutState, target: Target) -> Trigger:
    if state.stable is None and state.candidate is None:
        return Trigger.FIRST_ROLLOUT
    if target.pinned:
        return Trigger.PINNED
    if deployment.generation != deployment.status.observed_generation:
        return Trigger.SPEC_CHANGED
    return Trigger.ALIAS_MOVED


def _failure(
    deployment: ModelDeployment, state: RolloutState, observed: Observed, now: datetime
) -> tuple[Reason, str] | None:
    assert state.candidate is not None
    for pod in observed.pods_of(state.candidate):
        fetch = pod.fetch
        if fetch and fetch.problem and fetch.permanent and fetch.attempts >= FETCH_ATTEMPTS_BEFORE_ABORT:
            return Reason.FETCH_FAILED, f"pod {pod.name} could not fetch it: {fetch.problem}"
    if state.started_at is not None and now >= state.started_at + deployment.progress_deadline:
        seconds = int(deployment.progress_deadline.total_seconds())
        why = _what_stands_in_the_way(state.candidate, observed)
        return Reason.PROGRESS_DEADLINE_EXCEEDED, f"it was not available within {seconds} s{why}"
    return None


def _what_stands_in_the_way(candidate: Revision, observed: Observed) -> str:
    for pod in observed.pods_of(candidate):
        problem = (pod.fetch.problem if pod.fetch else None) or pod.problem
        if problem:
            return f"; pod {pod.name}: {problem}"
    return ""


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


def _promote(deployment: ModelDeployment, state: RolloutState, candidate: Revision, now: datetime) -> Plan:
    promoted = RolloutState(stable=candidate)
    return _plan(deployment, promoted, (_ended(state, Outcome.PROMOTED, now),))


def _abort(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    reason: Reason,
    why: str,
    now: datetime,
) -> Plan:
    failed = Failure(revision=candidate, generation=deployment.generation, message=why)
    aborted = RolloutState(stable=state.stable, failed=failed)
    ended = replace(_ended(state, Outcome.ABORTED, now), message=why)
    return _plan(deployment, aborted, (ended,), wake=now)


def _stalled(deployment: ModelDeployment, state: RolloutState, reason: Reason, why: str) -> Plan:
    assert state.candidate is not None
    message = f"{state.candidate.version} cannot be rolled out: {why}"
    return replace(
        _shape(deployment, state), decision=Decision(course=Course.STALLED, reason=reason, message=message)
    )


def _suspended(deployment: ModelDeployment, state: RolloutState) -> Plan:
    message = "spec.suspend is true: what serves goes on serving and nothing else changes"
    return Plan(
        state=state,
        decision=Decision(course=Course.SUSPENDED, reason=Reason.SUSPENDED, message=message),
        traffic=_shape(deployment, state).traffic,
        apply=False,
    )


def _plan(
    deployment: ModelDeployment,
    state: RolloutState,
    finished: tuple[HistoryEntry, ...],
    *,
    wake: datetime | None = None,
) -> Plan:
    wakes = [wake] if wake else []
    if state.candidate and state.started_at:
        wakes.append(state.started_at + deployment.progress_deadline)
    return replace(_shape(deployment, state), finished=finished, wake=min(wakes, default=None))


def _shape(deployment: ModelDeployment, state: RolloutState) -> Plan:
    """The plan that a state implies by itself: size, traffic and verdict."""
    if state.candidate is not None:
        stages = rolling.stages(deployment.replicas)
        stage = stages[min(state.step, len(stages) - 1)]
        message = f"rolling out {state.candidate.version}"
        if state.stable:
            message = f"rolling out {state.candidate.version} over {state.stable.version}"
        return Plan(
            state=state,
            decision=Decision(course=Course.ROLLING_OUT, reason=Reason.ROLLING_OUT, message=message),
            workload=Workload(revision=state.candidate, replicas=stage.candidate_replicas),
            steps=len(stages),
            traffic=_traffic(state, stage),
        )
    if state.stable is None:
        message = "no version has been resolved yet"
        return Plan(
            state=state,
            decision=Decision(
                course=Course.NOTHING_TO_SERVE, reason=Reason.WAITING_FOR_REGISTRY, message=message
            ),
        )
    workload = Workload(revision=state.stable, replicas=deployment.replicas)
    share = TrafficShare(role=Role.STABLE, version=state.stable.version, weight=100)
    return Plan(state=state, decision=_rest(state, state.stable), workload=workload, traffic=(share,))


def _rest(state: RolloutState, stable: Revision) -> Decision:
    if state.failed is not None:
        message = (
            f"{state.failed.revision.version} was aborted and {stable.version} serves on: "
            f"{state.failed.message}; move the alias or change the spec to try again"
        )
        return Decision(course=Course.ABORTED, reason=Reason.ROLLOUT_ABORTED, message=message)
    return Decision(
        course=Course.AT_REST, reason=Reason.ROLLED_OUT, message=f"{stable.version} is rolled out"
    )


def _traffic(state: RolloutState, stage: Stage) -> tuple[TrafficShare, ...]:
    assert state.candidate is not None
    candidate = TrafficShare(
        role=Role.CANDIDATE, version=state.candidate.version, weight=stage.candidate_weight
    )
    if state.stable is None:
        return (candidate,)
    stable = TrafficShare(role=Role.STABLE, version=state.stable.version, weight=100 - stage.candidate_weight)
    return (stable, candidate)
