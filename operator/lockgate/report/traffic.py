"""Who gets how much of the traffic, as it was read back and never as it is meant. Pure."""

from lockgate.api.status import Revision, Role, TrafficShare
from lockgate.domain.findings import Findings
from lockgate.domain.observed import Observed
from lockgate.domain.split import TrafficSplit


def traffic(found: Findings) -> tuple[TrafficShare, ...]:
    """The split by track.

    Empty while pods of two releases answer side by side and no route tells them apart, and while the
    gateway does not say what it serves.
    """
    if found.plan is None or found.observed is None:
        return found.previous.traffic
    if found.observed.route is not None:
        return _routed(found, found.observed, found.observed.route.served)
    stable = found.state.stable
    shared = found.state.candidate is not None and found.observed.front is None
    if stable is None or shared or not _answers_alone(stable, found.observed):
        return ()
    return (TrafficShare(track=Role.STABLE, version=stable.version, weight=100),)


def _routed(found: Findings, observed: Observed, served: TrafficSplit | None) -> tuple[TrafficShare, ...]:
    """What each release gets by what is served; one that is neither stable nor candidate was before."""
    shares: dict[Role, TrafficShare] = {}
    for name, weight in served.weights if served else ():
        workload = observed.named(name)
        release = workload.revision if workload else None
        if release is None:
            continue
        role = _role(found, release)
        if weight or role is Role.CANDIDATE:
            shares[role] = TrafficShare(track=role, version=release.version, weight=weight)
    return tuple(shares[role] for role in Role if role in shares)


def _role(found: Findings, release: Revision) -> Role:
    if release.is_same(found.state.stable):
        return Role.STABLE
    return Role.CANDIDATE if release.is_same(found.state.candidate) else Role.PREVIOUS


def _answers_alone(stable: Revision, observed: Observed) -> bool:
    """Whether no pod of another release answers: what was given up does so for a while.

    Where one workload alone is in front, its pods do.
    """
    front = observed.named(observed.front)
    if front is not None:
        return stable.is_same(front.revision)
    answering = (pod for pod in observed.pods if pod.ready and not pod.deleting)
    return all(stable.is_same(pod.revision) for pod in answering)
