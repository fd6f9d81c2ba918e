"""Whole reconciles on fakes: an alias that goes to and fro, and what is told and written meanwhile."""

from tests.fakes.builders import T0, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY


async def move(rig, number):
    rig.registry.point("production", version(number))
    await rig.poll()
    return await rig.settle()


async def test_who_waits_is_told_so_once_and_begins_by_itself(rig):
    rig.create(settle={"debounce": "5m"})
    await rig.serve(1)
    since = rig.now
    await move(rig, 2)
    assert rig.verdict("Ready") == ("Unknown", "Settling")
    assert rig.verdict("Progressing") == ("False", "Settling")
    assert rig.condition("Reconciling")["reason"] == "Settling"
    assert rig.status["phase"] == "Serving"
    rig.cluster.writes.clear()
    for _ in range(4):
        rig.wait(minutes=1)
        result = await rig.look()
    assert rig.cluster.writes == [], "time that passes is not written down"
    rig.restart()
    result = await rig.look()
    assert (result.wake - since).total_seconds() in (299, 300)
    rig.wait(minutes=1)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_an_alias_that_comes_back_in_time_leaves_no_trace(rig):
    rig.create(settle={"debounce": "5m"})
    await rig.serve(1)
    before = rig.status["rollout"]
    await move(rig, 2)
    await move(rig, 1)
    assert rig.status["rollout"] == before
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert len(rig.status["history"]) == 1


async def test_one_rollout_a_window(rig):
    rig.create(settle={"soak": "1h"})
    await rig.serve(1)
    ended = rig.now
    assert ended >= T0
    await move(rig, 2)
    await move(rig, 3)
    assert "candidate" not in rig.status
    rig.wait(hours=1)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v3", "who came between is left out"
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert [entry["version"] for entry in rig.status["history"]] == ["v3", "v1"]
