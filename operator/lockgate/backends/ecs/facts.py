"""What was seen on ECS as facts that every plan understands: workloads, tasks as pods, and the traffic. Pure.

Each release that is there is a workload. Who answers at the service's own address changes when ECS says that
a deployment has ended, and not when its traffic has shifted: until then ECS may go back by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lockgate.api.moments import format_time
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Proof, Revision
from lockgate.api.strategy import Rolling
from lockgate.backends.ecs.seen import Part, Rollout, Seen, Task
from lockgate.domain.observed import FetchFacts, Observed, PodFacts, RouteFacts, WorkloadFacts
from lockgate.domain.split import WHOLE, TrafficSplit

# The exit codes of our fetch container: handed over, and never to be served.
_DONE, _WRONG = 0, 1


def observed_in(deployment: ModelDeployment, seen: Seen) -> Observed:
    """Facts of one look."""
    given_up = given_up_by(deployment, seen)
    if not seen.is_there:
        return Observed()
    pods = tuple(_pods(seen.tasks))
    if isinstance(deployment.strategy, Rolling):
        workload = _in_place(deployment, seen)
        route = _route(((workload.name, WHOLE),), seen) if deployment.traffic else None
        return Observed(workload=workload, pods=pods, route=route, given_up=given_up)
    shares = _shares(deployment, seen)
    facts = tuple(_workload(share, seen) for share in shares)
    is_settled = seen.last is None or not seen.last.is_under_way
    front = next((share.name for share in shares if share.is_source), None)
    weights = _weights(shares)
    is_routed = bool(deployment.traffic) and bool(weights) and (is_settled or front is not None)
    return Observed(
        others=facts,
        pods=pods,
        route=_route(weights, seen) if is_routed else None,
        front=front,
        given_up=given_up,
    )


def name_of(deployment: ModelDeployment, release: Revision) -> str:
    """What a release's workload is called beside others."""
    return f"{deployment.name}-{release.release}"


def attempt_of(deployment: ModelDeployment) -> str:
    """The try at the candidate that the status knows of, by the moment that it began; empty without one."""
    state = deployment.status.rollout
    return format_time(state.started_at) if state.candidate and state.started_at else ""


def given_up_by(deployment: ModelDeployment, seen: Seen) -> str | None:
    """Why ECS went back from the candidate in this try; another try is another matter."""
    candidate, last = deployment.status.rollout.candidate, seen.last
    if candidate is None or last is None or last.goal is None or not last.was_taken_back:
        return None
    definition = last.goal.definition
    if not candidate.is_same(definition.revision) or definition.attempt != attempt_of(deployment):
        return None
    return f"ECS took it back: {last.told or 'its deployment was stopped'}"


@dataclass(frozen=True, slots=True)
class _Share:
    """All that is there of one release."""

    name: str
    part: Part
    weight: int
    is_source: bool
    is_goal: bool


def _shares(deployment: ModelDeployment, seen: Seen) -> tuple[_Share, ...]:
    """Sources first, then the goal; when nothing is under way, what is left."""
    last = seen.last
    if last is None or not last.is_under_way:
        settled = seen.settled
        parts = [settled] if settled else list(seen.parts)
        named = [(part, WHOLE if part is settled else 0, part is settled, False) for part in parts]
    else:
        goal = [last.goal] if last.goal else []
        # Where ECS does not say, all of it is still where it was.
        weight = (last.goal.weight if last.goal else 0) or (0 if last.sources else WHOLE)
        named = [(part, WHOLE - weight, True, False) for part in last.sources]
        named += [(part, weight, False, True) for part in goal]
    shares: dict[str, _Share] = {}
    for part, weight, is_source, is_goal in named:
        if part.release is None or part.release.release is None:
            continue
        name = name_of(deployment, part.release)
        before = shares.get(name)
        shares[name] = (
            _Share(name, part, weight, is_source, is_goal)
            if before is None
            else _added(before, part, is_goal)
        )
    return tuple(shares.values())


def _added(share: _Share, part: Part, is_goal: bool) -> _Share:
    """Two revisions of one release are one."""
    both = replace(
        share.part,
        asked=max(share.part.asked, part.asked),
        running=share.part.running + part.running,
        pending=share.part.pending + part.pending,
    )
    return _Share(share.name, both, WHOLE, share.is_source, share.is_goal or is_goal)


def _workload(share: _Share, seen: Seen) -> WorkloadFacts:
    part = share.part
    is_coming = share.is_goal and not share.is_source and seen.last is not None and not seen.last.is_scaled
    available = 0 if is_coming else part.running
    asked = part.asked or (seen.asked if share.is_goal or share.is_source else 0)
    return WorkloadFacts(
        name=share.name,
        revision=part.release,
        replicas=asked,
        updated=part.running + part.pending,
        total=part.running + part.pending,
        available=available,
        generation_observed=True,
        minimum_available=available >= asked,
        problem=_problem(seen, part),
    )


def _in_place(deployment: ModelDeployment, seen: Seen) -> WorkloadFacts:
    """One workload whose tasks are replaced."""
    last = seen.last if seen.last and seen.last.is_under_way else None
    parts = (*last.sources, *([last.goal] if last.goal else ())) if last else seen.parts
    goal = last.goal if last else seen.settled
    running, pending = sum(part.running for part in parts), sum(part.pending for part in parts)
    mine = goal.running + goal.pending if goal else 0
    is_whole = mine == running + pending == running == seen.asked
    return WorkloadFacts(
        name=deployment.name,
        revision=goal.release if goal else None,
        replicas=seen.asked,
        updated=mine,
        total=running + pending,
        available=running,
        # The last word is that of ECS, which may go back until it is said.
        generation_observed=last is None or not is_whole,
        minimum_available=running >= seen.asked,
        problem=_problem(seen, goal),
    )


def _problem(seen: Seen, part: Part | None) -> str | None:
    if part is None or seen.last is None or not seen.last.is_moving or not seen.last.told:
        return None
    goal = seen.last.goal
    return (
        f"ECS says: {seen.last.told}"
        if goal and goal.release and goal.release.is_same(part.release)
        else None
    )


def _weights(shares: Iterable[_Share]) -> tuple[tuple[str, int], ...]:
    """As a plan writes them: whoever has all of it stands alone, else stable comes first."""
    known = [(share.name, share.weight) for share in shares]
    if sum(weight for _, weight in known) != WHOLE:
        return ()
    return next(
        (((name, weight),) for name, weight in known if weight == WHOLE and name == known[-1][0]),
        tuple(known),
    )


def _route(weights: tuple[tuple[str, int], ...], seen: Seen) -> RouteFacts:
    split = TrafficSplit(weights=weights)
    is_shifting = seen.last is not None and seen.last.is_moving and seen.last.is_shifting
    return RouteFacts(written=split, served=None if is_shifting else split)


def _pods(tasks: Iterable[Task]) -> Iterable[PodFacts]:
    """Tasks that are there; and of those that could not fetch the last of each release, and how many."""
    failed: dict[str, list[Task]] = {}
    for task in tasks:
        if task.definition.revision is None or not task.definition.is_ours:
            continue
        if task.has_ended:
            if task.fetch_code not in (None, _DONE):
                failed.setdefault(task.definition.arn, []).append(task)
            continue
        yield PodFacts(
            name=task.name,
            revision=task.definition.revision,
            ready=task.is_ready,
            deleting=task.is_ending,
            fetch=_fetch(task, 1),
        )
    for ended in failed.values():
        last = ended[-1]
        yield PodFacts(
            name=last.name,
            revision=last.definition.revision,
            ready=False,
            deleting=False,
            fetch=_fetch(last, len(ended)),
        )


def _fetch(task: Task, attempts: int) -> FetchFacts | None:
    """ECS tells no more of a fetch than its exit code; what an end with 0 proves stands in the definition."""
    code = task.fetch_code
    if code is None:
        return None
    if code == _DONE:
        proves = task.definition.proves
        size = task.definition.revision.size if task.definition.revision else None
        proof = Proof(tree_digest=proves, files=0, size=size or 0) if proves else None
        return FetchFacts(attempts=attempts, proof=proof)
    said = f"the fetch container ended with exit code {code}; its log says why"
    return FetchFacts(attempts=attempts, problem=said, permanent=code == _WRONG)


def is_busy(seen: Seen) -> bool:
    """Whether ECS is at something, so that a look soon is worth it."""
    last: Rollout | None = seen.last
    return last is not None and last.is_under_way
