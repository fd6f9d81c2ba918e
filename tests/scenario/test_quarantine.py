"""A version that failed in one ModelDeployment, on the real reconciler: others wait for a person."""

import pytest
from tests.fakes.builders import deployment_object, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import MODEL_DEPLOYMENT, Key
from lockgate.names import ANNOTATION_REQUEST
from lockgate.resolve.quarantine import Scope

NEAR: Key = ("growth", "ranker")
FAR: Key = ("risk", "ranker")


async def settle(rig: Rig, key: Key) -> None:
    for _ in range(8):
        before = len(rig.cluster.writes)
        await rig.look(key)
        if len(rig.cluster.writes) == before:
            return
    raise AssertionError("still writing")


async def failed_at(rig: Rig, key: Key) -> None:
    """v1 serves at both; v2 has come to the other by another alias, and was given up there."""
    rig.create()
    await rig.serve(1)
    model = {"registry": "model", "collection": "churn", "alias": "staging"}
    other = deployment_object(namespace=key[0], name=key[1], uid="uid-other", model=model)
    rig.registry.point("staging", version(1))
    rig.cluster.put(MODEL_DEPLOYMENT, other)
    await settle(rig, key)
    rig.cluster.roll(key, ready_pod)
    await settle(rig, key)
    rig.registry.point("staging", version(2))
    await rig.poll()
    await settle(rig, key)
    rig.wait(minutes=21)
    await settle(rig, key)
    assert rig.status_of(key)["stable"]["version"] == "v1"
    assert rig.status_of(key)["history"][0]["outcome"] == "Aborted"


async def wanted_here(rig: Rig, number: int = 2) -> None:
    rig.registry.point("production", version(number))
    await rig.poll()
    await rig.settle()


def ask(rig: Rig, text: str) -> None:
    found = rig.cluster.objects[MODEL_DEPLOYMENT, KEY]
    metadata = {**found["metadata"], "annotations": {ANNOTATION_REQUEST: text}}
    rig.cluster.put(MODEL_DEPLOYMENT, {**found, "metadata": metadata})


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_it_is_not_tried_and_what_serves_serves_on(rig):
    await failed_at(rig, NEAR)
    await wanted_here(rig)
    assert rig.verdict("Stalled") == ("True", "Quarantined")
    assert rig.verdict("Ready") == ("False", "Quarantined")
    assert rig.verdict("Available")[0] == "True"
    said = rig.condition("Stalled")["message"]
    assert said.startswith("v2 is not tried and v1 serves on: it failed in ranker (")
    assert "kubectl lockgate retry" in said
    assert (rig.status["stable"]["version"], rig.status.get("candidate")) == ("v1", None)
    told = [event for event in rig.cluster.events if event["reason"] == "Quarantined"]
    assert [event["type"] for event in told] == ["Warning"]


async def test_while_it_is_kept_out_nothing_is_written_also_by_another_process(rig):
    await failed_at(rig, NEAR)
    await wanted_here(rig)
    rig.cluster.writes.clear()
    for _ in range(3):
        rig.wait(minutes=10)
        await rig.look()
        rig.restart()
    assert rig.cluster.writes == []


async def test_a_person_has_it_tried_here(rig):
    await failed_at(rig, NEAR)
    await wanted_here(rig)
    ask(rig, "retry by ada because it was a full disk")
    await rig.settle()
    assert rig.status["lastRequest"]["message"].startswith("v2 (release ")
    assert rig.status["lastRequest"]["message"].endswith(") is tried here")
    assert (rig.status["candidate"]["version"], rig.condition("Stalled")) == ("v2", None)
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"
    assert rig.status["history"][0]["trigger"] == "Retried"


async def test_what_a_person_asked_for_amid_a_suspension_is_tried_once_it_ends(rig):
    await failed_at(rig, NEAR)
    await wanted_here(rig)
    rig.create(suspend=True)
    ask(rig, "retry by ada")
    await rig.settle()
    assert rig.status.get("candidate") is None
    rig.create(suspend=False)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_what_a_person_asked_for_lets_no_other_version_through(rig):
    await failed_at(rig, NEAR)
    rig.registry.point("staging", version(3))
    await rig.poll()
    await settle(rig, NEAR)
    rig.wait(minutes=21)
    await settle(rig, NEAR)
    await wanted_here(rig)
    rig.create(suspend=True)
    ask(rig, "retry by ada")
    await rig.settle()
    await wanted_here(rig, 3)
    rig.create(suspend=False)
    await rig.settle()
    assert rig.status.get("candidate") is None
    assert rig.verdict("Stalled") == ("True", "Quarantined")


async def test_a_pin_is_a_choice_of_a_person(rig):
    await failed_at(rig, NEAR)
    rig.registry.point("v2", version(2))
    rig.create(pin={"version": "v2", "reason": "tried by hand"})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_another_version_is_nobodys_failure(rig):
    await failed_at(rig, NEAR)
    await wanted_here(rig, 3)
    assert (rig.status["candidate"]["version"], rig.condition("Stalled")) == ("v3", None)


async def test_other_resources_do_not_make_it_another_version(rig):
    await failed_at(rig, NEAR)
    rig.create(resources={"limits": {"memory": "1Gi"}})
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    await wanted_here(rig)
    assert rig.verdict("Stalled") == ("True", "Quarantined")


async def test_who_remembers_it_no_more_holds_up_nobody(rig):
    await failed_at(rig, NEAR)
    await wanted_here(rig)
    rig.cluster.erase(MODEL_DEPLOYMENT, NEAR)
    await rig.settle()
    assert (rig.status["candidate"]["version"], rig.condition("Stalled")) == ("v2", None)


async def test_a_first_version_is_tried_for_nothing_else_serves(rig):
    await failed_at(rig, NEAR)
    rig.cluster.erase(MODEL_DEPLOYMENT, KEY)
    rig.registry.point("production", version(2))
    await rig.poll()
    rig.create(replicas=1)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


@pytest.mark.parametrize(
    ("scope", "where", "is_kept_out"),
    [
        (Scope.FLEET, NEAR, True),
        (Scope.FLEET, FAR, True),
        (Scope.NAMESPACE, FAR, False),
        (Scope.NONE, NEAR, False),
    ],
)
async def test_the_platform_says_whose_failures_count(scope, where, is_kept_out):
    rig = Rig(scope)
    await failed_at(rig, where)
    await wanted_here(rig)
    assert (rig.condition("Stalled") is not None) is is_kept_out
    assert ("candidate" not in rig.status) is is_kept_out


async def test_another_namespace_learns_neither_who_failed_nor_how():
    rig = Rig(Scope.FLEET)
    await failed_at(rig, FAR)
    await wanted_here(rig)
    said = rig.condition("Stalled")["message"]
    assert "it failed in another namespace; " in said
    assert FAR[0] not in said
    assert FAR[1] not in said
