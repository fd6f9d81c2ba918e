"""Thousands of random histories of rollouts by every strategy, with pods, routes, people and faults.

After every single write the promises of `tests/fakes/promises.py` are checked; at the end the faults end,
and what must have come about, has. `LOCKGATE_TRAFFIC_SEED` lives through other histories,
`LOCKGATE_TRAFFIC_WRITES` through as many as take so many writes. One that breaks a promise is told from
its seed on.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.fakes.histories import History
from tests.fakes.rollouts import GATEWAY
from tests.fakes.ways import Front, Mood, Route

from lockgate.api.analysis import Analysis, Metric, Query
from lockgate.api.lifecycle import OnFailure, Settle, Supersede
from lockgate.api.requests import Verb, acknowledged
from lockgate.api.status import Outcome
from lockgate.api.strategy import BlueGreen, Canary, CanaryStep, Capacity, Pause, Rolling, Shadow, Strategy
from lockgate.domain.gate import YES, GateVerdict, Holds
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason

SEED = int(os.environ.get("LOCKGATE_TRAFFIC_SEED", "7"))
WRITES = int(os.environ.get("LOCKGATE_TRAFFIC_WRITES", "12000"))
STRATEGIES = ("Rolling", "Canary", "BlueGreen", "Shadow")
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
    gateway, before = world.traffic is not None, world.strategy
    if world.rng.random() < 0.3:
        gateway = not gateway
        world.met["gateway added" if gateway else "gateway removed"] += 1
    _edit(world, traffic=GATEWAY if gateway else None, strategy=some_strategy(world.rng, gateway=gateway))
    amid = "amid a rollout" if world.state.candidate else "at rest"
    # Pods that were being replaced in place are on their way to nobody then, and answer meanwhile.
    world.is_disturbed |= isinstance(before, Rolling) and world.state.candidate is not None
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
        release = None
    if verb is Verb.APPROVE and release is None:
        release = "0000dead"
    world.ask_for(verb, release)
    world.met[f"asked: {verb.value}"] += 1


def _ask_nonsense(world: History) -> None:
    before, text = world.state, world.rng.choice(HOSTILE)
    world.ask(text)
    plan = world.plan()
    last = world.said.last_request
    if last is None or last.request != acknowledged(text):
        assert plan.answer is not None
        assert plan.answer.outcome.value == "Refused"
    assert plan.state.approvals == before.approvals or plan.state.candidate != before.candidate
    assert not plan.state.hurried or before.hurried
    world.met["asked: nonsense"] += 1


def _kill(world: History) -> None:
    """After so many writes from now on, whenever they come."""
    world.kill_after = world.rng.randint(0, 4)


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


def _lag(world: History) -> None:
    """The cluster moves, and the watch does not tell."""
    world.control()
    world.kubelet()
    world.met["lagged"] += 1


def _room(world: History) -> None:
    world.cluster.room = world.rng.choice([2, 4, 8, 99])
    world.met["little room"] += world.cluster.room < 99


def _suspend(world: History) -> None:
    _edit(world, suspend=not world.suspend)
    world.met["suspended"] += world.suspend


def _silence(world: History) -> None:
    world.is_silent = not world.is_silent
    world.met["registry silent"] += world.is_silent


def _edit_release(world: History) -> None:
    world.met["release edited"] += 1
    if world.rng.random() < 0.5:
        _edit(world, cpu=world.cpu + 1)
    else:
        _edit(world, runtime=world.rng.choice([1, 2, 3]))


def _retry(world: History) -> None:
    world.retry, world.is_dirty = world.retry + "x", True
    world.met["retry"] += 1


def _on_failure(world: History) -> None:
    _edit(world, on_failure=world.rng.choice([OnFailure.FREEZE, OnFailure.FREEZE, OnFailure.ROLLBACK]))


def _supersede(world: History) -> None:
    _edit(world, supersede=world.rng.choice([Supersede.QUEUE, Supersede.QUEUE, Supersede.RESTART]))


def _settle(world: History) -> None:
    debounce, soak = (world.rng.choice([0, 0, 2, 10]) * MINUTE for _ in range(2))
    _edit(world, settle=Settle(debounce=debounce, soak=soak))
    world.met["settle edited"] += 1


def _flap(world: History) -> None:
    """The alias goes to and fro."""
    for _ in range(world.rng.randint(2, 6)):
        world.alias, world.is_dirty = world.rng.choice([1, 2, 3]), True
        world.happens(world.rng.choice([1, 5, 60]))
    world.met["flapped"] += 1


def _elsewhere(world: History) -> None:
    """Others fail with a version, or have it hold after all."""
    world.elsewhere ^= {f"v{world.rng.choice([1, 2, 3, 4])}"}
    world.is_dirty = True


def _pin(world: History) -> None:
    _edit(world, pin=world.rng.choice([0, 0, 1, 2, 3, 4]))
    world.met["pinned"] += bool(world.pin)


Acts = tuple[tuple[int, Callable[[History], object]], ...]
ALWAYS: Acts = (
    (60, lambda w: w.happens()),
    (12, lambda w: w.happens(w.rng.choice([5, 60, 300, 700]))),
    (6, _move),
    (2, _measure),
)
THEMES: dict[str, Acts] = {
    "people": (
        (3, _scale),
        (3, _suspend),
        (2, _pin),
        (4, _change_strategy),
        (1, _analysis),
        (7, _ask),
        (1, _ask_nonsense),
        (1, _edit_release),
        (1, _retry),
        (2, _silence),
    ),
    "pods": ((6, _pod_dies), (4, _workload_dies), (2, _room), (2, _scale)),
    "processes": ((12, _kill), (6, _lag), (3, _jump), (2, lambda w: w.a_pass())),
    "gateways": ((8, _gateway), (2, _change_strategy)),
    "hands": ((4, _other_hand), (2, _workload_deleted)),
    "patience": (
        (3, _settle),
        (3, _flap),
        (2, _supersede),
        (1, _jump),
        (1, _suspend),
        (1, _retry),
        (1, _edit_release),
    ),
    "failures": ((2, _on_failure), (4, _measure), (3, _ask), (2, _workload_dies), (2, _analysis)),
    "elsewhere": ((4, _elsewhere), (3, _move), (2, _ask), (2, _retry), (1, _pin)),
    "lost": ((2, _lose_status),),
}


def live(seed: int) -> History:
    """One history, to its rest."""
    rng = random.Random(seed)
    world = History(rng)
    world.traffic = GATEWAY if rng.random() < 0.6 else None
    world.strategy = some_strategy(rng, gateway=world.traffic is not None)
    world.replicas = rng.choice([0, 1, 2, 3, 4, 8])
    world.analysis = MEASURED if rng.random() < 0.3 else None
    if rng.random() < 0.3:
        world.on_failure = OnFailure.FREEZE
    if rng.random() < 0.3:
        world.deadline = None  # by its size
    if rng.random() < 0.3:
        world.supersede = Supersede.QUEUE
    if rng.random() < 0.3:
        world.settle = Settle(debounce=rng.choice([0, 3, 10]) * MINUTE, soak=rng.choice([0, 5, 60]) * MINUTE)
    themes = [theme for theme in THEMES if rng.random() < 0.35]
    acts = (*ALWAYS, *(act for theme in themes for act in THEMES[theme]))
    try:
        if rng.random() < 0.7:
            world.cluster.is_kind = True
            for _ in range(6):
                world.happens()
            world.cluster.is_kind = rng.random() < 0.5
        weights, choices = [weight for weight, _ in acts], [act for _, act in acts]
        for act in rng.choices(choices, weights, k=rng.randint(20, 150)):
            act(world)
        if rng.random() < 0.4:
            world.ends_by_abort()
        else:
            world.comes_to_rest(grants=rng.random() < 0.7)
    except AssertionError as error:
        raise AssertionError(f"history {seed}: {error}\n{world.told()}") from error
    return world


PARTS = 4
"""So many share the work, each with histories of its own."""


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_to_whatever_strategy_the_promises_hold(part):
    writes = lives = 0
    while writes < WRITES // PARTS:
        writes += live(SEED * 10**6 + lives * PARTS + part).writes
        lives += 1
    assert lives >= WRITES // PARTS // 200


AMID = {f"{name} {when}" for name in STRATEGIES for when in ("amid a rollout", "at rest")}
ENDS = {f"rests: {course}" for course in ("at rest", "aborted", "stalled", "rolling out", "waiting")}
ABORTS = {
    Reason.ABORTED_BY_REQUEST,
    Reason.ANALYSIS_FAILED,
    Reason.DIGEST_CHANGED,
    Reason.FETCH_FAILED,
    Reason.PROGRESS_DEADLINE_EXCEEDED,
}
MEANT = {
    "strategies": AMID | {"steps left"},
    "ends": ENDS | {outcome.value for outcome in Outcome} | {f"aborted: {reason.value}" for reason in ABORTS},
    "people": {f"asked: {verb.value}" for verb in Verb}
    | {f"measured {holds.value}" for holds in Holds}
    | {"asked: nonsense", "an abort", "an abort while suspended", "goes back while suspended"}
    | {"alias", "pinned", "retry", "release edited", "scaled", "suspended", "registry silent"},
    "gateways": {f"gateway {mood.value}" for mood in Mood} | {"gateway added", "gateway removed"},
    "faults": {"route edited", "route lost", "front edited", "front lost", "workload deleted", "pod died"}
    | {"all pods of a workload died", "little room", "clock jumped", "lagged", "killed between two writes"}
    | {"status lost"},
    "frozen": {"frozen: AnalysisFailed", "frozen: ProgressDeadlineExceeded", "rests: frozen", "thawed"}
    | {"frozen, and superseded"},
    "elsewhere": {"kept out by a failure elsewhere", "failed elsewhere, and tried for a person"},
    "patience": {"settle edited", "flapped", "waits", "queued", "waits through a jump"},
}


def test_the_histories_meet_what_they_are_meant_to_meet():
    """Promises kept in a world where nothing happens would be worth nothing."""
    met: Counter[str] = Counter()
    for number in range(700):
        met += live(SEED * 10**6 + number).met
    for what, meant in MEANT.items():
        assert not meant - met.keys(), f"{what} that no history met: {meant - met.keys()}"
