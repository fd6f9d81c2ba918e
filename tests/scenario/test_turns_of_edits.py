"""Turns of an edited runtime: nobody holds one for ever, nobody goes without, and a wait moves nothing."""

from copy import deepcopy

import pytest
from tests.fakes.builders import deployment_object, runtime_object, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, MODEL_RUNTIME, Key
from lockgate.errors import ClusterUnavailable, RegistryUnavailable

OTHER: Key = ("risk", "other")
KEYS = (KEY, OTHER)
DOWN = RegistryUnavailable("the registry did not answer")
PIN = {"version": "v1", "reason": "a quiet week"}


def edit_runtime(rig: Rig, threads: str = "4", **spec: object) -> None:
    rig.cluster.put(MODEL_RUNTIME, runtime_object(env=[{"name": "THREADS", "value": threads}], **spec))


def change(rig: Rig, key: Key, **spec: object) -> None:
    """Somebody edits fields of a spec."""
    obj = deepcopy(rig.cluster.objects[MODEL_DEPLOYMENT, key])
    obj["spec"] |= spec
    rig.cluster.put(MODEL_DEPLOYMENT, obj)


def threads(rig: Rig, key: Key) -> list[str]:
    """What the edit has brought into the template of a model."""
    (server,) = rig.cluster.objects[DEPLOYMENT, key]["spec"]["template"]["spec"]["containers"]
    return [one["value"] for one in server["env"] if one["name"] == "THREADS"]


async def look_at(rig: Rig, *keys: Key) -> None:
    for _ in range(4):
        for key in keys:
            await rig.look(key)


async def two_serve(rig: Rig, **spec: object) -> None:
    """Two ModelDeployments of two teams serve v1 on one runtime."""
    rig.create(**spec)
    name, namespace = OTHER[1], OTHER[0]
    rig.cluster.put(
        MODEL_DEPLOYMENT, deployment_object(name=name, namespace=namespace, uid="uid-other", **spec)
    )
    rig.registry.point("production", version(1))
    rig.registry.point("v1", version(1))
    await rig.poll()
    await look_at(rig, *KEYS)
    for key in KEYS:
        rig.cluster.roll(key, ready_pod)
    await look_at(rig, *KEYS)
    assert [rig.status_of(key)["stable"]["version"] for key in KEYS] == ["v1", "v1"]


async def test_a_first_version_that_never_comes_up_holds_no_turn_of_those_that_serve(rig):
    await two_serve(rig)
    never: Key = ("lab", "never")
    rig.cluster.put(MODEL_DEPLOYMENT, deployment_object(name="never", namespace="lab", uid="uid-never"))
    await look_at(rig, never)
    rig.cluster.roll(never, lambda name: {}, complete=False)
    rig.wait(minutes=21)
    await look_at(rig, never)
    edit_runtime(rig)
    await look_at(rig, never)
    rig.cluster.roll(never, lambda name: {}, complete=False)
    for _ in range(12):
        rig.wait(hours=1)
        await look_at(rig, never, *KEYS)
        for key in KEYS:
            rig.cluster.roll(key, ready_pod)
    assert [threads(rig, key) for key in KEYS] == [["4"], ["4"]]


async def test_who_suspends_amid_an_edit_does_not_keep_it_from_everybody_else(rig):
    await two_serve(rig)
    edit_runtime(rig)
    await look_at(rig, KEY)
    assert "candidate" in rig.status
    change(rig, KEY, suspend=True)
    for _ in range(12):
        rig.wait(hours=1)
        await look_at(rig, *KEYS)
        rig.cluster.roll(OTHER, ready_pod)
    assert threads(rig, OTHER) == ["4"]


async def test_who_is_deleted_amid_an_edit_and_does_not_go_keeps_it_from_nobody(rig):
    await two_serve(rig)
    edit_runtime(rig)
    await look_at(rig, KEY)
    obj = deepcopy(rig.cluster.objects[MODEL_DEPLOYMENT, KEY])
    obj["metadata"]["finalizers"] = ["example.com/backup"]
    rig.cluster.put(MODEL_DEPLOYMENT, obj)
    rig.cluster.erase(MODEL_DEPLOYMENT, KEY)
    for _ in range(12):
        rig.wait(hours=1)
        await look_at(rig, *KEYS)
        rig.cluster.roll(OTHER, ready_pod)
    assert threads(rig, OTHER) == ["4"]


async def test_pinned_models_take_turns_like_all_others(rig):
    await two_serve(rig, pin=PIN)
    edit_runtime(rig)
    await look_at(rig, *KEYS)
    assert sum("candidate" in rig.status_of(key) for key in KEYS) == 1


async def test_a_registry_that_goes_away_brings_no_waiting_edit_to_a_pinned_model(rig):
    await two_serve(rig, pin=PIN)
    edit_runtime(rig, onChange="NextVersion")
    await look_at(rig, *KEYS)
    assert [threads(rig, key) for key in KEYS] == [[], []]
    rig.registry.down = DOWN
    for _ in range(3):
        await rig.poll()
    await look_at(rig, *KEYS)
    assert [threads(rig, key) for key in KEYS] == [[], []], "the registry is down: that changes nothing"


async def test_an_aborted_edit_is_told_for_as_long_as_others_take_theirs(rig):
    await two_serve(rig)
    edit_runtime(rig)
    await look_at(rig, KEY)
    rig.cluster.begin_roll(KEY)
    await look_at(rig, KEY)
    rig.wait(minutes=21)
    await look_at(rig, KEY)
    assert rig.verdict("Stalled") == ("True", "RolloutAborted")
    await look_at(rig, OTHER)
    assert "candidate" in rig.status_of(OTHER)
    rig.cluster.roll(KEY, ready_pod)
    await look_at(rig, KEY)
    assert rig.verdict("Ready") == ("False", "RolloutAborted"), "its edit was aborted and still is"


async def test_an_edit_that_is_taken_back_leads_back_also_when_it_is_to_wait_from_now_on(rig):
    await two_serve(rig)
    edit_runtime(rig)
    await look_at(rig, KEY)
    assert threads(rig, KEY) == ["4"]
    rig.cluster.put(MODEL_RUNTIME, runtime_object(onChange="NextVersion"))
    await look_at(rig, KEY)
    assert threads(rig, KEY) == [], "runtime and stable release are the same: there is no edit"


async def test_an_alias_that_comes_back_amid_a_rollout_leads_back_to_the_very_pods_of_before(rig):
    await rig.serve(1)
    edit_runtime(rig, onChange="NextVersion")
    await rig.settle()
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.cluster.begin_roll(KEY)
    await rig.settle()
    rig.registry.point("production", version(1))
    await rig.poll()
    await rig.settle()
    assert threads(rig, KEY) == [], "v1 is what serves, and its edit waits for the next version"


async def test_what_a_kill_left_untold_is_not_taken_back_because_another_has_the_turn(rig):
    await two_serve(rig)
    edit_runtime(rig)
    status_writes = rig.cluster.apply_status

    async def killed(*_: object) -> None:
        raise ClusterUnavailable("killed before the status was written")

    rig.cluster.apply_status = killed
    with pytest.raises(ClusterUnavailable):
        await rig.look(KEY)
    rig.cluster.apply_status = status_writes
    rig.restart()
    rig.cluster.roll(KEY, ready_pod)
    assert threads(rig, KEY) == ["4"], "all pods are of the edit by now"
    await look_at(rig, OTHER, KEY)
    assert threads(rig, KEY) == ["4"], "they are replaced by a rollout only"
