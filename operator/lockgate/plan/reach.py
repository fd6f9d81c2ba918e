"""The lock gate: which part of the ideal stage is safe now, whatever strategy or backend it is for.

Pods are added at once, unless they would answer whom they are not for. A weight, a mirror or the front
moves only to where available pods can carry it. Pods go only when the route, as it is written and as the
gateway serves it, and the front ask no more of them, and others answer in their place. So what serves
never carries more than it can, and no request is sent where nobody is. Pure.
"""

from dataclasses import dataclass, replace

from lockgate.api.shares import Role
from lockgate.domain.observed import Observed, WorkloadFacts
from lockgate.domain.plan import Stage, Track
from lockgate.domain.split import TrafficSplit
from lockgate.plan.carried import Carriers, pods_for


def within_reach(ideal: Stage, observed: Observed, size: int) -> Stage:
    """The stage to bring about now, of `size` pods for all the traffic; the ideal one in the end."""
    lock = _Lock(ideal, observed, size, Carriers(ideal, observed, size))
    if lock.is_alone:
        return ideal
    front = lock.front()
    split = lock.split(front)
    named = {track.workload for track in ideal.tracks}
    grown = filter(None, map(lock.grown, ideal.tracks))
    tracks = [lock.held(track, split, front) for track in grown]
    for workload in observed.workloads:
        if workload.name not in named and workload.revision is not None:
            gone = Track(role=Role.STABLE, release=workload.revision, workload=workload.name, replicas=0)
            kept = lock.held(gone, split, front)
            if kept.replicas or (split is not None and workload.name in split.names):
                tracks.append(kept)
    return replace(ideal, tracks=tuple(tracks), split=split, front=front)


@dataclass(frozen=True, slots=True)
class _Lock:
    ideal: Stage
    observed: Observed
    size: int
    carriers: Carriers

    @property
    def is_alone(self) -> bool:
        """Whether there is but one workload, with no route to it and no other front: nobody can give way."""
        names = {track.workload for track in self.ideal.tracks} | {w.name for w in self.observed.workloads}
        fronts = {self.ideal.front, self.observed.front} - {None}
        return self.ideal.split is None and self.observed.route is None and len(names | fronts) <= 1

    def split(self, front: str | None) -> TrafficSplit | None:
        """As much of the ideal split as can be carried."""
        wanted, written = self.ideal.split, self.observed.route.written if self.observed.route else None
        if wanted is not None:
            return self.carriers.carried(wanted, written)
        if written is None:
            return None
        # A route goes once those who came by it find as many at the front.
        by_route = sum(self._available(name) for name, weight in written.weights if weight)
        return None if self._answering(front) >= min(self.size, by_route) else written

    def front(self) -> str | None:
        """The ideal front once as many answer there as do now, or as many as are asked for."""
        wanted, present = self.ideal.front, self.observed.front
        if wanted is None and present is not None and not all(map(self._may_answer, self.observed.workloads)):
            # By way of stable alone.
            wanted = next((t.workload for t in self.ideal.tracks if t.role is Role.STABLE), present)
        if wanted is None or wanted == present:
            return wanted
        # Stable will do with one pod where there is a route; a candidate comes with the whole of its traffic.
        is_stable = any(t.role is Role.STABLE for t in self.ideal.tracks if t.workload == wanted)
        asked = self._asked_at_front(self.ideal.split) if is_stable else self.size
        enough = min(asked, self._answering(present))
        return wanted if self.carriers.able(wanted) >= enough else present

    def _may_answer(self, workload: WorkloadFacts) -> bool:
        """Whether nobody minds that pods of a workload answer where all do."""
        track = next((each for each in self.ideal.tracks if each.workload == workload.name), None)
        if track is None:
            return workload.available == 0
        if track.role is not Role.CANDIDATE or track.replicas is None:
            return True
        return min(self.carriers.able(track.workload), track.replicas) >= workload.available

    def grown(self, track: Track) -> Track | None:
        """The track, with no more pods of a candidate than may answer at the front if all do there.

        They may not where only one's are to, or where those of two others do.
        """
        workload = self.observed.named(track.workload)
        if track.role is not Role.CANDIDATE or track.replicas is None or self._may_grow(track):
            return track
        if workload is None:
            return None
        return replace(track, replicas=min(track.replicas, workload.replicas))

    def _may_grow(self, track: Track) -> bool:
        if self.observed.front is not None:
            return True
        if self.ideal.front not in (None, track.workload):
            return self._answering(None) == 0
        named = {each.workload for each in self.ideal.tracks}
        answering = {each.name for each in self.observed.workloads if each.available}
        return answering <= named or not answering & (named - {track.workload})

    def held(self, track: Track, split: TrafficSplit | None, front: str | None) -> Track:
        """The track with no fewer pods than somebody may still need of it."""
        workload = self.observed.named(track.workload)
        if track.replicas is None or workload is None:
            return track
        asked = max(self._by_route(workload.name, split), self._by_front(workload, split, front))
        needed = min(workload.replicas, asked)
        return replace(track, replicas=needed) if needed > track.replicas else track

    def _by_route(self, name: str, split: TrafficSplit | None) -> int:
        """How many pods the route may need, as it will be, as it is written and as it is served."""
        route = self.observed.route
        splits = (split, *((route.written, route.served, *route.possible) if route else ()))
        weights = (dict(each.weights).get(name, 0) for each in splits if each is not None)
        special = any(each is not None and each.special == name for each in splits)
        return max(pods_for(self.size, max(weights, default=0)), min(1, self.size) if special else 0)

    def _by_front(self, workload: WorkloadFacts, split: TrafficSplit | None, front: str | None) -> int:
        """How many pods need be there for those who come by the ModelDeployment's own address."""
        size = self._asked_at_front(split)
        return max(self._at_front(workload, each, size) for each in (front, self.observed.front))

    def _asked_at_front(self, split: TrafficSplit | None) -> int:
        """How many pods are asked for at the front: with a route, by which most come, one will do."""
        by_route = self.observed.route is not None and split is not None
        return min(1, self.size) if by_route else self.size

    def _at_front(self, workload: WorkloadFacts, front: str | None, size: int) -> int:
        """How many pods of a workload answer for so many in all, when the front is this one."""
        if front is not None:
            return size if workload.available and workload.name == front else 0
        others = sum(
            self._available(track.workload, track.replicas)
            for track in self.ideal.tracks
            if track.workload != workload.name
        )
        # Also those that are not available yet, as they are meant to be; not those of whom none ever was.
        return max(0, size - others) if workload.available else 0

    def _answering(self, front: str | None) -> int:
        """How many pods answer at the front when it is this one."""
        if front is not None:
            return self._available(front)
        return sum(self._available(workload.name) for workload in self.observed.workloads)

    def _available(self, name: str, most: int | None = None) -> int:
        """How many pods of a workload are available, and will be when it is to have so many at most."""
        workload = self.observed.named(name)
        if workload is None:
            return 0
        # What is told of it may be from before it was asked for fewer.
        there = min(workload.available, workload.replicas)
        return there if most is None else min(there, most)
