"""A process that is killed between any two of its writes, in rollouts of every kind: the end is the same.

Each script is lived through once without a kill, and then once for each write that it takes, with a kill
just before that write. All promises of `tests/fakes/promises.py` hold on the way. Pods and gateway are kind
here, and people act at the same time in every life.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from tests.fakes.histories import History
from tests.fakes.pods import NEVER_READY
from tests.fakes.rollouts import GATEWAY

from lockgate.api.analysis import Analysis, Metric, Query
from lockgate.api.lifecycle import OnFailure, Settle, Supersede
from lockgate.api.requests import Verb
from lockgate.api.status import Revision
from lockgate.api.strategy import BlueGreen, Canary, CanaryStep, Capacity, Pause, Rolling, Shadow, Strategy
from lockgate.domain.gate import YES, GateVerdict, Holds

MINUTE = timedelta(minutes=1)
ASKED = Pause()
CANARY = Canary(steps=(CanaryStep(weight=10, pause=ASKED), CanaryStep(weight=50, pause=ASKED)))
SPECIAL = (("x-canary", "yes"),)
Deed = Callable[[History], object]


def moved(alias: int) -> Deed:
    """The alias moves."""
    return lambda w: setattr(w, "alias", alias)


def asked(verb: Verb) -> Deed:
    """A person asks, of whatever is the candidate then."""
    return lambda w: w.ask_for(verb, w.state.candidate.release if verb is Verb.APPROVE else None)


def measured(verdict: GateVerdict) -> Deed:
    """So much is measured from now on."""
    return lambda w: setattr(w, "verdict", verdict)


def edited(**fields: object) -> Deed:
    """The spec is edited."""

    def edit(world: History) -> None:
        for name, value in fields.items():
            setattr(world, name, value)
        world.generation += 1

    return edit


@dataclass(frozen=True)
class Script:
    """A strategy, and what happens every twenty minutes from when the first version serves."""

    strategy: Strategy
    deeds: tuple[Deed, ...]
    gateway: bool = True
    spec: dict[str, object] = field(default_factory=dict)


BY_PODS = Canary(steps=CANARY.steps, capacity=Capacity.RESOURCE_AWARE)
MEASURED = Analysis(metrics=(Metric(name="errors", query=Query.ERRORS, max=0.01),))
FREEZE = {"on_failure": OnFailure.FREEZE, "analysis": MEASURED}
FROZEN = (moved(2), measured(GateVerdict(holds=Holds.NO, sentence="too many errors")))
APPROVED = (moved(2), asked(Verb.APPROVE), asked(Verb.APPROVE))
QUEUE = {"supersede": Supersede.QUEUE}
QUEUED = (*APPROVED[:2], moved(4), moved(3))
SETTLED = {"settle": Settle(debounce=3 * MINUTE, soak=30 * MINUTE)}
SCRIPTS = {
    "rolling": Script(Rolling(), (moved(2),), gateway=False),
    "rolling behind a gateway, and back": Script(Rolling(), (moved(2), moved(1))),
    "canary": Script(CANARY, APPROVED),
    "canary that gives way": Script(BY_PODS, APPROVED),
    "canary without a gateway": Script(CANARY, APPROVED, gateway=False),
    "canary for some, with copies": Script(
        Canary(steps=(CanaryStep(weight=0, pause=ASKED, match=SPECIAL, mirror=50), *CANARY.steps)),
        (*APPROVED, asked(Verb.APPROVE)),
    ),
    "canary that is hurried": Script(CANARY, (moved(2), asked(Verb.PROMOTE))),
    "canary that is aborted": Script(CANARY, (*APPROVED[:2], asked(Verb.ABORT))),
    "canary that gives way, aborted": Script(BY_PODS, (*APPROVED[:2], asked(Verb.ABORT))),
    "canary without a gateway, aborted": Script(CANARY, (*APPROVED[:2], asked(Verb.ABORT)), gateway=False),
    "aborted and tried again": Script(CANARY, (moved(2), asked(Verb.ABORT), asked(Verb.RETRY))),
    "aborted while suspended": Script(BY_PODS, (*APPROVED[:2], edited(suspend=True), asked(Verb.ABORT))),
    "superseded": Script(CANARY, (*APPROVED[:2], moved(3), asked(Verb.APPROVE), asked(Verb.APPROVE))),
    "superseded without a gateway": Script(CANARY, (*APPROVED[:2], moved(3)), gateway=False),
    "wrong bytes": Script(CANARY, (moved(4),)),
    "different files": Script(BlueGreen(), (moved(6),)),
    "blue-green": Script(BlueGreen(pause=ASKED), APPROVED[:2]),
    "blue-green without a gateway": Script(BlueGreen(pause=ASKED), APPROVED[:2], gateway=False),
    "shadow": Script(Shadow(mirror=50, pause=ASKED), APPROVED[:2]),
    "rolling to canary": Script(Rolling(), (edited(strategy=CANARY), *APPROVED), gateway=False),
    "canary to blue-green amid it": Script(CANARY, (moved(2), edited(strategy=BlueGreen()))),
    "canary to rolling amid it": Script(CANARY, (*APPROVED[:2], edited(strategy=Rolling()))),
    "a gateway for who has none": Script(CANARY, (*APPROVED[:2], edited(traffic=GATEWAY)), gateway=False),
    "no gateway any more": Script(CANARY, (*APPROVED[:2], edited(traffic=None))),
    "none, and then some": Script(CANARY, (*APPROVED, edited(replicas=4)), spec={"replicas": 0}),
    "more amid it": Script(CANARY, (moved(2), edited(replicas=8), asked(Verb.APPROVE))),
    "settled": Script(Rolling(), (moved(2), moved(3), asked(Verb.ABORT), moved(1)), spec=SETTLED),
    "settled and superseded": Script(CANARY, (moved(2), moved(3), asked(Verb.ABORT), moved(1)), spec=SETTLED),
    "settled, and asked for at once": Script(
        CANARY, (moved(2), asked(Verb.ABORT), asked(Verb.RETRY)), spec=SETTLED
    ),
    "queued": Script(CANARY, (*QUEUED, asked(Verb.APPROVE), *APPROVED[1:]), spec=QUEUE),
    "queued, and aborted": Script(CANARY, (*QUEUED, asked(Verb.ABORT)), spec=QUEUE),
    "queued in place": Script(Rolling(), (moved(NEVER_READY), moved(3)), spec=QUEUE),
    "frozen, and given up": Script(CANARY, (*FROZEN, asked(Verb.ABORT)), spec=FREEZE),
    "frozen, and hurried": Script(CANARY, (*FROZEN, asked(Verb.PROMOTE)), spec=FREEZE),
    "frozen, and tried again": Script(CANARY, (*FROZEN, measured(YES), asked(Verb.RETRY)), spec=FREEZE),
    "frozen, and another one wanted": Script(CANARY, (*FROZEN, measured(YES), moved(3)), spec=FREEZE),
    "frozen in place": Script(Rolling(), (moved(NEVER_READY), moved(2)), spec=FREEZE),
    "late to its step, and frozen": Script(CANARY, (moved(NEVER_READY), asked(Verb.ABORT)), spec=FREEZE),
    "fewer amid it": Script(BY_PODS, (*APPROVED[:2], edited(replicas=1))),
}


def life(script: Script, kill_after: int | None) -> History:
    """One life of a script; the kill comes before the write of that number, from when v1 serves."""
    world = History(random.Random(0))
    world.strategy, world.traffic = script.strategy, GATEWAY if script.gateway else None
    world.replicas, world.cluster.is_kind = 4, True
    for name, value in script.spec.items():
        setattr(world, name, value)
    for _ in range(8):
        world.happens()
    world.writes, world.kill_after = 0, kill_after
    for deed in script.deeds:
        deed(world)
        world.is_dirty = True
        for _ in range(20):
            world.happens()
    return world


def name(release: Revision | None) -> str | None:
    return release and release.version


def end(world: History) -> dict[str, object]:
    """All that counts of an end; not when it came about."""
    state, status = world.state, world.said
    return {
        "pods": {n: (one.release.release, one.asked) for n, one in sorted(world.cluster.workloads.items())},
        "ways": (world.front and world.front.workload, world.preview, world.route and world.route.written),
        "serving": world.gateway.serving,
        "state": (name(state.stable), name(state.candidate), state.step, state.reached_at is not None),
        "failed": [(failure.revision.version, failure.reason) for failure in state.failed],
        "history": [(entry.revision.version, entry.outcome, entry.by) for entry in status.history],
    }


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_kill_before_any_write_changes_nothing_of_the_end(script):
    clean = life(script, None)
    assert clean.writes > 2
    told = end(clean)
    for number in range(clean.writes):
        world = life(script, number)
        assert world.met["killed between two writes"] == 1, f"no kill at write {number}"
        assert end(world) == told, f"killed before write {number}\n{world.told()}"
