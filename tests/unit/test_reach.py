"""The lock gate under very many writes: strategies of every kind, pods that die, late routes, kills.

A little world plays a backend with one workload for each release and a route between them. What is
written is what `within_reach` says, in the fixed order grow, route, shrink, and a kill may come between
any two writes. After every single write the invariants are checked. Histories of the whole planner are in
test_simulated_traffic.py. `LOCKGATE_REACH_WRITES` says how many writes it are.
"""

import os
import random
from dataclasses import dataclass, field, replace
from functools import cache

from tests.fakes.builders import revision
from tests.fakes.facts import pod

from lockgate.api.shares import Role
from lockgate.api.status import Revision
from lockgate.domain.observed import Observed, PodFacts, RouteFacts, WorkloadFacts
from lockgate.domain.plan import Stage, Track
from lockgate.domain.split import TrafficSplit, Weights
from lockgate.plan.carried import pods_for
from lockgate.plan.reach import within_reach

WRITES = int(os.environ.get("LOCKGATE_REACH_WRITES", str(10**4)))
SEED = 7
STEPS = ((0, 10, 50, 100), (1, 5, 25), (100,), (0, 0, 100), (50, 20, 80))
RELEASES = [replace(revision(number), release=f"{number:08x}") for number in range(1, 40)]
WORKLOADS = [f"churn-{each.release}" for each in RELEASES]


# Nothing that a pass is told can be changed, and it is told the same of few pods and shares many times.
@cache
def proved(release: Revision, name: str, number: int) -> tuple[PodFacts, ...]:
    return tuple(pod(release, f"{name}-{each}") for each in range(number))


@cache
def fact(name: str, release: Revision, asked: int, available: int) -> WorkloadFacts:
    return WorkloadFacts(
        name=name,
        revision=release,
        replicas=asked,
        updated=asked,
        total=asked,
        available=available,
        generation_observed=True,
    )


@cache
def split(weights: Weights) -> TrafficSplit:
    return TrafficSplit(weights=weights)


@cache
def track(role: Role, release: Revision, workload: str, replicas: int) -> Track:
    return Track(role=role, release=release, workload=workload, replicas=replicas)


@dataclass
class Workload:
    """Pods of one release: asked for, and available."""

    release: Revision
    asked: int
    available: int = 0


@dataclass
class World:
    """What a cluster holds of one ModelDeployment with a route."""

    size: int
    workloads: dict[str, Workload] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)
    writes: int = 0

    def observed(self) -> Observed:
        facts = tuple(
            fact(name, one.release, one.asked, one.available) for name, one in self.workloads.items()
        )
        written, served = (
            split(tuple(weights.items())) if weights else None for weights in (self.written, self.served)
        )
        route = RouteFacts(written=written, served=served) if written else None
        pods = tuple(
            found
            for name, one in self.workloads.items()
            for found in proved(one.release, name, one.available)
        )
        return Observed(workload=None, others=facts, pods=pods, route=route)

    def state(self) -> object:
        """Equal as long as nothing changes."""
        workloads = [(name, one.asked, one.available) for name, one in self.workloads.items()]
        return self.size, workloads, dict(self.written), dict(self.served)

    def operations(self, stage: Stage) -> list[tuple[str, object]]:
        """Grow, route, shrink."""
        named = {track.workload: track for track in stage.tracks}
        present = {name: one.asked for name, one in self.workloads.items()}
        grown = [track for name, track in named.items() if (track.replicas or 0) > present.get(name, 0)]
        missing = [track for name, track in named.items() if name not in present and track not in grown]
        route = dict(stage.split.weights) if stage.split else {}
        shrunk = [track for name, track in named.items() if (track.replicas or 0) < present.get(name, 0)]
        gone = [name for name in present if name not in named]
        return (
            [("size", track) for track in (*grown, *missing)]
            + ([("route", route)] if route and route != self.written else [])
            + [("size", track) for track in shrunk]
            + [("prune", name) for name in gone]
        )

    def write(self, kind: str, what: object) -> None:
        self.writes += 1
        if kind == "route":
            assert isinstance(what, dict)
            self.check_route(what)
            self.written = dict(what)
        elif kind == "prune":
            assert isinstance(what, str)
            self.check_fewer(what, 0)
            assert what not in self.written, f"{what} goes and the route names it"
            del self.workloads[what]
        else:
            assert isinstance(what, Track)
            one = self.workloads.setdefault(what.workload, Workload(what.release, 0))
            assert one.release.is_same(what.release)
            asked = what.replicas or 0
            if asked < one.asked:
                self.check_fewer(what.workload, asked)
            one.asked, one.available = asked, min(one.available, asked)

    def check_route(self, weights: dict[str, int]) -> None:
        assert sum(weights.values()) == 100
        assert all(0 <= weight <= 100 for weight in weights.values())
        fallen = [name for name, weight in self.written.items() if weight > weights.get(name, 0)]
        if any(name not in self.workloads or not self.workloads[name].available for name in fallen):
            return  # whoever lives takes over from the dead
        for name, weight in weights.items():
            if weight > self.written.get(name, 0):
                here = self.workloads.get(name)
                assert here is not None, f"traffic for {name}, which is not there"
                assert here.available >= pods_for(self.size, weight), "a weight before its pods"

    def check_fewer(self, name: str, left: int) -> None:
        asked = max(self.written.get(name, 0), self.served.get(name, 0))
        assert left >= pods_for(self.size, asked), f"{name} is asked for {asked} % and shrinks to {left}"

    def live(self, rng: random.Random) -> None:
        """Pods come up or die, the gateway catches up, each by chance."""
        fate = rng.random()
        if fate < 0.7:
            for one in self.workloads.values():
                one.available = min(one.asked, one.available + rng.randint(0, 4))
        elif fate < 0.75 and self.workloads:
            one = rng.choice(list(self.workloads.values()))
            one.available = max(0, one.available - 1)
        if fate > 0.4:
            self.served = dict(self.written)


@dataclass
class Rollout:
    """Where the rollout stands."""

    stable: int = 0
    candidate: int | None = None
    step: int = 0
    steps: tuple[int, ...] = (100,)

    def state(self) -> object:
        """Equal as long as it stands where it stood."""
        return self.stable, self.candidate, self.step, self.steps

    def workload(self, number: int) -> str:
        return WORKLOADS[number]

    def weights(self) -> Weights:
        stable = self.workload(self.stable)
        if self.candidate is None:
            return ((stable, 100),)
        weight = self.steps[self.step]
        return ((stable, 100 - weight), (self.workload(self.candidate), weight))

    def tracks(self, size: int, weights: dict[str, int]) -> list[Track]:
        """Stable with all pods, and what rises with as many as its weight asks for."""
        stable = self.workload(self.stable)
        tracks = [track(Role.STABLE, RELEASES[self.stable], stable, size)]
        if self.candidate is not None:
            rising = self.workload(self.candidate)
            pods = max(1, pods_for(size, weights[rising]))
            tracks.append(track(Role.CANDIDATE, RELEASES[self.candidate], rising, pods))
        return tracks

    def advance(self) -> None:
        if self.candidate is None:
            return
        if self.step + 1 < len(self.steps):
            self.step += 1
        elif self.steps[self.step] == 100:
            self.stable, self.candidate, self.step = self.candidate, None, 0
        else:
            self.steps, self.step = (*self.steps, 100), self.step + 1


@dataclass
class Life:
    """The life cycle, by any strategy with a workload of its own for each release."""

    rng: random.Random
    world: World
    now: Rollout = field(default_factory=Rollout)
    settled: object = None
    """What was there when a pass found nothing to do: so will the next, until something is otherwise."""

    def ideal(self) -> Stage:
        """All that should be there."""
        weights = self.now.weights()
        tracks = self.now.tracks(self.world.size, dict(weights))
        return Stage(tracks=tuple(tracks), split=split(weights))

    def happen(self) -> None:
        """What people and registries do."""
        fate, now = self.rng.random(), self.now
        if fate < 0.10:
            others = [n for n in range(len(RELEASES)) if n != now.stable]
            now.candidate, now.step = self.rng.choice(others), 0
            now.steps = self.rng.choice(STEPS)
        elif fate < 0.14:
            now.candidate, now.step = None, 0
        elif fate < 0.16:
            self.world.size = self.rng.choice((1, 2, 3, 5, 8))

    def advance(self) -> None:
        """One step further, once all is as it should be."""
        world, weights = self.world, dict(self.now.weights())
        if not weights == world.written == world.served:
            return
        pods = {name: one.available for name, one in world.workloads.items()}
        if all(pods.get(name, 0) >= pods_for(world.size, weight) for name, weight in weights.items()):
            self.now.advance()

    def a_pass(self, *, may_be_killed: bool) -> int:
        present = (self.now.state(), self.world.state())
        if present == self.settled:
            return 0
        stage = within_reach(self.ideal(), self.world.observed(), self.world.size)
        operations = self.world.operations(stage)
        self.settled = None if operations else present
        killed = may_be_killed and self.rng.random() < 0.2
        for kind, what in operations[: self.rng.randint(0, len(operations)) if killed else None]:
            self.world.write(kind, what)
        return len(operations)


def live(seed: int) -> int:
    """One life: chaos, and then rest."""
    rng = random.Random(seed)
    world = World(size=rng.choice((1, 2, 4, 7)))
    rollouts = Life(rng, world)
    for _ in range(600):
        rollouts.happen()
        world.live(rng)
        rollouts.a_pass(may_be_killed=True)
        rollouts.advance()
    for _ in range(200):
        for one in world.workloads.values():
            one.available = one.asked
        world.served = dict(world.written)
        if not rollouts.a_pass(may_be_killed=False):
            before = rollouts.now.state()
            rollouts.advance()
            if before == rollouts.now.state():
                break
    else:
        raise AssertionError("it never comes to rest")
    assert rollouts.now.candidate is None
    assert world.written == {rollouts.now.workload(rollouts.now.stable): 100}
    assert set(world.workloads) == set(world.written), "what is named nowhere is gone"
    return world.writes


def test_no_write_takes_capacity_from_anybody_or_sends_traffic_nowhere():
    writes = lives = 0
    while writes < WRITES:
        try:
            writes += live(SEED * 10**6 + lives)
        except AssertionError as error:
            raise AssertionError(f"life {SEED * 10**6 + lives}: {error}") from error
        lives += 1
    assert lives > 10
