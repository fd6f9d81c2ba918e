"""Where a rollout stands in its present step: not there yet, held there, or to go on. Pure.

A step is reached when its pods are available and its traffic is served; then its other gates are
asked. The state names a step once it is reached, or once the way to it takes long enough to be told:
so a step costs no status of its own for being on its way.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision, RolloutState
from lockgate.domain.gate import Evidence, Gate, GateVerdict, Holds, judge
from lockgate.domain.observed import Observed
from lockgate.domain.plan import Decision, Stage, Step
from lockgate.names import Reason
from lockgate.plan.gates.analysed import not_measured
from lockgate.plan.gates.available import available
from lockgate.plan.gates.routed import routed
from lockgate.plan.shape import steps_for
from lockgate.plan.stages import rolling
from lockgate.plan.troubles import Problem

_REACHING: tuple[Gate, ...] = (available, routed)
# A step that comes about sooner than this is told once it is there.
_TOLD_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What was found of the present step.

    `reached_at` is None on the way to it. `verdict` is that of the gates that hold it there once it is
    reached, `told` what is to be told of it. `ahead` is the state in the next step, once there is
    anything to tell of that. `stage` is what should be there now, None for just what the step asks for.
    """

    reached_at: datetime | None = None
    verdict: GateVerdict | None = None
    told: GateVerdict | None = None
    ahead: RolloutState | None = None
    is_last: bool = False
    stage: Stage | None = None
    again_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing holds the rollout in this step any more."""
        over = self.verdict is not None and self.verdict.holds is Holds.YES
        return over and (self.is_last or self.ahead is not None)

    @property
    def against(self) -> Problem | None:
        """Why the candidate is to be given up, by a gate that says so."""
        if self.verdict is None or self.verdict.holds is not Holds.NO:
            return None
        return self.verdict.reason or Reason.ANALYSIS_FAILED, self.verdict.sentence

    def said(self, decision: Decision) -> Decision:
        """The decision of a rollout that is held here, or that lost its way to here."""
        if self.told is None or not self.told.sentence:
            return decision
        reason, waits = self.told.reason or Reason.STEP_HELD, self.reached_at is not None
        return replace(decision, reason=reason, message=self.told.sentence, waits=waits)


@dataclass(frozen=True, slots=True)
class Place:
    """A step of a rollout, as it should be and as it is."""

    step: Step
    is_last: bool
    stage: Stage
    evidence: Evidence
    now: datetime

    @property
    def is_there(self) -> bool:
        """Whether its pods are available and its traffic is served."""
        reaching = [gate for gate in self.step.gates if gate in _REACHING]
        return judge(reaching, self.evidence, self.now).holds is Holds.YES

    @property
    def is_asked_for(self) -> bool:
        """Whether all is written that can be, on the way to it, so that it is for others to go on."""
        evidence, route, home = self.evidence, self.evidence.observed.route, self.evidence.home
        if home is None or not home.generation_observed or home.replicas != evidence.replicas:
            return False
        if available(evidence, self.now).holds is not Holds.YES:
            return True
        is_routed = evidence.split is None or (route is not None and route.written == evidence.split)
        return is_routed and evidence.front == evidence.observed.front


def look(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    observed: Observed,
    now: datetime,
    analysis: GateVerdict | None,
) -> Here:
    """Look at the present step."""
    place = place_of(deployment, state, candidate, observed, now)
    if is_gone(deployment, state, place):
        return _without_pods(deployment, state, candidate, place, analysis)
    if not place.is_there and not _was_there(deployment, state, candidate, place):
        return Here()
    reached_at = min(state.reached_at or now, now)
    if deployment.analysis is not None and (analysis is None or state.reached_at is None):
        analysis = not_measured(candidate, deployment.analysis, now)
    known = replace(place.evidence, reached_at=reached_at, analysis=analysis)
    holding = [gate for gate in place.step.gates if gate not in _REACHING]
    verdict = judge(holding, known, now)
    here = Here(
        reached_at=reached_at,
        verdict=verdict,
        # What held it is told until there is more to tell than that its time is over.
        told=judge(holding, known, reached_at) if verdict.holds is Holds.YES else verdict,
        is_last=place.is_last,
        stage=place.stage,
        again_at=verdict.again_at,
    )
    if place.is_last or verdict.holds is not Holds.YES:
        return here
    return _ahead(deployment, state, candidate, observed, now, here)


def _ahead(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    observed: Observed,
    now: datetime,
    here: Here,
) -> Here:
    """The same with what is next."""
    following = replace(state, step=state.step + 1, reached_at=None, progressed_at=now)
    place = place_of(deployment, following, candidate, observed, now)
    if place.is_there:
        return replace(here, ahead=replace(following, reached_at=now))
    if place.is_asked_for and observed.unmoved >= _TOLD_AFTER:
        # From now on it can be late.
        return replace(here, ahead=following)
    return replace(here, stage=place.stage, again_at=now + _TOLD_AFTER)


def _was_there(deployment: ModelDeployment, state: RolloutState, candidate: Revision, place: Place) -> bool:
    """Whether a step that was reached is the same yet, and not another that its author made of it since.

    Pods that died, and more of them all, make no other step; nor does the way to the next.
    """
    if state.reached_at is None or place.is_last:
        return False
    evidence, stable = place.evidence, place.stage.tracks[0]
    observed, home = evidence.observed, evidence.home
    if home is None or home.name == stable.workload:
        return False
    if evidence.split is not None:
        written = dict(observed.route.written.weights) if observed.route else {}
        if written.get(home.name, 0) < dict(evidence.split.weights)[home.name]:
            return False
    before, following = observed.named(stable.workload), replace(state, step=state.step + 1)
    is_scaled = before is not None and before.replicas < (stable.replicas or 0)
    fewest = place_of(deployment, following, candidate, observed, place.now).evidence.replicas
    return is_scaled or home.replicas >= min(evidence.replicas, fewest)


def is_gone(deployment: ModelDeployment, state: RolloutState, place: Place) -> bool:
    """Whether nobody answers for the candidate, though requests may come to it, and somebody else could."""
    home, route = place.evidence.home, place.evidence.observed.route
    if place.step.in_place or state.stable is None or deployment.replicas == 0:
        return False
    if home is not None and home.available:
        return False
    written = route.written if route else None
    named = dict(written.weights).get(place.evidence.workload or "", 0) if written else 0
    return state.reached_at is not None or named > 0


def _without_pods(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    place: Place,
    analysis: GateVerdict | None,
) -> Here:
    """A candidate of which no pod is left gets no requests; once one is back it reaches its step anew."""
    sentence = f"no pod of {candidate.version} answers, so it gets no traffic until one is back"
    told = GateVerdict(holds=Holds.NOT_YET, sentence=sentence, reason=Reason.MINIMUM_REPLICAS_UNAVAILABLE)
    is_against = analysis is not None and analysis.holds is Holds.NO
    return Here(
        verdict=analysis if is_against else None,
        told=told,
        stage=idle_stage(deployment, state, place),
    )


def idle_stage(deployment: ModelDeployment, state: RolloutState, place: Place) -> Stage:
    """The same step, without a request for the candidate."""
    idle = replace(place.step, weight=0, match=(), mirror=0)
    return rolling(deployment, state, place.evidence.observed, idle)


def place_of(
    deployment: ModelDeployment, state: RolloutState, candidate: Revision, observed: Observed, now: datetime
) -> Place:
    """The present step, what should be there in it, and what is."""
    steps = steps_for(deployment, state)
    stage = rolling(deployment, state, observed, steps[state.step])
    track = stage.tracks[-1]
    evidence = Evidence(
        candidate=candidate,
        replicas=track.replicas or 0,
        observed=observed,
        split=stage.split,
        front=stage.front,
        workload=track.workload,
        approved=any(approval.step == state.step for approval in state.approvals),
        hurried=state.hurried,
    )
    return Place(steps[state.step], state.step + 1 == len(steps), stage, evidence, now)
