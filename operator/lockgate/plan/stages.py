"""All that should be there in a state of a rollout: which pods, and by which ways requests come. Pure.

A release stays in the workload that runs it; a new one gets the ModelDeployment's own where pods are
replaced in place, else one of its own. Nothing here knows what is safe at the moment (`reach.py`).
"""

from datetime import datetime

from lockgate.api.shares import Role
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision, RolloutState
from lockgate.api.strategy import BlueGreen, Canary, Rolling
from lockgate.domain.observed import Observed
from lockgate.domain.plan import Stage, Step, Track
from lockgate.domain.split import WHOLE, TrafficSplit
from lockgate.plan.carried import pods_for


def home_of(deployment: ModelDeployment, observed: Observed, release: Revision) -> str:
    """The name of the workload that runs a release, or is to run it."""
    running = observed.runs(release)
    if running is not None:
        return running.name
    in_place = isinstance(deployment.strategy, Rolling) or release.release is None
    if in_place and not _runs_elsewhere(observed, release):
        return deployment.name
    return f"{deployment.name}-{release.release}"


def _runs_elsewhere(observed: Observed, release: Revision) -> bool:
    """Whether the workload whose pods it would replace is of another backend, which cannot have them."""
    there = observed.workload.revision if observed.workload else None
    return there is not None and release.release is not None and there.backend != release.backend


def resting(deployment: ModelDeployment, state: RolloutState, observed: Observed, now: datetime) -> Stage:
    """All that should be there while nothing rolls out: what serves, and what is kept warm."""
    assert state.stable is not None
    stable = _whole(deployment, observed, state.stable, Role.STABLE)
    tracks = [stable]
    if (kept := state.kept_warm(now)) is not None:
        warm = _whole(deployment, observed, kept, Role.PREVIOUS)
        if warm.workload != stable.workload:
            tracks.append(warm)
    return Stage(
        tracks=tuple(tracks),
        split=_all_to(deployment, stable.workload),
        front=_front(deployment, stable.workload),
    )


def rolling(deployment: ModelDeployment, state: RolloutState, observed: Observed, step: Step) -> Stage:
    """All that should be there in a step of a rollout."""
    candidate, stable = state.candidate, state.stable
    assert candidate is not None
    by_pods = _shares_by_pods(deployment)
    weight = step.replicas if step.weight is None else step.weight
    # Where their numbers make the shares, more pods would be more traffic.
    percent = weight if by_pods and weight else step.replicas
    if not by_pods and candidate.is_same(state.warm):
        percent = WHOLE  # it was kept ready to take over again
    replicas = pods_for(deployment.replicas, percent)
    before = None if stable is None else _whole(deployment, observed, stable, Role.STABLE)
    workload = home_of(deployment, observed, candidate)
    track = Track(role=Role.CANDIDATE, release=candidate, workload=workload, replicas=replicas)
    if before is None or before.workload == workload:
        split, front = _all_to(deployment, workload), _front(deployment, workload)
        return Stage(tracks=(track,), split=split, front=front)
    if by_pods and not _answers(observed, workload):
        weight = 0
    gives_way = step.gives_way or by_pods
    left = pods_for(deployment.replicas, WHOLE - weight) if gives_way else deployment.replicas
    before = Track(role=Role.STABLE, release=before.release, workload=before.workload, replicas=left)
    return Stage(
        tracks=(before, track),
        split=_shared(deployment, before.workload, workload, step, weight),
        front=_front(deployment, workload if weight == WHOLE else before.workload, weight),
        preview=workload if isinstance(deployment.strategy, BlueGreen) else None,
    )


def nobody(deployment: ModelDeployment, observed: Observed, release: Revision) -> Stage:
    """A release that cannot be served: its workload, without pods. Who serves all the same goes on."""
    workload = home_of(deployment, observed, release)
    failed = Track(role=Role.STABLE, release=release, workload=workload, replicas=0)
    others = [each for each in observed.workloads if each.name != workload and each.available]
    most = max(others, key=lambda each: each.available, default=None)
    if most is None or most.revision is None:
        return Stage(tracks=(failed,), front=_front(deployment, workload))
    serving = Track(role=Role.STABLE, release=most.revision, workload=most.name, replicas=deployment.replicas)
    split, front = _all_to(deployment, most.name), _front(deployment, most.name)
    return Stage(tracks=(serving, failed), split=split, front=front)


def _whole(deployment: ModelDeployment, observed: Observed, release: Revision, role: Role) -> Track:
    workload = home_of(deployment, observed, release)
    return Track(role=role, release=release, workload=workload, replicas=deployment.replicas)


def _answers(observed: Observed, workload: str) -> bool:
    there = observed.named(workload)
    return there is not None and there.available > 0


def _all_to(deployment: ModelDeployment, workload: str) -> TrafficSplit | None:
    return None if deployment.traffic is None else TrafficSplit(weights=((workload, WHOLE),))


def _shared(
    deployment: ModelDeployment, stable: str, candidate: str, step: Step, weight: int
) -> TrafficSplit | None:
    if deployment.traffic is None or weight == WHOLE:
        return _all_to(deployment, candidate)
    is_special = bool(step.match or step.mirror)
    return TrafficSplit(
        weights=((stable, WHOLE - weight), (candidate, weight)),
        special=candidate if is_special else None,
        match=step.match,
        mirror=step.mirror,
    )


def _front(deployment: ModelDeployment, workload: str, weight: int = WHOLE) -> str | None:
    """Who answers at the ModelDeployment's own address: all pods, where their numbers make the shares."""
    is_shared = _shares_by_pods(deployment) and 0 < weight < WHOLE
    return None if is_shared or isinstance(deployment.strategy, Rolling) else workload


def _shares_by_pods(deployment: ModelDeployment) -> bool:
    return isinstance(deployment.strategy, Canary) and deployment.traffic is None
