"""Who can carry how much of the traffic, and what of a split can be carried now. Pure.

A weight rises only onto enough available pods, that of a candidate only onto such as proved their files.
Stable takes back what it can at once, pod by pod: whoever is given up keeps no more than nobody else can
carry. And nobody who is dead keeps anything, while somebody lives.
"""

from dataclasses import dataclass, replace

from lockgate.api.shares import Role
from lockgate.domain.observed import Observed
from lockgate.domain.plan import Stage, Track
from lockgate.domain.split import WHOLE, TrafficSplit


def pods_for(size: int, weight: int) -> int:
    """How many of `size` pods carry so many percent of the traffic."""
    return -(-size * weight // WHOLE)


@dataclass(frozen=True, slots=True)
class Carriers:
    """The tracks of a stage, of `size` pods for all the traffic."""

    stage: Stage
    observed: Observed
    size: int

    def able(self, name: str) -> int:
        """How many pods of a workload can answer for the release that it is to run."""
        workload, track = self.observed.named(name), self._track(name)
        if workload is None or track is None or not track.release.is_same(workload.revision):
            return 0
        if track.replicas == 0 and self.size:
            return 0
        # What is told of it may be from before it was asked for fewer.
        there = min(workload.available, workload.replicas)
        if track.role is not Role.CANDIDATE:
            return there
        if len(self.observed.proved(track.release)) > 1:
            return 0
        proved = sum(pod.ready and pod.proof is not None for pod in self.observed.pods_of(track.release))
        return min(there, proved)

    def carried(self, wanted: TrafficSplit, written: TrafficSplit | None) -> TrafficSplit | None:
        """As much of the wanted split as can be carried, beside what is written; None before there is any."""
        before = dict(written.weights) if written else {}
        if written is None and not all(self._carries(name, weight) for name, weight in wanted.weights):
            # Nothing is routed before there is something to route to.
            return None
        weights = self._weights(wanted, before, rises=True)
        if any(weight and self._track(name) is None for name, weight in weights.items()):
            # Nobody new begins to answer before the last but one has left.
            weights = self._weights(wanted, before, rises=False)
        special = wanted.special
        if special is not None and not self._takes(special, wanted.mirror):
            special = None
        reached = replace(
            wanted,
            weights=tuple(weights.items()),
            special=special,
            match=wanted.match if special else (),
            mirror=wanted.mirror if special else 0,
        )
        is_known = reached != wanted and written is not None and _is_same(reached, written)
        return self._without_gone(written) if is_known and written else reached

    def _without_gone(self, split: TrafficSplit) -> TrafficSplit:
        """The split without those who get nothing by it and are to go: they go once no route names them."""
        left = tuple((name, weight) for name, weight in split.weights if weight or self._track(name))
        return split if left == split.weights else replace(split, weights=left)

    def _weights(self, wanted: TrafficSplit, before: dict[str, int], *, rises: bool) -> dict[str, int]:
        """What everybody gets; whether a candidate may get more than it has is said by `rises`."""
        weights = {name: self._granted(name, weight, before, rises=rises) for name, weight in wanted.weights}
        self._share_out(weights, before)
        self._bury(weights)
        return weights

    def _granted(self, name: str, weight: int, before: dict[str, int], *, rises: bool) -> int:
        """The weight, or as much of it as can be had now."""
        present, track = before.get(name, 0), self._track(name)
        is_candidate = track is None or track.role is Role.CANDIDATE
        if weight <= present or (self._carries(name, weight) and (rises or not is_candidate)):
            return weight
        return present if is_candidate else max(present, min(weight, self._share(name)))

    def _share_out(self, weights: dict[str, int], before: dict[str, int]) -> None:
        """What nobody got is stable's, if that can carry it, and else stays with those who have it."""
        left = WHOLE - sum(weights.values())
        for track in self.stage.tracks:
            if track.role is Role.STABLE and track.workload in weights:
                more = max(0, min(left, self._share(track.workload) - weights[track.workload]))
                weights[track.workload], left = weights[track.workload] + more, left - more
        for name, had in before.items():
            kept = max(0, min(left, had - weights.get(name, 0)))
            if kept:
                weights[name], left = weights.get(name, 0) + kept, left - kept

    def _bury(self, weights: dict[str, int]) -> None:
        """Stable gets what is left to others of whom no pod answers, however few answer for itself."""
        stable = [track.workload for track in self.stage.tracks if track.role is Role.STABLE]
        heir = next(filter(self.able, stable), None)
        if heir is None or not self.size:
            return
        for name in [name for name, weight in weights.items() if weight and name not in stable]:
            there = self.observed.named(name)
            if there is None or not there.available:
                weights[heir], weights[name] = weights.get(heir, 0) + weights[name], 0

    def _carries(self, name: str, weight: int) -> bool:
        is_there = weight == 0 or self.observed.named(name) is not None
        return is_there and self.able(name) >= pods_for(self.size, weight)

    def _takes(self, name: str, mirror: int) -> bool:
        """Whether who gets some requests beside its weight has the pods that it is to have for them."""
        track, pods = self._track(name), pods_for(self.size, max(1, mirror))
        most = pods if track is None or track.replicas is None else min(pods, track.replicas)
        return self.observed.named(name) is not None and self.able(name) >= most

    def _share(self, name: str) -> int:
        """The largest weight that a workload can carry."""
        return min(WHOLE, WHOLE * self.able(name) // self.size) if self.size else WHOLE

    def _track(self, name: str) -> Track | None:
        return next((track for track in self.stage.tracks if track.workload == name), None)


def _is_same(split: TrafficSplit, other: TrafficSplit) -> bool:
    """Whether both send every request the same way."""
    shares = ({name: weight for name, weight in each.weights if weight} for each in (split, other))
    return next(shares) == next(shares) and (split.special, split.match, split.mirror) == (
        other.special,
        other.match,
        other.mirror,
    )
