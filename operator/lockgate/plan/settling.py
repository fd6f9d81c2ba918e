"""What has a rollout that is asked for to wait for before it begins, and until when? Pure.

Nobody waits where nothing serves, for a pin, or for what a person asked for. The moment of first sight is
in the state, so that another process goes on from it; nothing here is counted, so nothing is written while
time passes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lockgate.api.lifecycle import Supersede
from lockgate.api.moments import format_time
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision, RolloutState, Trigger
from lockgate.domain.observed import Target
from lockgate.domain.plan import Course, Plan
from lockgate.names import Reason
from lockgate.plan.failures import failure_of

# A clock that is put right by no more was not wrong.
CLOCK_SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wait:
    """For what, in words that follow the version, and until when; None when no clock ends it."""

    why: str
    until: datetime | None = None


def held_back(
    deployment: ModelDeployment, state: RolloutState, target: Target, trigger: Trigger, now: datetime
) -> RolloutState | None:
    """The state with what it waits for; None when a rollout to the target may begin now.

    `trigger` is what it would be started by; what a person asks for is not asked about here.
    """
    if state.stable is None or target.pinned or state.at_once:
        return None
    known = _noted(state, target.revision, trigger, now)
    return None if wait_of(deployment, known, now) is None else known


def wait_of(deployment: ModelDeployment, state: RolloutState, now: datetime) -> Wait | None:
    """What the rollout that is awaited waits for; None when it may begin."""
    awaited, settle = state.awaited, deployment.settle
    if awaited is None:
        return None
    candidate = state.candidate
    # Who is held would be in the way until a person comes.
    if candidate is not None and deployment.supersede is Supersede.QUEUE and state.frozen is None:
        return Wait(f"once {candidate.version} is through")
    waits: dict[datetime, str] = {}
    # The alias that leads to what is there already has not moved: what its pods are made of has changed.
    is_news = not awaited.is_same_version(state.stable) and not awaited.is_same_version(candidate)
    if is_news and state.awaited_since is not None:
        until = state.awaited_since + settle.debounce
        waits[until] = f"if it is still asked for at {format_time(until)}"
    if candidate is None and state.ended_at is not None:
        until = state.ended_at + settle.soak
        waits[until] = f"at {format_time(until)}, once what was rolled out before has settled"
    last = max(waits, default=now)
    return Wait(waits[last], last) if last > now else None


def unawaited(state: RolloutState) -> RolloutState:
    """The same where nothing is waited for."""
    return replace(state, awaited=None, awaited_since=None, awaited_by=None)


def asked_for_still(deployment: ModelDeployment, state: RolloutState, target: Target | None) -> RolloutState:
    """The same; what a person wanted at once was what was asked for then, and nothing that came later."""
    then = deployment.status.desired
    if not state.at_once or target is None or then is None or target.revision.is_same_version(then):
        return state
    return replace(state, at_once=False)


def waiting_as(state: RolloutState, other: RolloutState) -> RolloutState:
    """The same, waiting for what the other waits for."""
    return replace(
        state,
        awaited=other.awaited,
        awaited_since=other.awaited_since,
        awaited_by=other.awaited_by,
        ended_at=other.ended_at,
    )


def with_end(deployment: ModelDeployment, state: RolloutState, now: datetime) -> RolloutState:
    """The same, a rollout of which has just ended with nobody in its place."""
    return replace(state, ended_at=_whole(now) if deployment.settle.soak else None)


def told(deployment: ModelDeployment, plan: Plan, now: datetime) -> Plan:
    """The plan, and in its words what waits and until when; woken then, if not before."""
    state, decision = plan.state, plan.decision
    if state.awaited is None or state.stable is None:
        return plan
    wait = wait_of(deployment, state, now)
    if wait is None:
        # What it waited for has come about in this very plan.
        return replace(plan, wake=now)
    if state.candidate is None:
        message = f"{state.awaited.version} is to be rolled out over {_called(state)} {wait.why}"
        decision = replace(decision, course=Course.SETTLING, reason=Reason.SETTLING, message=message)
    elif failure_of(deployment, state, state.awaited) is None:
        message = f"{decision.message}; {state.awaited.version} is to follow {wait.why}"
        decision = replace(decision, message=message)
    wake = min(filter(None, (plan.wake, wait.until)), default=None)
    return replace(plan, decision=decision, wake=wake)


def _called(state: RolloutState) -> str:
    assert state.stable is not None
    return "what it runs on now" if state.stable.is_same_version(state.awaited) else state.stable.version


def _noted(state: RolloutState, revision: Revision, trigger: Trigger, now: datetime) -> RolloutState:
    """The same, waiting for this one; a moment ahead was told by a clock that was wrong."""
    is_known, since = revision.is_same_version(state.awaited), state.awaited_since
    by = state.awaited_by if is_known else None
    if not is_known or since is None or since > now + CLOCK_SLACK:
        since = _whole(now)
    ended_at = state.ended_at
    if ended_at is not None and ended_at > now + CLOCK_SLACK:
        ended_at = _whole(now)
    return replace(state, awaited=revision, awaited_since=since, awaited_by=by or trigger, ended_at=ended_at)


def _whole(now: datetime) -> datetime:
    # As it will be read back, or the moment that is told would move.
    return now.replace(microsecond=0)
