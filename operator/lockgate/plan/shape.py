"""What a state implies by itself: the verdict, and with it all that should be there. Pure."""

from dataclasses import replace
from datetime import datetime

from lockgate.api.requests import LastRequest
from lockgate.api.shares import Role
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Failure, Revision, RolloutState
from lockgate.domain.observed import Elsewhere, Observed
from lockgate.domain.plan import Course, Decision, Plan, Stage, Step, Track
from lockgate.names import Reason
from lockgate.plan.failures import HOW_TO_RETRY, HOW_TO_TRY_HERE, failure_of, told_elsewhere
from lockgate.plan.stages import nobody, resting, rolling
from lockgate.plan.strategies import steps_of


def shape(
    deployment: ModelDeployment,
    state: RolloutState,
    wanted: Revision | None,
    observed: Observed,
    now: datetime,
    elsewhere: Elsewhere | None = None,
) -> Plan:
    """The plan of a state; `wanted` is the version that alias or pin last led to.

    `elsewhere` is where it failed, when it is not tried here for that.
    """
    if state.candidate is not None:
        return _rolling(deployment, state, state.candidate, observed)
    held_back = None if wanted is None else failure_of(deployment, state, wanted)
    if state.stable is None:
        return _nothing_serves(deployment, state, wanted, held_back, observed)
    is_stable = wanted is None or wanted.is_same(state.stable)
    decision = _rest(state.stable, None if is_stable else held_back, unproven=state.unproven)
    if elsewhere is not None and wanted is not None and not is_stable and held_back is None:
        decision = _kept_out(wanted, state.stable, elsewhere)
    return Plan(
        state=state,
        decision=decision,
        stage=resting(deployment, state, observed, now),
        wake=state.warm_until if state.kept_warm(now) else None,
    )


def steps_for(deployment: ModelDeployment, state: RolloutState) -> tuple[Step, ...]:
    """The steps of the strategy; a first version, which shares with nobody, has the last one only."""
    steps = steps_of(deployment.strategy)
    return steps if state.stable is not None else steps[-1:]


def _rolling(
    deployment: ModelDeployment, state: RolloutState, candidate: Revision, observed: Observed
) -> Plan:
    steps = steps_for(deployment, state)
    message = f"rolling out {candidate.version}"
    if state.stable:
        message = f"rolling out {candidate.version} over {_called(state.stable, candidate)}"
    return Plan(
        state=state,
        decision=Decision(course=Course.ROLLING_OUT, reason=Reason.ROLLING_OUT, message=message),
        stage=rolling(deployment, state, observed, steps[state.step]),
        steps=len(steps),
    )


def _called(release: Revision, other: Revision) -> str:
    """The version, or what else tells two releases of one version apart."""
    if not release.is_same_version(other):
        return release.version
    return "what it runs on" if release.runtime != other.runtime else "other resources of it"


def _nothing_serves(
    deployment: ModelDeployment,
    state: RolloutState,
    wanted: Revision | None,
    held_back: Failure | None,
    observed: Observed,
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
        stage=nobody(deployment, observed, wanted),
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


def _kept_out(wanted: Revision, stable: Revision, elsewhere: Elsewhere) -> Decision:
    message = (
        f"{wanted.version} is not tried and {stable.version} serves on: "
        f"{told_elsewhere(elsewhere)}; {HOW_TO_TRY_HERE}"
    )
    return Decision(course=Course.QUARANTINED, reason=Reason.QUARANTINED, message=message)


def stalled(
    deployment: ModelDeployment,
    state: RolloutState,
    reason: Reason,
    why: str,
    observed: Observed,
    now: datetime,
) -> Plan:
    """The plan of a first version that does not come up: it is tried on, and a human is told."""
    assert state.candidate is not None
    message = f"{state.candidate.version} cannot be rolled out: {why}"
    decision = Decision(course=Course.STALLED, reason=reason, message=message)
    return replace(shape(deployment, state, state.candidate, observed, now), decision=decision)


def torn(answer: LastRequest | None) -> Plan:
    """The plan where pods serve different files and no status tells since when: nothing is touched."""
    message = (
        "its pods were given different files under one digest, and no status tells whether it served "
        "before: what runs is left as it is; delete the pods with the wrong files, or move the alias"
    )
    decision = Decision(course=Course.STALLED, reason=Reason.DIGEST_CHANGED, message=message)
    return Plan(state=RolloutState(), decision=decision, answer=answer)


def suspended(deployment: ModelDeployment, state: RolloutState, observed: Observed, now: datetime) -> Plan:
    """Nothing changes while a human holds it, but that who was given up gets no more requests.

    A workload amid a change is told to stand still.
    """
    goes_back = is_on_its_way_back(state, observed)
    message = "spec.suspend is true: what serves goes on serving and nothing else changes"
    return Plan(
        state=state,
        decision=Decision(course=Course.SUSPENDED, reason=Reason.SUSPENDED, message=message),
        stage=resting(deployment, state, observed, now) if goes_back else _standing_still(state, observed),
        steps=len(steps_for(deployment, state)),
    )


def is_on_its_way_back(state: RolloutState, observed: Observed) -> bool:
    """Whether a candidate was given up and still gets requests: nobody who holds a rollout wants that."""
    if state.candidate is not None or state.stable is None:
        return False
    home = observed.runs(state.stable)
    if home is None:
        return False
    routed = [observed.route.written, observed.route.served] if observed.route else []
    named = {name for split in routed if split for name, weight in split.weights if weight}
    named |= {split.special for split in routed if split and split.special}
    if (named | {observed.front}) - {None, home.name}:
        return True
    if observed.front is not None:
        return False
    # Where all pods answer, those of others do; and in place those are replaced by pods of stable.
    return any(pod.ready and pod.revision and not pod.revision.is_same(state.stable) for pod in observed.pods)


def _standing_still(state: RolloutState, observed: Observed) -> Stage | None:
    """The workload as it is, but paused; None when it stands still already, or never replaces pods."""
    workload = observed.workload
    if observed.others or observed.route is not None or observed.front is not None:
        return None
    if workload is None or workload.revision is None or workload.paused:
        return None
    is_moving = not workload.generation_observed or workload.updated != workload.total
    if state.candidate is None and not is_moving:
        return None
    held = Track(
        role=Role.STABLE,
        release=workload.revision,
        workload=workload.name,
        replicas=workload.replicas,
        paused=True,
    )
    return Stage(tracks=(held,))
