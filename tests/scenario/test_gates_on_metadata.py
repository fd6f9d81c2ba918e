"""Gates on metadata, on the real reconciler: a version that is refused leaves everything as it was."""

from dataclasses import replace

import pytest
from tests.fakes.builders import version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import DEPLOYMENT
from lockgate.errors import RegistryUnavailable

BETTER = {"name": "quality", "expression": "candidate.metadata.auc >= stable.metadata.auc"}


def measured(number: int, auc: float):
    return replace(version(number), metadata={"auc": auc})


@pytest.fixture
async def rig():
    rig = Rig()
    rig.create(gates={"metadata": [BETTER]})
    rig.registry.point("v1", measured(1, 0.9))
    rig.registry.point("production", measured(1, 0.9))
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1", "a first one has nothing to be compared with"
    return rig


async def move(rig: Rig, number: int, auc: float) -> None:
    rig.registry.point("production", measured(number, auc))
    await rig.poll()
    await rig.settle()


async def test_a_worse_version_is_refused_and_what_serves_serves_on(rig):
    before = rig.cluster.objects[DEPLOYMENT, KEY]["metadata"]["resourceVersion"]
    await move(rig, 2, 0.8)
    assert rig.verdict("Resolved") == ("False", "GateRefused")
    assert rig.verdict("Ready") == ("False", "GateRefused")
    assert rig.verdict("Available")[0] == "True"
    assert "candidate.metadata.auc is 0.8, stable.metadata.auc is 0.9" in rig.condition("Ready")["message"]
    assert rig.status["stable"]["version"] == "v1"
    assert "candidate" not in rig.status
    assert rig.cluster.objects[DEPLOYMENT, KEY]["metadata"]["resourceVersion"] == before


async def test_what_was_refused_costs_nothing_while_nothing_changes(rig):
    await move(rig, 2, 0.8)
    rig.cluster.writes.clear()
    for _ in range(3):
        rig.wait(minutes=10)
        await rig.look()
    assert rig.cluster.writes == []


async def test_a_better_version_after_it_is_rolled_out(rig):
    await move(rig, 2, 0.8)
    await move(rig, 3, 0.95)
    assert rig.status["candidate"]["version"] == "v3"
    assert rig.verdict("Resolved") == ("True", "Resolved")


async def test_a_candidate_that_has_begun_is_asked_no_more(rig):
    await move(rig, 3, 0.95)
    rig.registry.point("v1", measured(1, 0.99))
    await rig.poll()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v3"


async def test_what_a_person_pins_passes(rig):
    rig.registry.point("v2", measured(2, 0.1))
    rig.create(gates={"metadata": [BETTER]}, pin={"version": "v2", "reason": "incident 42"})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_while_the_registry_does_not_tell_of_who_serves_nothing_begins(rig, monkeypatch):
    ask, is_down = rig.registry.look_up, True

    def look_up(references):
        outage = RegistryUnavailable("it is down")
        found = ask(references)
        return {one: outage if is_down and str(one.wanted) == "v1" else found[one] for one in references}

    monkeypatch.setattr(rig.registry, "look_up", look_up)
    await move(rig, 2, 0.95)
    assert "candidate" not in rig.status
    assert rig.verdict("Ready") == ("True", "RegistryUnavailable")
    is_down = False
    await rig.poll()
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_an_expression_that_cannot_be_read_is_told_by_its_field(rig):
    rig.create(gates={"metadata": [{"name": "quality", "expression": "candidate.metadata.auc >"}]})
    await move(rig, 2, 0.95)
    assert rig.verdict("Ready") == ("False", "InvalidSpec")
    assert rig.condition("Ready")["message"].startswith("spec.gates.metadata[0].expression cannot be used")
