"""What happens to the operator that is judged: short lives, each of which ends as it should where no bug is.

A life raises Broken as soon as a write breaks a promise. Each is about one thing that people, the registry
or other processes do; who plays them is in judged.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from tests.fakes.builders import PODS
from tests.fakes.rig import KEY
from tests.faults.seeded.judged import Broken, Judged

from lockgate.api.parse import parse_model_deployment
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.domain.observed import Target
from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT
from lockgate.errors import RegistryUnavailable, Unanswered
from lockgate.reconciler import Reconciler
from lockgate.report.writer import Writer
from lockgate.resolve.resolver import Resolver

APPROVED = {"untilApproved": True}
CANARY = {"canary": {"steps": [{"weight": 10, "pause": APPROVED}, {"weight": 50}]}}
ROLLING = {"rolling": {}}
OTHER_SETTINGS = replace(PODS, fetch_image="registry.example/lockgate:2", fetch_deadline_seconds=60)


async def a_canary_goes_through_is_superseded_and_aborted() -> Judged:
    """Version after version, each with its approval."""
    world = Judged(strategy=CANARY)
    await world.move(1)
    await through(world, 2)
    await world.move(3)
    await world.move(4)
    await ends(world, 2, candidate=4)
    await world.request("abort by ada #0000dead")
    await ends(world, 2)
    await through(world, 5)
    await world.rests()
    with world.still("nothing happens and all is as it should be"):
        await world.settles()
    return world


async def the_registry_is_away_a_pin_holds_and_an_alias_has_another_name() -> Judged:
    """Nothing of this is a reason to touch what serves."""
    world = Judged(strategy=CANARY)
    await world.move(1)
    await through(world, 2)
    await world.rests()
    await outage(world)
    await world.move(2, "staging", waits=False)
    with world.still("the same version by another name"):
        model = {"registry": "model", "collection": "churn", "alias": "staging"}
        await world.edit(model=model)
    await world.edit("v2", pin={"version": "v2", "reason": "until we know more"})
    with world.still("a pin holds"):
        await world.move(3, "staging")
    await ends(world, 2)
    return world


async def hands_touch_a_workload_while_it_is_suspended_scaled_and_begun_anew() -> Judged:
    """In place, and without a gateway."""
    world = Judged(strategy=ROLLING, traffic=None)
    await world.move(1)
    await world.edit(replicas=4)
    world.restart(OTHER_SETTINGS)
    with world.still("another process with other settings has begun"):
        await world.settles()
    touched = deepcopy(world.cluster.objects[DEPLOYMENT, KEY])
    touched["spec"]["progressDeadlineSeconds"] = 7
    world.cluster.put(DEPLOYMENT, touched)
    await world.settles()
    await outage(world)
    await world.edit(suspend=True)
    with world.still("a person holds it"):
        await world.move(2)
    await world.edit(suspend=None)
    await ends(world, 2)
    world.bad.add("v3")
    await world.move(3)
    await ends(world, 2)
    return world


async def a_process_that_slept_goes_on_where_it_was() -> Judged:
    """What it is about to write is long past, and another has done the work since."""
    world = Judged(strategy=ROLLING, traffic=None)
    await world.move(1)
    await world.move(2, waits=False)
    sleeper = await asleep(world)
    await world.settles()
    await world.move(3)
    await ends(world, 3)
    awake, world.rig.reconciler = world.rig.reconciler, sleeper
    await world.look()
    world.rig.reconciler = awake
    await world.settles()
    await ends(world, 3)
    return world


Life = Callable[[], Awaitable[Judged]]
LIVES: tuple[Life, ...] = (
    a_canary_goes_through_is_superseded_and_aborted,
    the_registry_is_away_a_pin_holds_and_an_alias_has_another_name,
    hands_touch_a_workload_while_it_is_suspended_scaled_and_begun_anew,
    a_process_that_slept_goes_on_where_it_was,
)


async def outage(world: Judged) -> None:
    """The registry is away for longer than a poll, and comes back."""
    with world.still("the registry says nothing"):
        world.registry.down = RegistryUnavailable("it is away")
        await world.rig.poll()
        await world.rig.poll()
        await world.settles()
        world.registry.down = None
        await world.rig.poll()
        await world.settles()


async def through(world: Judged, number: int) -> None:
    """The alias moves, and the rollout is approved."""
    await world.move(number)
    await ends(world, int(world.rig.status["stable"]["version"][1:]), candidate=number)
    await approve(world)
    await ends(world, number)


async def approve(world: Judged) -> None:
    """A person approves whoever waits for it."""
    await world.request(f"approve {world.rig.status['candidate']['release']} by ada #{int(world.now):08x}")


async def ends(world: Judged, stable: int, candidate: int | None = None) -> None:
    """It has come to this."""
    world.check()
    status = world.rig.status
    found = [(status.get(role) or {}).get("version") for role in ("stable", "candidate")]
    wanted = [f"v{stable}", candidate and f"v{candidate}"]
    if found != wanted:
        raise Broken(f"it ends as asked for: {wanted} is to serve and be rolled out, and {found} are")


async def asleep(world: Judged) -> Reconciler:
    """An operator that has seen and heard all up to now, and sees and hears nothing any more."""
    rig, present, target = world.rig, world.rig.store, await heard(world)
    rig.store = view = deepcopy(present)
    world.restart()
    old, rig.store = rig.reconciler, present
    world.restart()
    return replace(old, view=view, resolver=Deaf(target), writer=Writer(rig.cluster, view, rig.outbox))


async def heard(world: Judged) -> Target:
    """What the registry says now, once it has said all that is to be asked."""
    rig, deployment = world.rig, parse_model_deployment(world.cluster.objects[MODEL_DEPLOYMENT, KEY])
    while True:
        rig.woken.clear()
        try:
            runtime = rig.reconciler.catalog.runtime(deployment)
            return rig.reconciler.resolver.resolve(deployment, runtime, rig.now)
        except Unanswered:
            await asyncio.wait_for(rig.woken.wait(), timeout=10)


class Deaf(Resolver):
    """Whose registry says for ever what it said then."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def resolve(self, deployment: ModelDeployment, runtime: ModelRuntime, now: datetime) -> Target:
        """What it was."""
        return self._target
