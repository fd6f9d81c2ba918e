"""A version says by which image it wants to be served: on the real reconciler, what if it would not be."""

import pytest
from tests.fakes.builders import runtime_object, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import MODEL_RUNTIME
from lockgate.domain.version import Version

ITS_OWN = "registry.example/onnx@sha256:" + "a" * 64
ANOTHER = "elsewhere.example/onnx@sha256:" + "b" * 64


def made_for(number: int, image: object, *, nested: bool = False) -> Version:
    metadata = {"runtime": {"image": image}} if nested else {"runtime.image": image}
    return version(number, metadata=metadata)


async def serving(**spec: object) -> Rig:
    rig = Rig()
    rig.create(**spec)
    await rig.serve(1)
    return rig


async def move(rig: Rig, found: Version) -> None:
    rig.registry.point("production", found)
    await rig.poll()
    await rig.settle()


def said(rig: Rig) -> str:
    condition = rig.condition("Ready")
    assert condition is not None
    return str(condition["message"])


async def test_a_version_made_for_another_image_is_refused_with_both_digests_and_stable_serves_on():
    rig = await serving()
    await move(rig, made_for(2, ANOTHER))
    assert rig.verdict("Ready") == rig.verdict("Resolved") == ("False", "RuntimeMismatch")
    assert "sha256:" + "a" * 64 in said(rig)
    assert "sha256:" + "b" * 64 in said(rig)
    assert rig.status["stable"]["version"] == "v1"
    assert "candidate" not in rig.status
    rig.cluster.writes.clear()
    rig.wait(minutes=10)
    await rig.look()
    assert rig.cluster.writes == []


@pytest.mark.parametrize("nested", [False, True])
async def test_one_made_for_just_this_image_rolls_out_from_whichever_repository_it_came(nested):
    rig = await serving()
    await move(rig, made_for(2, "mirror.example/x@sha256:" + "a" * 64, nested=nested))
    assert rig.status["candidate"]["version"] == "v2"


async def test_a_runtime_with_that_image_lets_it_begin():
    rig = await serving()
    await move(rig, made_for(2, ANOTHER))
    assert rig.verdict("Ready") == ("False", "RuntimeMismatch")
    rig.cluster.put(MODEL_RUNTIME, runtime_object(image=ANOTHER))
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_an_edit_of_the_runtime_does_not_reach_what_is_pinned_to_the_image_before():
    rig = await serving()
    await move(rig, made_for(2, ITS_OWN))
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"
    rig.cluster.put(MODEL_RUNTIME, runtime_object(image=ANOTHER))
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "RuntimeMismatch")
    assert "candidate" not in rig.status


@pytest.mark.parametrize("pinned", ["registry.example/onnx:latest", "", 7, ["x"], "sha256:abc"])
async def test_a_pin_without_a_digest_can_be_held_to_by_nobody(pinned):
    rig = await serving()
    await move(rig, made_for(2, pinned))
    assert rig.verdict("Ready") == ("False", "RuntimeMismatch")
    assert "names no digest" in said(rig)


async def test_a_person_who_pins_the_version_has_not_changed_what_it_was_made_for():
    rig = await serving()
    rig.registry.point("v2", made_for(2, ANOTHER))
    rig.create(pin={"version": "v2", "reason": "now"})
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "RuntimeMismatch")


async def test_a_warning_lets_it_begin_and_stays_told():
    rig = await serving(gates={"runtime": "Warn"})
    await move(rig, made_for(2, ANOTHER))
    assert rig.status["candidate"]["version"] == "v2"
    resolved = rig.condition("Resolved")
    assert resolved is not None
    assert "warned by gate runtime: v2 was made for sha256:bbbb" in resolved["message"]


async def test_where_nobody_looks_nothing_is_told():
    rig = await serving(gates={"runtime": "Ignore"})
    await move(rig, made_for(2, ANOTHER))
    assert rig.status["candidate"]["version"] == "v2"
    resolved = rig.condition("Resolved")
    assert resolved is not None
    assert "warned" not in resolved["message"]
