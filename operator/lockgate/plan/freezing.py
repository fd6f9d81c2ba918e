"""A candidate that failed and is held for people to look at: which, until when, what is there meanwhile?

It gets no more traffic than it has. What must not serve at all is never held, nor is a first version, to
which there is no other. What is safe of it is not asked here (`reach.py`). Pure.
"""

from dataclasses import replace
from datetime import datetime

from lockgate.api.lifecycle import OnFailure
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Failure, Revision, RolloutState
from lockgate.api.strategy import Canary
from lockgate.domain.fingerprint import fingerprint
from lockgate.domain.observed import Observed
from lockgate.domain.patience import patience_with
from lockgate.domain.plan import Course, Decision, Plan, Stage
from lockgate.names import Reason
from lockgate.plan.failures import recipe_of, with_failure
from lockgate.plan.shape import shape, steps_for
from lockgate.plan.stages import rolling
from lockgate.plan.steps import Place, idle_stage, is_gone, place_of
from lockgate.plan.troubles import Problem, failure

# What its own backend has taken back there is no holding.
_NEVER = (Reason.DIGEST_CHANGED, Reason.FETCH_FAILED, Reason.ROLLED_BACK)


def freezes(deployment: ModelDeployment, state: RolloutState, problem: Problem) -> bool:
    """Whether a candidate with this problem is held where it is, and not taken back."""
    is_asked = deployment.on_failure is OnFailure.FREEZE
    return is_asked and state.stable is not None and problem[0] not in _NEVER


def frozen(deployment: ModelDeployment, state: RolloutState, problem: Problem) -> RolloutState:
    """The state in which its candidate is held from now on."""
    assert state.candidate is not None
    reason, why = problem
    held = Failure(
        revision=state.candidate,
        recipe=_judged_by(deployment, state.candidate),
        reason=reason,
        message=why,
    )
    # It has all of its time again once it goes on.
    return replace(state, frozen=held, progressed_at=None)


def thawed(deployment: ModelDeployment, state: RolloutState) -> RolloutState:
    """The same, going on in its step anew where what it was judged by has been edited since."""
    held, candidate = state.frozen, state.candidate
    if held is None or candidate is None or held.recipe == _judged_by(deployment, candidate):
        return state
    return replace(state, frozen=None, reached_at=None)


def remembered(deployment: ModelDeployment, state: RolloutState) -> RolloutState:
    """The same with a candidate that was held among those that failed, for nobody wants it any more."""
    held, candidate = state.frozen, state.candidate
    if held is None or candidate is None:
        return state
    known = replace(held, recipe=recipe_of(deployment, candidate))
    return replace(state, failed=with_failure(state, known))


def ends_by(deployment: ModelDeployment, state: RolloutState, observed: Observed) -> Problem | None:
    """Why a candidate that is held is to be taken back all the same."""
    held, candidate = state.frozen, state.candidate
    assert held is not None
    assert candidate is not None
    if deployment.on_failure is not OnFailure.FREEZE or state.stable is None:
        return held.reason, held.message
    return failure(deployment, candidate, observed, is_on_its_way=False)


def held_plan(deployment: ModelDeployment, state: RolloutState, observed: Observed, now: datetime) -> Plan:
    """The plan of a state whose candidate is held."""
    held, candidate = state.frozen, state.candidate
    assert held is not None
    assert candidate is not None
    message = (
        f"{candidate.version} failed and is held where it is: {held.message}; abort, promote or retry it, "
        "or move the alias"
    )
    decision = Decision(course=Course.FROZEN, reason=Reason.FROZEN, message=message)
    drawn = shape(deployment, state, candidate, observed, now)
    return replace(drawn, decision=decision, stage=_stage(deployment, state, candidate, observed, now))


def _stage(
    deployment: ModelDeployment, state: RolloutState, candidate: Revision, observed: Observed, now: datetime
) -> Stage:
    place = place_of(deployment, state, candidate, observed, now)
    if is_gone(deployment, state, place):
        return idle_stage(deployment, state, place)
    if len(place.stage.tracks) == 1:
        return _standing_still(place, candidate)
    if state.reached_at is not None or observed.front == place.evidence.workload:
        return place.stage
    return _as_far_as_it_came(deployment, state, place)


def _standing_still(place: Place, candidate: Revision) -> Stage:
    """Where pods take the places of others no further one does; who has none is given the first, as ever."""
    home, (track,) = place.evidence.home, place.stage.tracks
    if home is None or not candidate.is_same(home.revision) or not home.total:
        return place.stage
    return replace(place.stage, tracks=(replace(track, paused=True),))


def _as_far_as_it_came(deployment: ModelDeployment, state: RolloutState, place: Place) -> Stage:
    """On the way to a step it gets no more of that than it has; it keeps its pods."""
    observed, home, step = place.evidence.observed, place.evidence.workload, place.step
    if deployment.traffic is None:
        if not isinstance(deployment.strategy, Canary):
            return rolling(deployment, state, observed, replace(step, weight=0, match=(), mirror=0))
        if observed.front == place.stage.tracks[0].workload:
            return rolling(
                deployment, state, observed, replace(step, weight=0, replicas=step.weight or step.replicas)
            )
        # Its share are its pods; alone at the front it would have more than these.
        steps, number = steps_for(deployment, state), state.step
        is_last = number > 0 and number + 1 == len(steps)
        return rolling(deployment, state, observed, steps[number - 1] if is_last else step)
    written = observed.route.written if observed.route else None
    has = dict(written.weights).get(home or "", 0) if written else 0
    special = written is not None and written.special == home
    held = replace(
        step,
        weight=min(has, step.replicas if step.weight is None else step.weight),
        match=step.match if special else (),
        mirror=step.mirror if special else 0,
    )
    return rolling(deployment, state, observed, held)


def _judged_by(deployment: ModelDeployment, candidate: Revision) -> str:
    """All that says what a candidate has to come up to, and how often people asked for it."""
    return fingerprint(
        {
            "candidate": recipe_of(deployment, candidate),
            "strategy": repr(deployment.strategy),
            "traffic": repr(deployment.traffic),
            "analysis": repr(deployment.analysis),
            "deadline": patience_with(deployment, candidate).total_seconds(),
        }
    )
