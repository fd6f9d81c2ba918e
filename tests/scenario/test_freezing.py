"""Whole reconciles on fakes: a candidate that is late and is to be held, and what is told of it."""

from tests.fakes.builders import version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT
from lockgate.names import ANNOTATION_REQUEST


async def held(rig):
    """v2 takes the place of v1, comes no further, and is held."""
    rig.create(onFailure="Freeze")
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.wait(minutes=21)
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "Frozen")


def ask(rig, text):
    found = rig.cluster.objects[MODEL_DEPLOYMENT, KEY]
    metadata = {**found["metadata"], "annotations": {ANNOTATION_REQUEST: text}}
    rig.cluster.put(MODEL_DEPLOYMENT, {**found, "metadata": metadata})


def workload(rig):
    return rig.cluster.objects[DEPLOYMENT, KEY]


async def test_who_is_held_is_told_to_a_person_once(rig):
    await held(rig)
    assert rig.verdict("Ready") == ("False", "Frozen")
    assert rig.verdict("Progressing") == ("False", "Frozen")
    assert rig.verdict("Paused") == ("True", "Frozen")
    assert (rig.status["phase"], rig.status["candidate"]["version"]) == ("Degraded", "v2")
    assert len(rig.status["history"]) == 1
    told = [event for event in rig.cluster.events if event["reason"] == "Frozen"]
    assert [event["type"] for event in told] == ["Warning"]


async def test_while_it_is_held_nothing_moves_and_nothing_is_written(rig):
    await held(rig)
    assert workload(rig)["spec"]["paused"] is True
    rig.cluster.writes.clear()
    for _ in range(4):
        rig.wait(hours=7)
        await rig.poll()
        await rig.look()
    rig.restart()
    await rig.look()
    assert rig.cluster.writes == []


async def test_a_retry_gives_it_all_of_its_time_again(rig):
    await held(rig)
    rig.wait(hours=7)
    ask(rig, "retry by ada")
    await rig.settle()
    assert workload(rig)["spec"]["paused"] is False
    rig.wait(minutes=19)
    await rig.settle()
    assert rig.verdict("Ready") == ("Unknown", "RollingOut")
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"


async def test_an_abort_leads_back_from_it(rig):
    await held(rig)
    ask(rig, "abort by ada")
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    running = workload(rig)
    assert running["metadata"]["annotations"]["lockgate.dev/model-version"] == "v1"
    assert (running["spec"]["paused"], rig.status["history"][0]["outcome"]) == (False, "Aborted")
