"""The lock gate: which part of the ideal stage is safe now, whatever strategy or backend it is for.

Pods are added at once. A weight rises only where available pods can carry it. Pods go only when the
route, as it is written and as the gateway serves it, asks no more of them. So what serves never
carries more than it can, and no request is sent where nobody is. Pure.
"""

from dataclasses import replace

from lockgate.api.status import Role
from lockgate.domain.observed import Observed, WorkloadFacts
from lockgate.domain.plan import Stage, Track, TrafficSplit, Weights


def within_reach(ideal: Stage, observed: Observed, size: int) -> Stage:
    """The stage to bring about now, of `size` pods for all the traffic; the ideal one in the end."""
    if ideal.split is None and observed.route is None:
        return ideal
    written: dict[str, int] = dict(observed.route.written) if observed.route else {}
    present = {workload.name: workload for workload in observed.workloads}
    weights = _weights(ideal, present, written, size)
    served = dict(observed.route.served or ()) if observed.route else {}

    def asked_of(name: str) -> int:
        """How many pods the route may still need of a workload."""
        most = max(dict(weights).get(name, 0), written.get(name, 0), served.get(name, 0))
        return pods_for(size, most)

    named = {track.workload for track in ideal.tracks}
    tracks = [_held(track, present.get(track.workload), asked_of(track.workload)) for track in ideal.tracks]
    for name, workload in present.items():
        if name not in named and workload.revision is not None and (kept := asked_of(name)):
            kept = min(kept, workload.replicas)
            tracks.append(Track(role=Role.STABLE, release=workload.revision, workload=name, replicas=kept))
    return Stage(tracks=tuple(tracks), split=TrafficSplit(weights=weights) if weights else None)


def pods_for(size: int, weight: int) -> int:
    """How many of `size` pods carry so many percent of the traffic."""
    return -(-size * weight // 100)


def _weights(ideal: Stage, present: dict[str, WorkloadFacts], written: dict[str, int], size: int) -> Weights:
    """The ideal weights if every one that rises can be carried, else what is written."""
    wanted = ideal.split.weights if ideal.split else ()
    releases = {track.workload: track.release for track in ideal.tracks}

    def carries(name: str, weight: int) -> bool:
        workload, release = present.get(name), releases.get(name)
        is_it = workload is not None and release is not None and release.is_same(workload.revision)
        return is_it and workload is not None and workload.available >= pods_for(size, weight)

    rising = [(name, weight) for name, weight in wanted if weight > written.get(name, 0)]
    if all(carries(name, weight) for name, weight in rising):
        return wanted
    # Nothing is routed before there is something to route to.
    return tuple(written.items())


def _held(track: Track, workload: WorkloadFacts | None, asked: int) -> Track:
    if track.replicas is None or workload is None:
        return track
    return replace(track, replicas=max(track.replicas, min(workload.replicas, asked)))
