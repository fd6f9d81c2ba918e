"""Who gets how much of the traffic, as it was read back and never as it is meant. Pure."""

from lockgate.api.status import Role, TrafficShare
from lockgate.domain.findings import Findings


def traffic(found: Findings) -> tuple[TrafficShare, ...]:
    """The split by track.

    Empty while pods of two releases answer side by side and no route tells them apart.
    """
    if found.plan is None:
        return found.previous.traffic
    stable = found.state.stable
    if found.state.candidate is not None or stable is None:
        return ()
    return (TrafficShare(track=Role.STABLE, version=stable.version, weight=100),)
