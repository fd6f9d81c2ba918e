"""A ModelDeployment that is deleted while something of it lies elsewhere: what is told, and when it goes."""

from copy import deepcopy

from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import MODEL_DEPLOYMENT
from lockgate.names import FINALIZER


def deleted(rig: Rig, *finalizers: str) -> None:
    raw = deepcopy(rig.cluster.objects[MODEL_DEPLOYMENT, KEY])
    raw["metadata"]["finalizers"] = list(finalizers)
    rig.cluster.put(MODEL_DEPLOYMENT, raw)
    rig.cluster.erase(MODEL_DEPLOYMENT, KEY)


async def test_what_nobody_can_reach_any_more_is_told_with_the_way_out(rig):
    await rig.serve(1)
    deleted(rig, FINALIZER)
    await rig.look()
    assert rig.verdict("Ready") == ("False", "BackendNotReady")
    condition = rig.condition("Ready")
    assert condition is not None
    assert f"take the finalizer {FINALIZER} away" in condition["message"]
    rig.cluster.writes.clear()
    rig.wait(hours=1)
    await rig.look()
    assert rig.cluster.writes == []


async def test_of_one_that_waits_for_others_nothing_is_said(rig):
    await rig.serve(1)
    deleted(rig, "example.com/theirs")
    rig.cluster.writes.clear()
    await rig.look()
    assert rig.cluster.writes == []
