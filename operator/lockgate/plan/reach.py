"""The lock gate: which part of the ideal stage is safe now, whatever strategy or backend it is for.

Pods are added at once. A weight, a mirror or the front moves only to where available pods can carry
it. Pods go only when the route, as it is written and as the gateway serves it, and the front ask no
more of them, and others answer in their place. So what serves never carries more than it can, and no
request is sent where nobody is. Pure.
"""

from dataclasses import dataclass, replace

from lockgate.api.status import Role
from lockgate.domain.observed import Observed, WorkloadFacts
from lockgate.domain.plan import Stage, Track
from lockgate.domain.split import TrafficSplit


def within_reach(ideal: Stage, observed: Observed, size: int) -> Stage:
    """The stage to bring about now, of `size` pods for all the traffic; the ideal one in the end."""
    lock = _Lock(ideal, observed, size)
    if lock.is_alone:
        return ideal
    split, front = lock.split(), lock.front()
    named = {track.workload for track in ideal.tracks}
    tracks = [lock.held(track, split, front) for track in ideal.tracks]
    for workload in observed.workloads:
        if workload.name not in named and workload.revision is not None:
            gone = Track(role=Role.STABLE, release=workload.revision, workload=workload.name, replicas=0)
            if (kept := lock.held(gone, split, front)).replicas:
                tracks.append(kept)
    return replace(ideal, tracks=tuple(tracks), split=split, front=front)


def pods_for(size: int, weight: int) -> int:
    """How many of `size` pods carry so many percent of the traffic."""
    return -(-size * weight // 100)


@dataclass(frozen=True, slots=True)
class _Lock:
    ideal: Stage
    observed: Observed
    size: int

    @property
    def is_alone(self) -> bool:
        """Whether there is but one workload, with no route to it and no other front: nobody can give way."""
        names = {track.workload for track in self.ideal.tracks} | {w.name for w in self.observed.workloads}
        fronts = {self.ideal.front, self.observed.front} - {None}
        return self.ideal.split is None and self.observed.route is None and len(names | fronts) <= 1

    def split(self) -> TrafficSplit | None:
        """The ideal split if all that rises in it can be carried, else what is written."""
        wanted, written = self.ideal.split, self.observed.route.written if self.observed.route else None
        if wanted is None:
            # A route that is to go names its workloads as long as it is there.
            return None
        before = dict(written.weights) if written else {}
        rising = [(name, weight) for name, weight in wanted.weights if weight > before.get(name, 0)]
        if not all(self._carries(name, weight) for name, weight in rising):
            # Nothing is routed before there is something to route to.
            return written
        if wanted.special is not None and not self._carries(wanted.special, max(1, wanted.mirror)):
            return replace(wanted, special=None, match=(), mirror=0)
        return wanted

    def front(self) -> str | None:
        """The ideal front once its pods can answer, or as long as there are no others who could."""
        wanted, present = self.ideal.front, self.observed.front
        if wanted is None or wanted == present:
            return wanted
        others = any(each.available for each in self.observed.workloads if each.name != wanted)
        return wanted if self._carries(wanted, 100) or not others else present

    def held(self, track: Track, split: TrafficSplit | None, front: str | None) -> Track:
        """The track with no fewer pods than somebody may still need of it."""
        workload = self.observed.named(track.workload)
        if track.replicas is None or workload is None:
            return track
        asked = max(self._by_route(workload.name, split), self._by_front(workload, front))
        kept = min(workload.replicas, asked)
        return track if kept <= track.replicas else replace(track, replicas=kept)

    def _by_route(self, name: str, split: TrafficSplit | None) -> int:
        """How many pods the route may need, as it will be, as it is written and as it is served."""
        route = self.observed.route
        splits = (split, *((route.written, route.served, *route.possible) if route else ()))
        named = [each for each in splits if each is not None]
        weight = max((weight for each in named for other, weight in each.weights if other == name), default=0)
        special = any(each.special == name for each in named)
        return max(pods_for(self.size, weight), min(1, self.size) if special else 0)

    def _by_front(self, workload: WorkloadFacts, front: str | None) -> int:
        """How many pods need be there for those who come by the ModelDeployment's own address."""
        if self.ideal.split is not None or self.observed.route is not None:
            # Most come by the route; but nobody who comes by the front is to find nobody.
            is_front = workload.name in (front, self.observed.front)
            return min(1, self.size) if is_front and workload.available else 0
        if front is not None or self.observed.front is not None:
            return self.size if workload.available and workload.name in (front, self.observed.front) else 0
        others = sum(
            min(each.available, track.replicas or each.available)
            for track in self.ideal.tracks
            if track.workload != workload.name and (each := self.observed.named(track.workload))
        )
        return max(0, min(self.size - others, workload.available))

    def _carries(self, name: str, weight: int) -> bool:
        workload = self.observed.named(name)
        release = next((track.release for track in self.ideal.tracks if track.workload == name), None)
        if workload is None or release is None or not release.is_same(workload.revision):
            return False
        return workload.available >= pods_for(self.size, weight)
