"""Which one thing is next, so that ECS comes to what a stage asks for? Pure.

Every answer is found anew from what was seen, so a kill after any request repeats a question and no more. A
deployment that goes elsewhere is taken back before another begins; one that waits is let go on when the
stage asks for more traffic than is shifted; and what ECS took back is never begun again in the same try.
"""

from dataclasses import dataclass

from lockgate.api.shares import Role
from lockgate.api.spec import Identity, ModelDeployment
from lockgate.api.status import Revision
from lockgate.aws.targets import Target
from lockgate.backends.ecs.facts import attempt_of, given_up_by, name_of
from lockgate.backends.ecs.marks import TAG_RELEASED, service_name
from lockgate.backends.ecs.seen import Rollout, Seen
from lockgate.backends.ecs.service import Call, count
from lockgate.domain.plan import Stage, Track
from lockgate.domain.split import WHOLE
from lockgate.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Bring:
    """Bring a release out: by a task definition of it, of this try where it is a candidate."""

    release: Revision
    attempt: str
    is_candidate: bool


Move = Call | Bring | None
# Digits of a percentage.
_LONGEST = 3


def next_move(deployment: ModelDeployment, target: Target, stage: Stage, seen: Seen) -> Move:
    """The next request, or None while there is nothing to ask for; raises Refused for what ECS never took."""
    wanted = wanted_in(stage)
    if wanted is None or wanted.paused:
        return None
    last = seen.last
    if last is not None and last.is_going_back:
        return None
    if last is not None and last.is_moving:
        return _amid(deployment, target, stage, wanted, last, seen)
    return _at_rest(deployment, target, wanted, seen)


def wanted_in(stage: Stage) -> Track | None:
    """Whom it is about: the candidate, else who comes first, for what is to go is added behind."""
    candidates = (track for track in stage.tracks if track.role is Role.CANDIDATE)
    return next(candidates, stage.tracks[0] if stage.tracks else None)


def share_of(stage: Stage, workload: str) -> int:
    """Percent of the traffic that a stage gives to a workload."""
    if stage.split is not None:
        return dict(stage.split.weights).get(workload, 0)
    return WHOLE if stage.front in (None, workload) else 0


def _amid(
    deployment: ModelDeployment, target: Target, stage: Stage, wanted: Track, last: Rollout, seen: Seen
) -> Move:
    goal = last.goal
    if goal is None or not wanted.release.is_same(goal.release) or wanted.replicas == 0 < deployment.replicas:
        return _take_back(deployment, target, wanted, last, seen)
    if not last.sources:
        return None
    asked, shifted = share_of(stage, name_of(deployment, wanted.release)), goal.weight or 0
    if asked < shifted and not goal.running and wanted.role is Role.CANDIDATE:
        # ECS knows no way to less traffic but back.
        return _stop(last)
    if last.hook and asked > shifted:
        return _let_go_on(seen, last, shifted)
    return None


def _take_back(deployment: ModelDeployment, target: Target, wanted: Track, last: Rollout, seen: Seen) -> Move:
    if last.sources:
        return _stop(last)
    # There is nothing to go back to: another takes its place, or nobody does.
    if wanted.replicas == 0 < deployment.replicas:
        return count(deployment, target, 0) if seen.asked else None
    return _bring(deployment, wanted)


def _at_rest(deployment: ModelDeployment, target: Target, wanted: Track, seen: Seen) -> Move:
    replicas = deployment.replicas if wanted.replicas is None else wanted.replicas
    if not seen.is_there:
        return _bring(deployment, wanted) if replicas == deployment.replicas else None
    settled = seen.settled
    is_there = settled is not None and wanted.release.is_same(settled.release)
    if is_there or replicas == 0 < deployment.replicas:
        return count(deployment, target, replicas) if seen.asked != replicas else None
    if given_up_by(deployment, seen) and wanted.role is Role.CANDIDATE:
        return None
    last = seen.last
    is_refused = (
        wanted.role is not Role.CANDIDATE
        and last is not None
        and last.goal is not None
        and last.was_taken_back
        and wanted.release.is_same(last.goal.release)
    )
    if is_refused and last is not None:
        raise Refused(
            f"ECS took {wanted.release.version} back, which is to serve ({last.told or 'it was stopped'}); "
            "begin a deployment of it by hand, or choose another version"
        )
    return _bring(deployment, wanted)


def _bring(deployment: ModelDeployment, wanted: Track) -> Bring | None:
    state = deployment.status.rollout
    is_candidate = wanted.role is Role.CANDIDATE
    if is_candidate and not wanted.release.is_same(state.candidate):
        # Its try has no name before the status knows of it, and could not be told from another.
        return None
    return Bring(
        release=wanted.release,
        attempt=attempt_of(deployment) if is_candidate else "",
        is_candidate=is_candidate and state.stable is not None,
    )


def _stop(last: Rollout) -> Call:
    arguments = {"serviceDeploymentArn": last.arn, "stopType": "ROLLBACK"}
    return Call(operation="StopServiceDeployment", arguments=arguments, takes=last.arn.rpartition("/")[2])


def _let_go_on(seen: Seen, last: Rollout, shifted: int) -> Call | None:
    """First it is written down which hook is let go at which weight, and then it is.

    What ECS tells of weights may be late: a hook that waits at the weight of one before is left waiting.
    """
    rollout = last.arn.rpartition("/")[2]
    mark = f"{rollout}/{last.hook}/{shifted}"
    if seen.released != mark:
        if _is_late(seen.released, rollout, last.hook, shifted):
            return None
        tags = [{"key": TAG_RELEASED, "value": mark}]
        arguments = {"resourceArn": seen.arn, "tags": tags}
        return Call(operation="TagResource", arguments=arguments, makes=rollout)
    return Call(
        operation="ContinueServiceDeployment",
        arguments={"serviceDeploymentArn": last.arn, "hookId": last.hook, "action": "CONTINUE"},
        makes=rollout,
    )


def _is_late(released: str, rollout: str, hook: str, shifted: int) -> bool:
    """Whether another hook was let go at this weight already: a name of ECS may hold slashes."""
    before, _, weight = released.rpartition("/")
    if not before.startswith(f"{rollout}/") or before == f"{rollout}/{hook}":
        return False
    # Who has written something else there says nothing of weights, and a hook has time.
    return not weight.isdecimal() or int(weight[:_LONGEST]) >= shifted


def deletion(deployment: Identity, target: Target) -> Call:
    """The service with all of its tasks."""
    name = service_name(deployment)
    arguments = {"cluster": target.cluster, "service": name, "force": True}
    return Call(operation="DeleteService", arguments=arguments, takes=name)
