"""Who gets how much of the traffic, as it was read back and never as it is meant. Pure."""

from lockgate.api.shares import Role, TrafficShare, VariantShare
from lockgate.api.status import Revision
from lockgate.domain.findings import Findings
from lockgate.domain.observed import Observed
from lockgate.domain.split import WHOLE, TrafficSplit, Weights
from lockgate.plan.arms import compose


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
    for name, weight in _of_all(served, observed) if served else ():
        workload = observed.named(name)
        release = workload.revision if workload else None
        if release is None:
            continue
        role = _role(found, release)
        if weight or role is Role.CANDIDATE:
            shares[role] = TrafficShare(track=role, version=release.version, weight=weight)
    return tuple(shares[role] for role in Role if role in shares)


def variants(found: Findings) -> tuple[VariantShare, ...]:
    """What each variant serves, and what it gets by what is served."""
    if found.plan is None or found.observed is None:
        return found.previous.variants
    route = found.observed.route
    parts = {arm.name: arm.weight for arm in route.arms} if route else {}
    return tuple(
        VariantShare(name=arm.name, version=arm.version, weight=parts.get(arm.name, 0))
        for arm in found.observed.arms
    )


def _of_all(served: TrafficSplit, observed: Observed) -> Weights:
    """What each workload gets of all requests, the variants' parts taken off."""
    arms = observed.route.arms if observed.route else ()
    own = (WHOLE - sum(arm.weight for arm in arms), served.weights)
    others: list[tuple[int, Weights]] = [(arm.weight, ((arm.name, WHOLE),)) for arm in arms]
    return compose([own, *others]).weights


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
