"""Thousands of random histories of rollouts by every strategy, with pods, routes, people and faults.

After every single write the promises of `tests/fakes/promises.py` are checked; at the end the faults end,
and what must have come about, has. `LOCKGATE_TRAFFIC_SEED` lives through other histories,
`LOCKGATE_TRAFFIC_WRITES` through more. A history that breaks a promise is told from its seed on.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.fakes.pods import BAD, DIFFERENT_FILES
from tests.fakes.promises import PromisedWorld
from tests.fakes.rollouts import GATEWAY, Killed
from tests.fakes.ways import Front, Mood, Route

from lockgate.api.analysis import Analysis, Metric, Query
from lockgate.api.requests import Verb, acknowledged
from lockgate.api.status import Outcome, Revision, RolloutState
from lockgate.api.strategy import BlueGreen, Canary, CanaryStep, Capacity, Pause, Rolling, Shadow, Strategy
from lockgate.domain.gate import YES, GateVerdict, Holds
from lockgate.domain.plan import Course, Plan
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason
from lockgate.plan.failures import failure_of
from lockgate.plan.reach import within_reach

SEED = int(os.environ.get("LOCKGATE_TRAFFIC_SEED", "7"))
WRITES = int(os.environ.get("LOCKGATE_TRAFFIC_WRITES", "6000"))
MEASURED = Analysis(metrics=(Metric(name="errors", query=Query.ERRORS, max=0.01),))
MINUTE = timedelta(minutes=1)
# Longer than any pause, and than what is kept warm.
STILL = 26
HOSTILE = (
    "approve",
    "approve 0000000g",
    "abort; scale down",
    "ａｂｏｒｔ",
    "promote #zz",
    "abort\nabort",
    "x" * 600,
    "retry because \u202eno",
    "promote 99999999 by root",
    " ",
)


class History(PromisedWorld):
    """A world whose every pass is held to the promises, and what happened in it."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.story: list[str] = []
        self.met: Counter[str] = Counter()
        self.meant: set[str] = set()
        self.failed: set[tuple[str | None, str, str]] = set()
        self.trees: dict[str, str] = {}
        self.has_lost = self.is_disturbed = self.has_retried = False
        self.verdict = GateVerdict(holds=Holds.NOT_YET, sentence="it is being measured")
        self.tokens = 0
        self.wake_at: datetime | None = None
        self.seen: object = None
        self.is_dirty = True
        self.plan_now: Plan | None = None

    def measured(self) -> GateVerdict | None:
        state = self.state
        if self.analysis is None or state.candidate is None or state.reached_at is None or self.suspend:
            return None
        return self.verdict

    def ask(self, text: str) -> None:
        """Somebody asks for something."""
        self.request, self.is_dirty = text, True

    def ask_for(self, verb: Verb, release: str | None = None) -> None:
        """The same, well written."""
        self.tokens += 1
        self.ask(" ".join(filter(None, (verb.value, release, "by ada", f"#{self.tokens:08x}"))))

    def signature(self) -> tuple[object, ...]:
        """What a pass would see."""
        view = self.view
        return (view.workloads, view.pods, view.front, view.preview, view.route, view.word)

    def is_woken(self) -> bool:
        """Whether the operator would look now by itself."""
        due = self.wake_at is not None and self.wake_at <= self.now
        return self.is_dirty or due or self.signature() != self.seen

    def a_pass(self, kill_after: int | None = None) -> bool:
        """Plan, write, tell, possibly killed after so many writes; whether anything was written."""
        before, target = self.state, self.target()
        if target:
            self.meant.add(target.revision.version)
        plan = self.plan_now = self.plan()
        self.tell_story(plan, kill_after)
        self.check_plan(before, plan)
        self.kill_after = kill_after
        try:
            wrote = self.apply(plan)
            if wrote is None:
                self.is_dirty = True
                return False
            told = self.tell(plan)
        except Killed:
            self.met["killed"] += 1
            self.restart()
            self.is_dirty = True
            return True
        finally:
            self.kill_after = None
        self.seen, self.is_dirty, self.wake_at = self.signature(), wrote, plan.wake
        self.check_told(before, plan)
        return wrote or told

    def tell_story(self, plan: Plan, kill_after: int | None) -> None:
        state, route = plan.state, self.observed.route
        asked = plan.stage and [(t.workload[-4:], t.release.version, t.replicas) for t in plan.stage.tracks]
        there = [
            (w.name[-4:], w.revision and w.revision.version, w.replicas, w.available)
            for w in self.observed.workloads
        ]
        self.story.append(
            f"{self.now:%H:%M} {type(self.strategy).__name__} {self.traffic and 'gw'} x{self.replicas} "
            f"wants {self.wanted.version}{'?' if self.is_silent else ''}"
            f"{' suspended' if self.suspend else ''}: {_name(state.stable)}<-{_name(state.candidate)}"
            f"[{state.step}{'r' if state.reached_at else ''}] {plan.decision.course} {plan.decision.reason}\n"
            f"    ideal {asked} {plan.stage and plan.stage.split and plan.stage.split.weights} "
            f"front {plan.stage and plan.stage.front and plan.stage.front[-4:]} "
            f"{plan.answer and (plan.answer.request[:30], plan.answer.outcome.value)}\n"
            f"    there {there} written {route and route.written.weights} "
            f"served {route and route.served and route.served.weights} "
            f"front {self.observed.front and self.observed.front[-4:]} unmoved {self.observed.unmoved} "
            f"kill {kill_after}"
        )

    def check_plan(self, before: RolloutState, plan: Plan) -> None:
        state = plan.state
        hands_off = plan.decision.reason is Reason.DIGEST_CHANGED and state == RolloutState()
        if before.stable is not None and not self.suspend and not hands_off:
            assert plan.stage is not None, "what serves is never left without a stage"
        if self.suspend and plan.stage is not None and state.candidate is None and before.candidate is None:
            self.met["goes back while suspended"] += 1
        for known in (state.stable, state.candidate):
            if known is not None and known.tree and known.version in self.trees and not self.has_lost:
                assert known.tree == self.trees[known.version], "another tree for one version"

    def check_told(self, before: RolloutState, plan: Plan) -> None:
        after = plan.state
        began = after.candidate is not None and not after.candidate.is_same(before.candidate)
        for entry in plan.finished:
            self.met[entry.outcome.value] += 1
            if entry.outcome is Outcome.ABORTED:
                self.check_aborted(before, plan, entry.revision)
        if began and after.candidate and not self.has_lost:
            known = (after.candidate.release, self.retry, "")
            assert known not in self.failed, "tried again unasked"
            assert after.candidate.version in self.meant
        if after.stable is not None and not after.stable.is_same(before.stable):
            self.check_new_stable(before, plan)
        promoted = any(entry.outcome is Outcome.PROMOTED for entry in plan.finished)
        assert not (began and promoted), "two steps in one pass"

    def check_aborted(self, before: RolloutState, plan: Plan, revision: Revision) -> None:
        self.failed.add((revision.release, self.retry, ""))
        reason = plan.state.failed[0].reason
        self.met[f"aborted: {reason.value}"] += 1
        if reason is Reason.PROGRESS_DEADLINE_EXCEEDED and before.candidate:
            pods = [pod for pod in self.observed.pods_of(before.candidate) if pod.ready]
            is_up = len(pods) >= self.replicas and all(pod.proof for pod in pods)
            assert before.reached_at is None or not is_up, "held, and given up as if it were late"
            assert self.observed.unmoved >= self.deployment().progress_deadline

    def check_new_stable(self, before: RolloutState, plan: Plan) -> None:
        stable, recovered = plan.state.stable, before == RolloutState()
        assert stable is not None
        if (recovered and not plan.finished) or stable.is_same(before.fallback):
            return
        assert stable.version in self.meant
        if stable.tree:
            self.trees.setdefault(stable.version, stable.tree)
        if plan.state.unproven:
            assert self.replicas == 0 or recovered
            return
        number = int(stable.version[1:])
        pods = [pod for pod in self.observed.pods_of(stable) if pod.ready]
        assert number not in BAD or (number == DIFFERENT_FILES and len(pods) == 1)
        assert len(self.observed.trees_of(stable)) == 1
        if not recovered:
            assert len(pods) >= self.replicas > 0

    def happens(self, seconds: float = 60) -> None:
        """Time passes; the operator looks when it is woken."""
        self.wait(seconds)
        self.check_two()
        if self.is_woken():
            self.a_pass()

    def check_two(self) -> None:
        if self.is_disturbed or self.has_lost:
            return
        assert len(self.answering()) <= 2, f"three answer: {self.answering()}"

    def end_faults(self) -> None:
        """The faults end, the hands rest."""
        self.cluster.is_kind, self.cluster.room, self.gateway.mood = True, 99, Mood.PROMPT
        self.is_dirty = True

    def live_on(self) -> None:
        """Until nothing was written for so long that nothing will be."""
        still = ticks = 0
        while still < STILL:
            ticks += 1
            assert ticks < 900, "it never comes to rest"
            before = (self.writes, self.signature())
            self.happens()
            still = still + 1 if (self.writes, self.signature()) == before else 0
        self.look()
        assert not self.a_pass(), "something was left to do, and nobody woke it"

    def comes_to_rest(self, *, grants: bool) -> None:
        """It ends where it should."""
        self.end_faults()
        self.is_silent = self.suspend = False
        if grants:
            self.verdict = YES
        for _ in range(30):
            self.live_on()
            state = self.state
            if not grants or state.candidate is None or not self.is_waiting_for_approval():
                break
            self.ask_for(Verb.APPROVE, state.candidate.release)
        self.check_rest(grants=grants)

    def is_waiting_for_approval(self) -> bool:
        assert self.plan_now is not None
        return self.plan_now.decision.reason is Reason.WAITING_FOR_APPROVAL

    def check_rest(self, *, grants: bool) -> None:
        state, plan = self.state, self.plan_now
        assert plan is not None
        self.met[f"rests: {plan.decision.course.value}"] += 1
        if plan.decision.reason is Reason.DIGEST_CHANGED and state == RolloutState():
            return
        if state.candidate is None or state.stable is not None:
            self.check_all_there(plan)
        if state.candidate is not None:
            assert self.release.is_same(state.candidate)
            if state.stable is None:
                assert int(self.wanted.version[1:]) in BAD, "a good first version is not served"
                assert plan.decision.course is Course.STALLED
                return
            assert plan.decision.waits, "it neither goes on nor waits"
            assert not grants or self.verdict.holds is not Holds.YES, "it waits for nothing"
            return
        if int(self.wanted.version[1:]) not in BAD:
            failed = failure_of(self.deployment(), state, self.release)
            assert failed or self.release.is_same(state.stable), "a good version that was asked for serves"
        elif self.replicas and not self.has_lost:
            could_not_show = self.wanted.version == f"v{DIFFERENT_FILES}"
            assert could_not_show or not self.wanted.is_same(state.stable), "a bad version is nobody's stable"

    def check_all_there(self, plan: Plan) -> None:
        """What is planned is there, and nothing else."""
        if plan.stage is None:
            return
        stage = plan.stage
        assert within_reach(stage, self.observed, self.replicas) == stage, "what is planned is out of reach"
        there = {name: (one.release.release, one.asked) for name, one in self.cluster.workloads.items()}
        asked = {track.workload: (track.release.release, track.replicas) for track in stage.tracks}
        assert there == asked, f"there is {there}, asked is {asked}"
        assert (self.route and self.route.written) == stage.split
        assert stage.split is None or self.gateway.serving == stage.split
        assert self.front is not None
        assert (self.front.workload, self.preview) == (stage.front, stage.preview)
        if self.state.stable and int(self.state.stable.version[1:]) not in BAD:
            home = self.observed.runs(self.state.stable)
            assert home is not None
            assert home.available == home.replicas, "stable is whole"

    def ends_by_abort(self) -> None:
        """From wherever it is an abort leads back, be it suspended or without an answer of the registry."""
        self.end_faults()
        self.live_on() if self.rng.random() < 0.3 else None
        self.suspend, self.is_silent = self.rng.random() < 0.4, self.rng.random() < 0.4
        state = self.state
        if state.candidate is None or state.stable is None or self.has_lost:
            return
        if not self.release.is_same(state.candidate):
            return
        self.met["aborts"] += 1
        self.ask_for(Verb.ABORT)
        for _ in range(12):
            self.happens()
        state, stable, weights = (
            self.state,
            self.state.stable,
            dict(self.route.written.weights) if self.route else {},
        )
        assert state.candidate is None, "an abort was not heard"
        assert stable is not None
        homes = {name for name, one in self.cluster.workloads.items() if one.release.is_same(stable)}
        assert {name for name, weight in weights.items() if weight} <= homes, f"{weights} after an abort"
        assert self.answering() <= homes, f"{self.answering()} answer after an abort"
        foreign = [
            pod for pod in self.cluster.pods if pod.workload in homes and not pod.release.is_same(stable)
        ]
        assert not foreign, "pods of who was aborted answer yet"


def _name(revision: Revision | None) -> str:
    return revision.version if revision else "-"


def some_pause(rng: random.Random) -> Pause | None:
    fate = rng.random()
    if fate < 0.4:
        return None
    return Pause() if fate < 0.6 else Pause(duration=rng.choice([1, 5, 10, 20]) * MINUTE)


def some_strategy(rng: random.Random, *, gateway: bool) -> Strategy:
    """One that a spec can have."""
    kind = rng.choice("rccccbbs" if gateway else "rcccbb")
    if kind == "r":
        return Rolling()
    if kind == "b":
        return BlueGreen(pause=some_pause(rng))
    if kind == "s":
        return Shadow(mirror=rng.choice([1, 20, 50, 100]), pause=some_pause(rng))
    weights = sorted(rng.choices([0, 1, 5, 10, 25, 34, 50, 75, 100], k=rng.randint(1, 4)))
    return Canary(
        steps=tuple(
            CanaryStep(
                weight=weight,
                replicas=None if rng.random() < 0.7 else rng.randint(max(1, weight), 100),
                pause=some_pause(rng),
                match=(("x-canary", "yes"),) if gateway and rng.random() < 0.2 else (),
                mirror=rng.choice([1, 50, 100]) if gateway and rng.random() < 0.2 else 0,
            )
            for weight in weights
        ),
        capacity=rng.choice(list(Capacity)),
    )


def _edit(world: History, **fields: object) -> None:
    for name, value in fields.items():
        setattr(world, name, value)
    world.generation += 1
    world.is_dirty = True


def _move(world: History) -> None:
    world.alias, world.is_dirty = world.rng.choice([1, 2, 3, 1, 2, 3, 4, 5, 6, 7]), True
    world.met["alias"] += 1


def _change_strategy(world: History) -> None:
    gateway = world.traffic is not None
    if world.rng.random() < 0.3:
        gateway = not gateway
        world.met["gateway added" if gateway else "gateway removed"] += 1
    _edit(world, traffic=GATEWAY if gateway else None, strategy=some_strategy(world.rng, gateway=gateway))
    amid = "amid a rollout" if world.state.candidate else "at rest"
    world.met[f"{type(world.strategy).__name__} {amid}"] += 1


def _analysis(world: History) -> None:
    _edit(world, analysis=None if world.analysis else MEASURED)


def _measure(world: History) -> None:
    holds = world.rng.choice([Holds.NOT_YET, Holds.YES, Holds.YES, Holds.NO, Holds.INCONCLUSIVE])
    world.verdict = YES if holds is Holds.YES else GateVerdict(holds=holds, sentence=f"says {holds}")
    world.is_dirty = True
    world.met[f"measured {holds.value}"] += 1


def _ask(world: History) -> None:
    rng, candidate = world.rng, world.state.candidate
    verb = rng.choice([Verb.APPROVE, Verb.APPROVE, Verb.APPROVE, Verb.PROMOTE, Verb.ABORT, Verb.RETRY])
    release = candidate.release if candidate and rng.random() < 0.8 else rng.choice([None, "0000dead"])
    if verb is Verb.RETRY:
        release, world.has_retried = None, True
        world.failed.clear()
    if verb is Verb.APPROVE and release is None:
        release = "0000dead"
    world.ask_for(verb, release)
    world.met[f"asked: {verb.value}"] += 1


def _ask_nonsense(world: History) -> None:
    before, text = world.state, world.rng.choice(HOSTILE)
    world.ask(text)
    plan = world.plan()
    last = world.said.last_request
    if (last is None or last.request != acknowledged(text)) and not world.has_lost:
        assert plan.answer is not None
        assert plan.answer.outcome.value == "Refused"
    assert plan.state.approvals == before.approvals or plan.state.candidate != before.candidate
    assert not plan.state.hurried or before.hurried
    world.met["asked: nonsense"] += 1


def _kill(world: History) -> None:
    world.a_pass(kill_after=world.rng.randint(0, 4))


def _lose_status(world: History) -> None:
    world.status, world.has_lost, world.is_dirty = {}, True, True
    world.met["status lost"] += 1


def _pod_dies(world: History) -> None:
    if world.pods:
        world.rng.choice(world.pods).ready = False
        world.met["pod died"] += 1


def _workload_dies(world: History) -> None:
    if world.cluster.workloads:
        name = world.rng.choice(sorted(world.cluster.workloads))
        for pod in world.cluster.of(name):
            pod.ready = False
        world.met["all pods of a workload died"] += 1


def _workload_deleted(world: History) -> None:
    if world.cluster.workloads:
        world.cluster.remove(world.rng.choice(sorted(world.cluster.workloads)))
        world.is_disturbed = True
        world.met["workload deleted"] += 1


def _jump(world: History) -> None:
    world.now += timedelta(seconds=world.rng.choice([-3600, 3600, 40 * 86400, -40 * 86400]))
    world.is_dirty = True
    world.met["clock jumped"] += 1


def _other_hand(world: History) -> None:
    rng, names = world.rng, sorted(world.cluster.workloads)
    if not names:
        return
    world.is_disturbed = True
    fate = rng.random()
    world.versions += 1
    if fate < 0.5 and world.route is not None:
        share = rng.randint(0, 100)
        one, other = rng.choice(names), "churn-0000dead"
        other = next((name for name in names if name != one), other)
        split = TrafficSplit(weights=((one, share), (other, 100 - share)))
        world.route = Route(split, world.versions)
        world.met["route edited"] += 1
    elif fate < 0.7 and world.route is not None:
        world.route = None
        world.gateway.look(None)
        world.met["route lost"] += 1
    elif fate < 0.85:
        world.front = Front(rng.choice([*names, None]), world.versions)
        world.met["front edited"] += 1
    else:
        world.front = None
        world.met["front lost"] += 1


def _gateway(world: History) -> None:
    world.gateway.mood = world.rng.choice(list(Mood))
    world.met[f"gateway {world.gateway.mood.value}"] += 1


def _scale(world: History) -> None:
    _edit(world, replicas=world.rng.choice([0, 1, 2, 3, 4, 5, 8]))
    world.met["scaled"] += 1


ACTIONS: tuple[tuple[int, Callable[[History], object]], ...] = (
    (60, lambda w: w.happens()),
    (12, lambda w: w.happens(w.rng.choice([5, 60, 300, 700]))),
    (6, lambda w: w.a_pass()),
    (6, lambda w: (w.control(), w.kubelet())),  # and the watch lags
    (6, _move),
    (2, lambda w: setattr(w, "is_silent", not w.is_silent)),
    (2, _scale),
    (2, lambda w: _edit(w, suspend=not w.suspend)),
    (2, lambda w: _edit(w, pin=w.rng.choice([0, 0, 1, 2, 3, 4]))),
    (2, _change_strategy),
    (1, _analysis),
    (4, _measure),
    (5, _ask),
    (1, _ask_nonsense),
    (1, lambda w: _edit(w, cpu=w.cpu + 1)),
    (1, lambda w: _edit(w, runtime=w.rng.choice([1, 2, 3]))),
    (1, lambda w: (setattr(w, "retry", w.retry + "x"), setattr(w, "is_dirty", True))),
    (6, _kill),
    (2, _jump),
    (3, _pod_dies),
    (2, _workload_dies),
    (1, _workload_deleted),
    (1, _other_hand),
    (1, _lose_status),
    (3, _gateway),
    (1, lambda w: setattr(w.cluster, "room", w.rng.choice([2, 4, 8, 99]))),
)
_WEIGHTS, _ACTS = [weight for weight, _ in ACTIONS], [act for _, act in ACTIONS]


def live(seed: int) -> History:
    """One history, to its rest."""
    rng = random.Random(seed)
    world = History(rng)
    world.traffic = GATEWAY if rng.random() < 0.6 else None
    world.strategy = some_strategy(rng, gateway=world.traffic is not None)
    world.replicas = rng.choice([0, 1, 2, 3, 4, 8])
    try:
        if rng.random() < 0.7:
            world.cluster.is_kind = True
            for _ in range(6):
                world.happens()
            world.cluster.is_kind = False
        for act in rng.choices(_ACTS, _WEIGHTS, k=rng.randint(20, 150)):
            act(world)
        if rng.random() < 0.3:
            world.ends_by_abort()
        else:
            world.comes_to_rest(grants=rng.random() < 0.7)
    except AssertionError as error:
        story = "\n".join(world.story[-40:])
        raise AssertionError(f"history {seed}: {error}\n{story}") from error
    return world


def test_whatever_happens_to_whatever_strategy_the_promises_hold():
    writes = lives = 0
    while writes < WRITES:
        writes += live(SEED * 10**6 + lives).writes
        lives += 1
    assert lives > 10
