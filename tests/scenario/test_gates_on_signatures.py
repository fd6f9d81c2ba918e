"""The gate on signatures, on the real reconciler: who may not begin does not, and a warning stays told."""

import pytest
from tests.fakes.builders import version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.signature import kept_signature
from lockgate.domain.version import Version

WARNING = "alias production of model/churn is v2; warned by gate signature: input x is FP32 in stable"


def typed(number: int, datatype: str | None = "FP32") -> Version:
    x = {"name": "x", "datatype": datatype, "shape": [-1]}
    declared = {"signature": {"inputs": [x], "outputs": []}} if datatype else {}
    return version(number, signature=kept_signature(declared))


async def serving(rule: str, **spec: object) -> Rig:
    rig = Rig()
    rig.create(gates={"signature": rule}, **spec)
    rig.registry.point("v1", typed(1))
    rig.registry.point("production", typed(1))
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    return rig


async def move(rig: Rig, found: Version) -> None:
    rig.registry.point("production", found)
    await rig.poll()
    await rig.settle()


def warnings(rig: Rig) -> list[str]:
    return [event["note"] for event in rig.cluster.events if event["reason"] == "GateWarned"]


async def test_a_version_that_clients_could_not_use_is_refused_and_what_serves_serves_on():
    rig = await serving("Require")
    await move(rig, typed(2, "INT64"))
    assert rig.verdict("Resolved") == rig.verdict("Ready") == ("False", "GateRefused")
    told = "gate signature refuses v2: input x is FP32 in stable and INT64 in the candidate"
    assert rig.condition("Ready")["message"] == told
    assert "candidate" not in rig.status
    rig.cluster.writes.clear()
    rig.wait(minutes=10)
    await rig.look()
    assert rig.cluster.writes == []
    await move(rig, typed(3))
    assert rig.status["candidate"]["version"] == "v3"


async def test_a_version_that_says_nothing_is_refused_where_that_is_required_with_a_sentence_of_its_own():
    rig = await serving("Require")
    await move(rig, typed(2, None))
    assert rig.verdict("Ready") == ("False", "GateRefused")
    assert "its metadata declares no signature" in rig.condition("Ready")["message"]


async def test_a_warning_is_told_by_one_event_and_in_the_condition_until_the_rollout_has_ended():
    rig = await serving("Warn")
    await move(rig, typed(2, "INT64"))
    assert rig.status["candidate"]["version"] == "v2"
    assert rig.condition("Resolved")["message"].startswith(WARNING)
    rig.restart()
    await rig.look()
    assert rig.condition("Resolved")["message"].startswith(WARNING)
    (told,) = warnings(rig)
    assert told.startswith("gate signature: input x is FP32 in stable and INT64")
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"
    assert rig.condition("Resolved")["message"] == "alias production of model/churn is v2"
    assert len(warnings(rig)) == 1


async def test_a_warning_is_told_also_while_its_version_waits_for_its_time():
    rig = await serving("Warn", settle={"debounce": "5m"})
    await move(rig, typed(2, "INT64"))
    assert rig.verdict("Ready") == ("Unknown", "Settling")
    assert rig.condition("Resolved")["message"].startswith(WARNING)
    assert warnings(rig) == []
    rig.wait(minutes=6)
    await rig.settle()
    assert len(warnings(rig)) == 1


@pytest.mark.parametrize("spec", [{"signature": "Ignore"}, {}])
async def test_who_asks_for_no_gate_is_told_nothing(spec):
    rig = await serving("Ignore")
    rig.create(gates=spec)
    await move(rig, typed(2, "INT64"))
    assert rig.status["candidate"]["version"] == "v2"
    assert "warned" not in rig.condition("Resolved")["message"]


async def test_what_a_person_pins_passes():
    rig = await serving("Require")
    rig.registry.point("v2", typed(2, "INT64"))
    rig.create(gates={"signature": "Require"}, pin={"version": "v2", "reason": "incident 42"})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
