"""A little world that holds every single write to what is promised of capacity and traffic.

What a write may do is judged by what was seen or by what is, whichever speaks for it: nobody can know of
a pod that died a moment ago. What is not promised is said where it is let off.
"""

import random
from dataclasses import dataclass

from tests.fakes.rollouts import NAME, LittleWorld
from tests.fakes.sums import pods_that_carry
from tests.fakes.ways import Mood

from lockgate.api.status import Revision
from lockgate.api.strategy import BlueGreen, Canary, Shadow
from lockgate.domain.observed import RouteFacts
from lockgate.domain.plan import Course, Plan
from lockgate.domain.split import TrafficSplit


@dataclass(frozen=True, slots=True)
class Ways:
    """By which ways requests come, and how many pods are ready for them."""

    ready: dict[str, int]
    releases: dict[str, Revision]
    front: str | None
    has_front: bool
    route: TrafficSplit | None

    @property
    def at_front(self) -> int:
        """How many pods answer at the front."""
        if not self.has_front:
            return 0
        return sum(self.ready.values()) if self.front is None else self.ready.get(self.front, 0)


class PromisedWorld(LittleWorld):
    """Every write is checked; an AssertionError tells of what was broken."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.has_lied = self.is_disturbed = False
        self._before = self.ways()

    def ways(self) -> Ways:
        """As they are in truth; of pods that are to go, only those that stay count."""
        workloads = self.cluster.workloads
        return Ways(
            ready={name: min(self.cluster.ready(name), one.asked) for name, one in workloads.items()},
            releases={name: one.release for name, one in workloads.items()},
            front=self.front.workload if self.front else None,
            has_front=self.front is not None,
            route=self.route.written if self.route else None,
        )

    def splits(self) -> list[TrafficSplit]:
        """Every split by which requests may come now."""
        written = [self.route.written] if self.route else []
        self.has_lied &= self.gateway.serving != (self.route and self.route.written)
        self.has_lied |= self.gateway.mood is Mood.LYING
        # Who says that it serves what it does not is beyond help.
        serving = [self.gateway.serving] if self.gateway.serving and not self.has_lied else []
        return written + serving

    def about_to_write(self, plan: Plan, kind: str, name: str) -> None:
        self._before = self.ways()

    def has_written(self, plan: Plan, kind: str, name: str) -> None:
        before, after = self._before, self.ways()
        if plan.decision.course is Course.STALLED and plan.state.stable is None:
            return  # a first version with wrong files serves nobody; who else serves goes on
        if kind == "pods":
            self.check_pods(before, after, name)
        elif kind == "front":
            self.check_front(plan, before, after)
        elif kind == "route":
            self.check_route(plan, before, after)
        self.check_shadows(plan, after)
        self.check_share(plan, after)

    def check_pods(self, before: Ways, after: Ways, name: str) -> None:
        """Whatever needs pods has them, unless it had too few before."""
        if name != NAME and name in before.releases and name in after.releases:
            assert before.releases[name].is_same(after.releases[name]), f"{name} is given another release"
        had, has = before.ready.get(name, 0), after.ready.get(name, 0)
        if name in before.releases and name not in after.releases:
            named = [set(each.written.names) for each in (self.route, self.view.route) if each]
            assert name not in set.intersection(*named or [set()]), f"{name} goes and the route names it"
        if has >= had:
            return
        truth, seen = _needed(name, self.splits(), self.replicas), self.needed_by_view(name)
        # What another hand wrote nobody may have seen; what is our own, and what became of it, is known.
        is_known = self.route == self.view.route and not self.is_disturbed
        needed = truth if is_known else min(truth, seen)
        assert has >= min(needed, had), f"{name} goes from {had} to {has} pods and {needed} are asked of it"
        if self.front != self.view.front:
            return  # by another hand, and not seen yet
        at_front = self.replicas if self.route is None else min(1, self.replicas)
        left = max(after.at_front, self.seen_at_front())
        assert left >= min(at_front, before.at_front), (
            f"{after.at_front} of {before.at_front} pods are left at the front"
        )

    def seen_at_front(self) -> int:
        """How many pods answered at the front when it was last looked at, of those that are to stay."""
        asked = {name: facts.replicas for name, facts in self.view.workloads.items()}
        seen = {each.name: each.available for each in self.observed.workloads}
        front = self.front.workload if self.front else None
        return sum(min(seen[n], asked.get(n, 0)) for n in seen if self.front and front in (None, n))

    def needed_by_view(self, name: str) -> int:
        """How many pods of a workload the routes that were seen ask for."""
        route: RouteFacts | None = self.observed.route
        if route is None:
            return 0
        splits = (route.written, *((route.served,) if route.served else ()), *route.possible)
        return _needed(name, splits, self.replicas)

    def check_front(self, plan: Plan, before: Ways, after: Ways) -> None:
        at_front = self.replicas if self.route is None else min(1, self.replicas)
        seen = {each.name: each.available for each in self.observed.workloads}
        was_seen = sum(seen.values()) if before.front is None else seen.get(before.front, 0)
        has = max(after.at_front, seen.get(after.front, 0))
        assert has >= min(at_front, before.at_front, was_seen), (
            f"the front goes from {before.front} with {before.at_front} pods to {after.front} with {has}"
        )

    def check_route(self, plan: Plan, before: Ways, after: Ways) -> None:
        if after.route is None:
            if self.front != self.view.front:
                return  # by another hand, and not seen yet
            carried = [name for name, weight in before.route.weights if weight] if before.route else []
            served = sum(before.ready.get(name, 0) for name in carried)
            assert after.at_front >= min(self.replicas, served), "the route goes before the front can answer"
            return
        old, new = dict(before.route.weights) if before.route else {}, dict(after.route.weights)
        assert sum(new.values()) == 100
        fallen = [name for name, weight in old.items() if weight > new.get(name, 0)]
        was_dead = any(not before.ready.get(name, 0) for name in fallen)
        for name, weight in new.items():
            if weight <= old.get(name, 0):
                continue
            seen = self.observed.named(name)
            release = after.releases.get(name) or (seen.revision if seen else None)
            assert release is not None, f"traffic for {name}, which is not there"
            self.check_may_rise(plan, release, name, weight)
            # In place there is one workload for both, whose route somebody may have taken away.
            is_beside = plan.stage is not None and len(plan.stage.tracks) > 1
            is_held = is_beside and plan.state.frozen is not None and plan.state.reached_at is None
            assert not (is_held and release.is_same(plan.state.candidate)), "more for who is held"
            pods = min(1 if was_dead else 99, pods_that_carry(self.replicas, weight))
            has = max(after.ready.get(name, 0), min(seen.available, seen.replicas) if seen else 0)
            assert has >= pods, f"{weight} % for {name}, of which there are {has} pods"
        if after.route.special and (before.route is None or before.route.special != after.route.special):
            release = after.releases.get(after.route.special)
            assert release is not None, "special requests for who is not there"
            assert release.is_same(plan.state.candidate), "special requests for who is no candidate"
            seen = self.observed.named(after.route.special)
            assert self.replicas == 0 or after.ready[after.route.special] or (seen and seen.available)

    def check_may_rise(self, plan: Plan, release: Revision, name: str, weight: int) -> None:
        """Only stable and the candidate get more, the latter no more than its step, and proved."""
        if release.is_same(plan.state.stable) or not self.replicas:
            return
        candidate = plan.state.candidate
        assert release.is_same(candidate), f"traffic rises for {name}, which is nobody's"
        if plan.state.stable is None:
            return
        allowed = max(self.weights_at(plan))
        assert weight <= allowed, f"{weight} % for a candidate whose step gives it {allowed}"
        ready = [pod for pod in self.observed.pods_of(release) if pod.ready]
        trees = {pod.proof.tree_digest for pod in ready if pod.proof}
        assert len(trees) <= 1, "traffic for different files"
        assert all(pod.proof for pod in ready), "traffic for what is not proved"

    def weights_at(self, plan: Plan) -> list[int]:
        """What the author gives to a candidate in the present step and, once that is reached, in the next."""
        drawn = self.strategy.steps if isinstance(self.strategy, Canary) else ()
        weights = [step.weight for step in drawn]
        if isinstance(self.strategy, BlueGreen | Shadow):
            weights = [0]
        weights = [*weights, 100] if plan.state.stable is not None else [100]
        return weights[plan.state.step : plan.state.step + (2 if plan.state.reached_at else 1)]

    def check_shadows(self, plan: Plan, after: Ways) -> None:
        """Who is to get no ordinary request gets none by a write of ours."""
        if plan.stage is None or plan.state.stable is None or plan.state.candidate is None:
            return
        if any(self.weights_at(plan)):
            return
        homes = [name for name, release in after.releases.items() if release.is_same(plan.state.candidate)]
        before = self._before
        if not before.has_front:
            return  # who deletes it is not told from who never had one: then all answer at first
        for name in homes:
            if after.front == name or (after.front is None and after.has_front):
                was = before.has_front and before.front in (None, name)
                assert (was and before.ready.get(name)) or not after.ready[name], (
                    f"{name} answers at the front"
                )

    def check_share(self, plan: Plan, after: Ways) -> None:
        """Where the numbers of pods make the shares, the candidate has no more than its step gives it."""
        before, candidate = self._before, plan.state.candidate
        by_pods = isinstance(self.strategy, Canary) and self.traffic is None
        if not by_pods or candidate is None or plan.state.stable is None or plan.stage is None:
            return
        if not after.has_front or after.front is not None or not before.has_front:
            return
        most = pods_that_carry(self.replicas, max(self.weights_at(plan)))
        for name, release in after.releases.items():
            had = before.ready.get(name, 0) if before.front is None else 0
            has = min(after.ready[name], self.seen_of(name))
            assert not release.is_same(candidate) or has <= max(had, most), (
                f"{has} pods of a candidate answer, and its step gives it {most}"
            )

    def seen_of(self, name: str) -> int:
        """How many pods of a workload were available when it was last looked at."""
        seen = self.observed.named(name)
        return seen.available if seen else 0

    def answering(self) -> set[str]:
        """The workloads that answer requests now."""
        ways = self.ways()
        named = {name for name, weight in (ways.route.weights if ways.route else ()) if weight}
        if ways.has_front:
            named |= set(ways.ready) if ways.front is None else {ways.front}
        return {name for name in named if ways.ready.get(name)}

    def releases_answering(self) -> set[str | None]:
        """The releases that answer; of who replaces pods in place only the newest counts."""
        return {self.cluster.workloads[name].release.release for name in self.answering()}


def _needed(name: str, splits: list[TrafficSplit] | tuple[TrafficSplit, ...], size: int) -> int:
    weights = [dict(split.weights).get(name, 0) for split in splits]
    special = any(split.special == name for split in splits)
    return max(pods_that_carry(size, max(weights, default=0)), min(1, size) if special else 0)
