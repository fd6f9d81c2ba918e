"""What a state implies by itself: all that should be there, and the verdict. Pure."""

from dataclasses import replace

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Failure, Revision, Role, RolloutState
from lockgate.domain.observed import Observed, WorkloadFacts
from lockgate.domain.plan import Course, Decision, Plan, Stage, Step, Track
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason
from lockgate.plan.failures import HOW_TO_RETRY, failure_of
from lockgate.plan.reach import pods_for
from lockgate.plan.strategies import steps_of


def shape(deployment: ModelDeployment, state: RolloutState, wanted: Revision | None) -> Plan:
    """The plan of a state; `wanted` is the version that alias or pin last led to."""
    if state.candidate is not None:
        return _rolling(deployment, state, state.candidate)
    held_back = None if wanted is None else failure_of(deployment, state, wanted)
    if state.stable is None:
        return _nothing_serves(deployment, state, wanted, held_back)
    is_stable = wanted is None or wanted.is_same(state.stable)
    decision = _rest(state.stable, None if is_stable else held_back, unproven=state.unproven)
    return Plan(state=state, decision=decision, stage=Stage(tracks=(_whole(deployment, state.stable),)))


def _rolling(deployment: ModelDeployment, state: RolloutState, candidate: Revision) -> Plan:
    steps = steps_of(deployment.strategy)
    message = f"rolling out {candidate.version}"
    if state.stable:
        message = f"rolling out {candidate.version} over {_called(state.stable, candidate)}"
    return Plan(
        state=state,
        decision=Decision(course=Course.ROLLING_OUT, reason=Reason.ROLLING_OUT, message=message),
        stage=_stage(deployment, state, candidate, steps[state.step]),
        steps=len(steps),
    )


def _called(release: Revision, other: Revision) -> str:
    """The version, or what else tells two releases of one version apart."""
    if not release.is_same_version(other):
        return release.version
    return "what it runs on" if release.runtime != other.runtime else "other resources of it"


def _stage(deployment: ModelDeployment, state: RolloutState, candidate: Revision, step: Step) -> Stage:
    """All that should be there in a step of a rollout."""
    replicas = pods_for(deployment.replicas, step.replicas)
    workload = deployment.name if step.in_place else f"{deployment.name}-{candidate.release}"
    track = Track(role=Role.CANDIDATE, release=candidate, workload=workload, replicas=replicas)
    if step.in_place or state.stable is None:
        return Stage(tracks=(track,))
    stable = _whole(deployment, state.stable)
    weight = step.replicas if step.weight is None else step.weight
    split = TrafficSplit(weights=((stable.workload, 100 - weight), (workload, weight)))
    return Stage(tracks=(stable, track), split=split)


def _whole(deployment: ModelDeployment, release: Revision) -> Track:
    """A release that serves by default."""
    return Track(role=Role.STABLE, release=release, workload=deployment.name, replicas=deployment.replicas)


def _nothing_serves(
    deployment: ModelDeployment, state: RolloutState, wanted: Revision | None, held_back: Failure | None
) -> Plan:
    if wanted is None or held_back is None:
        message = "no version has been resolved yet"
        reason = Reason.WAITING_FOR_REGISTRY
        return Plan(
            state=state,
            decision=Decision(course=Course.NOTHING_TO_SERVE, reason=reason, message=message),
        )
    message = f"{wanted.version} cannot be served: {held_back.message}; {HOW_TO_RETRY}"
    return Plan(
        state=state,
        decision=Decision(course=Course.STALLED, reason=held_back.reason, message=message),
        # Nothing to go back to; but pods that fetch wrong bytes would fetch them for ever.
        stage=Stage(tracks=(replace(_whole(deployment, wanted), replicas=0),)),
    )


def _rest(stable: Revision, held_back: Failure | None, *, unproven: bool) -> Decision:
    if held_back is not None:
        message = (
            f"{held_back.revision.version} was aborted and {stable.version} serves on: "
            f"{held_back.message}; {HOW_TO_RETRY}"
        )
        return Decision(course=Course.ABORTED, reason=Reason.ROLLOUT_ABORTED, message=message)
    message = f"{stable.version} is rolled out"
    if unproven:
        message += ", with no replicas, so no pod has proved it yet"
    return Decision(course=Course.AT_REST, reason=Reason.ROLLED_OUT, message=message)


def stalled(deployment: ModelDeployment, state: RolloutState, reason: Reason, why: str) -> Plan:
    """The plan of a first version that does not come up: it is tried on, and a human is told."""
    assert state.candidate is not None
    message = f"{state.candidate.version} cannot be rolled out: {why}"
    decision = Decision(course=Course.STALLED, reason=reason, message=message)
    return replace(shape(deployment, state, state.candidate), decision=decision)


def torn() -> Plan:
    """The plan where pods serve different files and no status tells since when: nothing is touched."""
    message = (
        "its pods were given different files under one digest, and no status tells whether it served "
        "before: what runs is left as it is; delete the pods with the wrong files, or move the alias"
    )
    decision = Decision(course=Course.STALLED, reason=Reason.DIGEST_CHANGED, message=message)
    return Plan(state=RolloutState(), decision=decision)


def suspended(deployment: ModelDeployment, state: RolloutState, observed: Observed) -> Plan:
    """Nothing changes while a human holds it; a workload amid a change is told to stand still."""
    message = "spec.suspend is true: what serves goes on serving and nothing else changes"
    return Plan(
        state=state,
        decision=Decision(course=Course.SUSPENDED, reason=Reason.SUSPENDED, message=message),
        stage=_standing_still(deployment, state, observed.workload),
    )


def _standing_still(
    deployment: ModelDeployment, state: RolloutState, workload: WorkloadFacts | None
) -> Stage | None:
    """The workload as it is, but paused; None when it stands still already."""
    if workload is None or workload.revision is None or workload.paused:
        return None
    is_moving = not workload.generation_observed or workload.updated != workload.total
    if state.candidate is None and not is_moving:
        return None
    held = _whole(deployment, workload.revision)
    return Stage(tracks=(replace(held, replicas=workload.replicas, paused=True),))
