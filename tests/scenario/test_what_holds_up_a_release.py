"""A release that cannot begin, or whose way back is gone, costs what serves nothing and is told."""

from copy import deepcopy

from tests.fakes.builders import runtime_object, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import (
    DEPLOYMENT,
    MODEL_RUNTIME,
    Object,
    Resource,
)
from lockgate.errors import Refused, RegistryUnavailable

DOWN = RegistryUnavailable("the registry did not answer")
ONE_CPU = {"requests": {"cpu": "1"}}
LOWER = {"requests": {"cpu": "100m"}, "ceilings": {"cpu": "500m"}}
PIN = {"version": "v1", "reason": "incident 42"}


def edit_runtime(rig: Rig, **spec: object) -> None:
    rig.cluster.put(MODEL_RUNTIME, runtime_object(env=[{"name": "THREADS", "value": "4"}], **spec))


def template(rig: Rig) -> Object:
    return deepcopy(rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"])


async def look(rig: Rig) -> None:
    for _ in range(4):
        await rig.look()


async def half_rolled(rig: Rig, number: int) -> None:
    """The alias has moved, and some of the pods of the new version do not come up."""
    rig.registry.point("production", version(number))
    await rig.poll()
    await rig.settle()
    rig.cluster.begin_roll(KEY)
    await rig.settle()
    assert rig.status["candidate"]["version"] == f"v{number}"


async def test_an_edit_that_cannot_begin_keeps_nobody_from_scaling_what_serves(rig):
    rig.create(resources=ONE_CPU)
    await rig.serve(1)
    edit_runtime(rig, resources=LOWER)
    await rig.settle()
    rig.create(resources=ONE_CPU, replicas=6)
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 6


async def test_an_edit_that_cannot_begin_keeps_nothing_from_being_put_right(rig):
    rig.create(resources=ONE_CPU)
    await rig.serve(1)
    edit_runtime(rig, resources=LOWER)
    await rig.settle()
    workload = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    workload["spec"]["replicas"] = 0
    rig.cluster.put(DEPLOYMENT, workload)
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2


async def test_an_edit_that_the_api_server_refuses_keeps_nobody_from_scaling_what_serves(rig):
    await rig.serve(1)
    apply = rig.cluster.apply

    async def refused(resource: Resource, obj: Object, *, force: bool) -> Object:
        if resource is DEPLOYMENT and "THREADS" in str(obj):
            raise Refused(f"could not apply {resource.kind}: its requests are above its limits")
        return await apply(resource, obj, force=force)

    rig.cluster.apply = refused
    edit_runtime(rig)
    await look(rig)
    assert rig.verdict("Stalled") == ("True", "Refused")
    rig.create(replicas=6)
    await look(rig)
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 6
    assert rig.verdict("Stalled") == ("True", "Refused"), "what is asked for is still refused"
    assert rig.status["stable"]["version"] == "v1"
    assert "candidate" not in rig.status


async def test_the_version_that_serves_is_pinned_while_the_registry_is_away_whatever_history_holds(rig):
    rig.create(revisionHistoryLimit=0)
    await rig.serve(1)
    await half_rolled(rig, 2)
    rig.registry.down = DOWN
    for _ in range(3):
        await rig.poll()
    rig.create(revisionHistoryLimit=0, pin=PIN)
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1", "it served, and is all that was asked for"


async def test_the_version_before_is_pinned_while_the_registry_is_away_whatever_history_holds(rig):
    rig.create(revisionHistoryLimit=0)
    await rig.serve(1)
    await rig.serve(2)
    rig.registry.down = DOWN
    for _ in range(3):
        await rig.poll()
    rig.create(revisionHistoryLimit=0, pin=PIN)
    await rig.settle()
    assert rig.status["previous"]["version"] == "v1"
    assert rig.status.get("candidate", {}).get("version") == "v1"
