"""One step of a rollout, as a pure function of what should be, what is, and the time.

The life cycle that every strategy shares: start, supersede, advance, promote, abort. It moves at
most one step a call, and only when the observed cluster matches the present step, so that a kill
between any two writes repeats a step and never skips one. No client, no clock, no log.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Failure, HistoryEntry, Outcome, Revision, RolloutState, Trigger
from lockgate.api.strategy import keeps_warm
from lockgate.domain.gate import GateVerdict
from lockgate.domain.observed import Elsewhere, Observed, Target
from lockgate.domain.patience import patience_with
from lockgate.domain.plan import Plan
from lockgate.plan.beginning import begun, is_asked_for, trigger_of, with_known_tree
from lockgate.plan.failures import failure_of, recipe_of, with_failure, without
from lockgate.plan.freezing import ends_by, freezes, frozen, held_plan, remembered, thawed
from lockgate.plan.people import Heard, hear
from lockgate.plan.progress import time_of_progress
from lockgate.plan.recovery import completed, is_torn, recovered
from lockgate.plan.settling import (
    CLOCK_SLACK,
    asked_for_still,
    held_back,
    told,
    unawaited,
    waiting_as,
    with_end,
)
from lockgate.plan.shape import shape, stalled, steps_for, suspended, torn
from lockgate.plan.steps import Here, look
from lockgate.plan.troubles import Problem, failure, is_worth_keeping

_SOONEST = timedelta(seconds=1)


def plan_rollout(
    deployment: ModelDeployment,
    target: Target | None,
    observed: Observed,
    now: datetime,
    analysis: GateVerdict | None = None,
) -> Plan:
    """Plan the next step.

    `target` is None when the registry gave no usable answer: then whatever was under way goes on,
    and nothing new begins. `analysis` is what was measured of the candidate, where that is asked for.
    """
    if is_torn(deployment, target, observed):
        return torn(hear(deployment, RolloutState(), None, observed).answer)
    state, untold = recovered(deployment, target, observed, now)
    state = asked_for_still(deployment, completed(state, observed), target)
    state = state.valid_for(len(steps_for(deployment, state)))
    wanted = target.revision if target else _last_wanted(deployment, state)
    elsewhere = _failed_elsewhere(state, target)
    heard = hear(deployment, state, wanted, observed, is_quarantined=elsewhere is not None)
    if heard.trigger is not None or heard.state.at_once:
        elsewhere = None
    ask = _Ask(deployment, target, wanted, observed, now, heard, elsewhere)
    plan = (
        _given_up(ask, heard.state, heard.abort) if heard.abort else _move(ask, heard.state, untold, analysis)
    )
    is_said = target is not None and not deployment.suspend
    return replace(told(deployment, plan, now) if is_said else plan, answer=heard.answer)


@dataclass(frozen=True, slots=True)
class _Ask:
    """What a step is planned from, beside the state."""

    deployment: ModelDeployment
    target: Target | None
    wanted: Revision | None
    observed: Observed
    now: datetime
    heard: Heard
    elsewhere: Elsewhere | None
    """Where the target failed, when it is not to be tried here for that."""

    def plan(
        self, state: RolloutState, finished: tuple[HistoryEntry, ...] = (), *, wake: datetime | None = None
    ) -> Plan:
        """The plan of a state."""
        drawn = shape(self.deployment, state, self.wanted, self.observed, self.now, self.elsewhere)
        return replace(drawn, finished=finished, wake=wake or drawn.wake)


def _move(
    ask: _Ask, state: RolloutState, untold: tuple[HistoryEntry, ...], analysis: GateVerdict | None
) -> Plan:
    deployment, now = ask.deployment, ask.now
    if deployment.suspend:
        return replace(suspended(deployment, _held(state), ask.observed, now), finished=untold)
    state = _cooled(deployment, thawed(deployment, _reopened(ask, state)), now)
    if untold:
        return ask.plan(state, untold, wake=now)
    chosen, finished = _choose_candidate(ask, state)
    # That something waits moves nothing.
    state = waiting_as(state, chosen)
    if chosen != state:
        return ask.plan(chosen, finished, wake=now)
    candidate = state.candidate
    if candidate is None:
        return ask.plan(state)
    if state.frozen is not None:
        return _held_where_it_is(ask, state)
    here = look(deployment, state, candidate, ask.observed, now, analysis)
    return _step(ask, state, candidate, here)


def _step(ask: _Ask, state: RolloutState, candidate: Revision, here: Here) -> Plan:
    """Where the rollout stands in its step, and what follows from that."""
    deployment, observed, now = ask.deployment, ask.observed, ask.now
    known = deployment.status.rollout
    # What was seen of its time is of the step that the status names.
    is_on_its_way = here.reached_at is None and (known.step, known.reached_at) == (state.step, None)
    problem = here.against or failure(deployment, candidate, observed, is_on_its_way=is_on_its_way)
    if problem is not None:
        if state.stable is None and is_worth_keeping(candidate, observed, problem[0]):
            return stalled(deployment, state, *problem, observed, now)
        if freezes(deployment, state, problem):
            held = frozen(deployment, replace(state, reached_at=here.reached_at), problem)
            return held_plan(deployment, held, observed, now)
        return _given_up(ask, state, problem)
    if here.is_over:
        return _advanced(ask, state, candidate, here)
    if here.reached_at is not None:
        held = replace(state, reached_at=here.reached_at)
        plan = ask.plan(held, wake=here.again_at)
        return replace(plan, decision=here.said(plan.decision), stage=here.stage)
    progressed_at = time_of_progress(deployment, state, observed.unmoved, now) if is_on_its_way else now
    state = replace(state, progressed_at=progressed_at, reached_at=None)
    plan = ask.plan(state, wake=_deadline(deployment, candidate, observed, now))
    return replace(plan, decision=here.said(plan.decision), stage=here.stage or plan.stage)


def _held_where_it_is(ask: _Ask, state: RolloutState) -> Plan:
    problem = ends_by(ask.deployment, state, ask.observed)
    if problem is not None:
        return _given_up(ask, state, problem)
    return held_plan(ask.deployment, state, ask.observed, ask.now)


def _failed_elsewhere(state: RolloutState, target: Target | None) -> Elsewhere | None:
    """Where the target failed; a pin is a person's choice, and where nothing serves nothing is at stake."""
    if target is None or target.pinned or state.stable is None:
        return None
    return target.failed_elsewhere


def _last_wanted(deployment: ModelDeployment, state: RolloutState) -> Revision | None:
    """What alias or pin led to when they last could be asked."""
    failed = state.failed[0].revision if state.stable is None and state.failed else None
    return deployment.status.desired or failed


def _held(state: RolloutState) -> RolloutState:
    """A candidate that a human holds is not late: its time begins anew when it goes on."""
    return replace(unawaited(state), progressed_at=None, reached_at=None)


def _cooled(deployment: ModelDeployment, state: RolloutState, now: datetime) -> RolloutState:
    """A time to keep something warm that lies too far ahead was told by a clock that was wrong."""
    if state.warm_until is None or state.warm_until <= now + deployment.keep_warm + CLOCK_SLACK:
        return state
    return replace(state, warm=None, warm_until=None)


def _reopened(ask: _Ask, state: RolloutState) -> RolloutState:
    """Once pods are asked for, a version that none ever ran is a candidate like any other.

    The way back is the last version that pods did prove.
    """
    deployment, target, unproven = ask.deployment, ask.target, state.stable
    if not state.unproven or unproven is None or deployment.replicas == 0:
        return state
    # What was reached without a pod is not reached with some.
    proven = replace(state, stable=state.fallback, unproven=False, fallback=None, step=0, reached_at=None)
    is_wanted = target is None or target.revision.is_same(unproven)
    fails = target is not None and failure_of(deployment, state, target.revision) is not None
    is_kept_out = not is_wanted and (fails or ask.elsewhere is not None)
    if not state.fallback and (is_kept_out or state.frozen is not None):
        # Nobody else is left to serve.
        return replace(proven, stable=unproven)
    if state.candidate is not None and state.candidate.is_same(state.fallback):
        # It is what it was to take over from.
        return proven.rests
    if state.candidate is not None or not is_wanted or failure_of(deployment, state, unproven):
        return proven
    return begun(proven, unproven, Trigger.SPEC_CHANGED, ask.now)


def _choose_candidate(ask: _Ask, state: RolloutState) -> tuple[RolloutState, tuple[HistoryEntry, ...]]:
    deployment, target, now = ask.deployment, ask.target, ask.now
    if target is None:
        return state, ()
    revision = target.revision
    if revision.is_same(state.candidate):
        return unawaited(state), ()
    if revision.claims_other_bytes(state.candidate) or revision.claims_other_bytes(state.stable):
        return state, ()
    superseded = () if state.candidate is None else (_ended(state, Outcome.SUPERSEDED, now, revision),)
    settled = unawaited(remembered(deployment, state).rests)
    if state.stable is not None and revision.is_same(state.stable):
        # Taken anew, because the same version may now be reached by another alias or by a pin; what
        # its pods are made of and have proved stays as it was.
        as_it_was = replace(state.stable, alias=revision.alias, model=revision.model)
        settled = with_end(deployment, settled, now) if superseded else settled
        return replace(settled, stable=as_it_was), superseded
    trigger = trigger_of(deployment, state, target, ask.heard.trigger)
    by_person = is_asked_for(deployment, state, target, ask.heard.trigger)
    is_kept_out = ask.elsewhere is not None and not by_person
    failed = is_kept_out or failure_of(deployment, state, revision) is not None
    waiting = None if by_person else held_back(deployment, state, target, trigger, now)
    if waiting is not None and not (failed and state.candidate is None):
        return waiting, ()
    if failed:
        return (with_end(deployment, settled, now) if superseded else settled), superseded
    return begun(settled, with_known_tree(deployment, revision), trigger, now), superseded


def _advanced(ask: _Ask, state: RolloutState, candidate: Revision, here: Here) -> Plan:
    """One step further; after the last the candidate is stable."""
    if here.ahead is not None:
        return _entered(ask, here.ahead, candidate)
    proved = replace(candidate, tree=next(iter(ask.observed.proved(candidate)), None))
    ended = _ended(replace(state, candidate=proved), Outcome.PROMOTED, ask.now)
    by, message = _approved(state)
    return ask.plan(_promoted(ask, state, proved), (replace(ended, by=by, message=message),))


def _entered(ask: _Ask, state: RolloutState, candidate: Revision) -> Plan:
    """In the next step; what is found there at once is told with it."""
    if state.reached_at is None:
        return ask.plan(state, wake=ask.now)
    return _step(ask, state, candidate, look(ask.deployment, state, candidate, ask.observed, ask.now, None))


def _approved(state: RolloutState) -> tuple[str | None, str | None]:
    """Who let it go on, and why, for the history."""
    given = [approval for approval in state.approvals if approval.by or approval.reason]
    names = dict.fromkeys(approval.by for approval in given if approval.by)
    said = [f"step {approval.step + 1} approved: {approval.reason}" for approval in given if approval.reason]
    return ", ".join(names) or None, "; ".join(said) or None


def _promoted(ask: _Ask, state: RolloutState, candidate: Revision) -> RolloutState:
    way_back = state.fallback if state.unproven else state.stable
    is_other = way_back is not None and not candidate.is_same(way_back)
    is_kept = is_other and keeps_warm(ask.deployment.strategy)
    proven = RolloutState(
        stable=candidate,
        failed=without(state, candidate),
        warm=way_back if is_kept else None,
        warm_until=ask.now + ask.deployment.keep_warm if is_kept else None,
    )
    proven = waiting_as(proven, with_end(ask.deployment, state, ask.now))
    if ask.deployment.replicas > 0 or candidate.is_same(way_back):
        return proven
    return replace(proven, failed=state.failed, unproven=True, fallback=way_back)


def _ended(state: RolloutState, outcome: Outcome, now: datetime, by: Revision | None = None) -> HistoryEntry:
    assert state.candidate is not None
    return HistoryEntry(
        revision=state.candidate,
        outcome=outcome,
        trigger=state.trigger,
        started_at=state.started_at,
        finished_at=now,
        message=f"superseded by {by.version}{_while_held(state)}" if by else None,
    )


def _while_held(state: RolloutState) -> str:
    return f", held as it failed: {state.frozen.message}" if state.frozen else ""


def _given_up(ask: _Ask, state: RolloutState, problem: Problem) -> Plan:
    """Back to stable, and the release is remembered as one that failed."""
    candidate, (reason, why) = state.candidate, problem
    assert candidate is not None
    recipe = recipe_of(ask.deployment, candidate)
    failed = Failure(revision=candidate, recipe=recipe, reason=reason, message=why)
    aborted = replace(with_end(ask.deployment, state.rests, ask.now), failed=with_failure(state, failed))
    ended = replace(_ended(state, Outcome.ABORTED, ask.now), message=why)
    return replace(ask, wanted=ask.wanted or candidate).plan(aborted, (ended,), wake=ask.now)


def _deadline(
    deployment: ModelDeployment, candidate: Revision, observed: Observed, now: datetime
) -> datetime:
    return now + max(patience_with(deployment, candidate) - observed.unmoved, _SOONEST)
