"""Who gets how much of the traffic, as it was read back and never as it is meant. Pure."""

from lockgate.api.status import Revision, Role, TrafficShare
from lockgate.domain.findings import Findings
from lockgate.domain.observed import Observed


def traffic(found: Findings) -> tuple[TrafficShare, ...]:
    """The split by track.

    Empty while pods of two releases answer side by side and no route tells them apart.
    """
    if found.plan is None:
        return found.previous.traffic
    stable = found.state.stable
    if found.state.candidate is not None or stable is None or not _answers_alone(stable, found.observed):
        return ()
    return (TrafficShare(track=Role.STABLE, version=stable.version, weight=100),)


def _answers_alone(stable: Revision, observed: Observed | None) -> bool:
    """Whether no pod of another release answers: what was given up does so for a while."""
    answering = (pod for pod in observed.pods if pod.ready and not pod.deleting) if observed else ()
    return all(stable.is_same(pod.revision) for pod in answering)
