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
from lockgate.plan.reach import pods_for
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
    anything to tell of that. `stage` is what should be there now.
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
        """The decision of a rollout that is held here."""
        if self.told is None or not self.told.sentence:
            return decision
        reason = self.told.reason or Reason.STEP_HELD
        return replace(decision, reason=reason, message=self.told.sentence, waits=True)


def look(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    observed: Observed,
    now: datetime,
    analysis: GateVerdict | None,
) -> Here:
    """Look at the present step."""
    steps = steps_for(deployment, state)
    step, is_last = steps[state.step], state.step + 1 == len(steps)
    evidence = _evidence(deployment, state, candidate, observed, step)
    reached_at = state.reached_at
    if reached_at is None and judge(_first(step), evidence, now).holds is not Holds.YES:
        return Here()
    if reached_at is None or reached_at > now:
        reached_at = now
    if _is_gone(deployment, state, candidate, observed, step):
        return _without_pods(deployment, state, candidate, observed, step, reached_at)
    if deployment.analysis is not None and (analysis is None or state.reached_at is None):
        analysis = not_measured(candidate, deployment.analysis, now)
    known = replace(evidence, reached_at=reached_at, analysis=analysis)
    holding = [gate for gate in step.gates if gate not in _REACHING]
    verdict = judge(holding, known, now)
    here = Here(
        reached_at=reached_at,
        verdict=verdict,
        # What held it is told until there is more to tell than that its time is over.
        told=judge(holding, known, reached_at) if verdict.holds is Holds.YES else verdict,
        is_last=is_last,
        stage=rolling(deployment, state, observed, step),
        again_at=verdict.again_at,
    )
    if is_last or verdict.holds is not Holds.YES:
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
    step = steps_for(deployment, state)[following.step]
    evidence = _evidence(deployment, following, candidate, observed, step)
    if judge(_first(step), evidence, now).holds is Holds.YES:
        return replace(here, ahead=replace(following, reached_at=now))
    if _is_asked_for(evidence, now) and observed.unmoved >= _TOLD_AFTER:
        # From now on it can be late.
        return replace(here, ahead=following)
    return replace(here, stage=rolling(deployment, following, observed, step), again_at=now + _TOLD_AFTER)


def _is_asked_for(evidence: Evidence, now: datetime) -> bool:
    """Whether all is written that can be, on the way to a step, so that it is for others to go on."""
    home, route = evidence.home, evidence.observed.route
    if home is None or home.replicas != evidence.replicas:
        return False
    if available(evidence, now).holds is not Holds.YES:
        return True
    is_at_front = evidence.front is None or evidence.front == evidence.observed.front
    return is_at_front and (evidence.split is None or (route is not None and route.written == evidence.split))


def _is_gone(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    observed: Observed,
    step: Step,
) -> bool:
    """Whether nobody answers for the candidate any more, and somebody else could."""
    if step.in_place or state.stable is None or deployment.replicas == 0:
        return False
    running = observed.runs(candidate)
    return running is None or running.available == 0


def _without_pods(
    deployment: ModelDeployment,
    state: RolloutState,
    candidate: Revision,
    observed: Observed,
    step: Step,
    reached_at: datetime,
) -> Here:
    """A candidate of which no pod is left gets no requests until one is back."""
    sentence = f"no pod of {candidate.version} answers, so it gets no traffic until one is back"
    told = GateVerdict(holds=Holds.NOT_YET, sentence=sentence, reason=Reason.MINIMUM_REPLICAS_UNAVAILABLE)
    idle = replace(step, weight=0, match=(), mirror=0)
    stage = rolling(deployment, state, observed, idle)
    return Here(reached_at=reached_at, verdict=told, told=told, stage=stage)


def _first(step: Step) -> tuple[Gate, ...]:
    return tuple(gate for gate in step.gates if gate in _REACHING)


def _evidence(
    deployment: ModelDeployment, state: RolloutState, candidate: Revision, observed: Observed, step: Step
) -> Evidence:
    stage = rolling(deployment, state, observed, step)
    track = stage.tracks[-1]
    return Evidence(
        candidate=candidate,
        replicas=pods_for(deployment.replicas, step.replicas),
        observed=observed,
        split=stage.split,
        front=stage.front,
        workload=track.workload,
        approved=any(approval.step == state.step for approval in state.approvals),
        hurried=state.hurried,
    )
