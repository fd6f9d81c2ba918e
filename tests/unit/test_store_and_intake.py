"""The store keeps the newest it has seen, and the intake wakes whom a change concerns."""

import asyncio
import json
import random
import string
import tracemalloc
from typing import Any

import pytest
from tests.fakes.builders import deployment_object, runtime_object

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, MODEL_RUNTIME, POD
from lockgate.watch.handlers import Crossing, Intake
from lockgate.watch.store import TOMBSTONES, Store


def child(version: int, name: str = "churn", label: str | None = "churn"):
    labels = {"lockgate.dev/model-deployment": label} if label else {}
    return {
        "metadata": {"name": name, "namespace": "growth", "resourceVersion": str(version), "labels": labels},
        "spec": {"replicas": 1},
    }


class Woken:
    def __init__(self) -> None:
        self.store = Store()
        self.keys: list[tuple[str, str]] = []
        self.forgotten: list[tuple[str, str]] = []
        self.urgent: list[tuple[str, str]] = []
        self.intake = Intake(self.store, self.wake, self.forgotten.append)

    def wake(self, key: tuple[str, str], urgent: bool = False) -> None:
        self.keys.append(key)
        if urgent:
            self.urgent.append(key)


def test_an_older_event_never_replaces_a_newer_object():
    store = Store()
    assert store.upsert(DEPLOYMENT, child(7))
    assert not store.upsert(DEPLOYMENT, child(6))
    assert not store.upsert(DEPLOYMENT, child(7))
    assert not store.remove(DEPLOYMENT, child(6))
    assert store.get(DEPLOYMENT, ("growth", "churn"))["metadata"]["resourceVersion"] == "7"


def test_a_late_answer_brings_nothing_back_that_was_deleted_meanwhile():
    store = Store()
    store.upsert(DEPLOYMENT, child(1))
    store.remove(DEPLOYMENT, child(3))
    assert not store.upsert(DEPLOYMENT, child(2))
    assert store.upsert(DEPLOYMENT, child(4)), "made anew under the same name"


def test_what_lives_at_the_version_of_its_deletion_has_only_left_the_selection():
    store = Store()
    store.upsert(DEPLOYMENT, child(1))
    store.remove(DEPLOYMENT, child(3))
    assert store.upsert(DEPLOYMENT, child(3))


def test_what_a_list_found_missing_is_brought_back_by_no_event_that_is_late():
    store = Store()
    store.upsert(DEPLOYMENT, child(3))
    [ghost] = store.missing(DEPLOYMENT, [], store.identities(DEPLOYMENT))
    store.remove(DEPLOYMENT, ghost)
    assert not store.upsert(DEPLOYMENT, child(3))


def test_a_deletion_heard_before_the_answer_to_the_creation_counts():
    store = Store()
    assert not store.remove(DEPLOYMENT, child(3))
    assert not store.upsert(DEPLOYMENT, child(2))


def test_deletions_are_remembered_up_to_a_number():
    store = Store()
    for number in range(TOMBSTONES + 1):
        store.remove(DEPLOYMENT, child(3, name=f"d{number}"))
    assert store.upsert(DEPLOYMENT, child(2, name="d0"))
    assert not store.upsert(DEPLOYMENT, child(2, name="d1"))


def test_children_are_found_by_label_also_after_it_moved():
    store = Store()
    store.upsert(POD, child(1, name="p1"))
    store.upsert(POD, child(2, name="p2"))
    store.upsert(POD, child(3, name="p2", label="other"))
    assert [p["metadata"]["name"] for p in store.children(POD, ("growth", "churn"))] == ["p1"]
    assert [p["metadata"]["name"] for p in store.children(POD, ("growth", "other"))] == ["p2"]
    store.remove(POD, child(4, name="p1"))
    assert store.children(POD, ("growth", "churn")) == ()


def test_pods_are_kept_without_their_spec():
    store = Store()
    store.upsert(POD, child(1))
    assert "spec" not in store.get(POD, ("growth", "churn"))


def test_what_a_relist_no_longer_names_is_missing_unless_it_came_meanwhile():
    store = Store()
    store.upsert(DEPLOYMENT, child(1, name="old"))
    before = store.identities(DEPLOYMENT)
    store.upsert(DEPLOYMENT, child(2, name="new"))
    gone = store.missing(DEPLOYMENT, [], before)
    assert [obj["metadata"]["name"] for obj in gone] == ["old"]


def test_what_a_person_has_written_hurries_and_what_is_listed_or_told_by_others_does_not():
    woken, key = Woken(), ("growth", "churn")

    def take(event_type: str | None, version: int, generation: int) -> tuple[int, int]:
        obj = deployment_object()
        obj["metadata"] |= {"resourceVersion": str(version), "generation": generation}
        obj["status"] = {"step": str(version)}
        woken.intake.take(MODEL_DEPLOYMENT, event_type, obj)
        return woken.keys.count(key), woken.urgent.count(key)

    assert take(None, 1, 1) == (1, 0)
    assert take("MODIFIED", 2, 1) == (2, 0), "its status or its labels"
    assert take("MODIFIED", 3, 2) == (3, 1)
    woken.store.remove(MODEL_DEPLOYMENT, woken.store.get(MODEL_DEPLOYMENT, key))
    assert take("ADDED", 5, 1) == (4, 2)


def test_a_child_wakes_its_deployment_and_the_echo_of_an_own_write_does_not():
    woken = Woken()
    woken.intake.take(MODEL_DEPLOYMENT, None, deployment_object())
    woken.keys.clear()
    woken.store.upsert(DEPLOYMENT, child(5))
    woken.intake.take(DEPLOYMENT, "MODIFIED", child(5))
    assert woken.keys == []
    woken.intake.take(DEPLOYMENT, "MODIFIED", child(6) | {"status": {"replicas": 1}})
    assert woken.keys == [("growth", "churn")]


def test_what_the_answer_to_a_write_tells_of_an_arm_wakes_it_and_whose_it_is():
    woken = Woken()
    woken.store = Store(woken.wake)
    owner = {"apiVersion": "lockgate.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u1"}
    arm = deployment_object()
    arm["metadata"] |= {"name": "churn-b", "uid": "u2", "ownerReferences": [owner | {"controller": True}]}
    arm["metadata"] |= {"resourceVersion": "7", "generation": 1}
    woken.store.upsert(MODEL_DEPLOYMENT, arm)
    assert woken.keys == [("growth", "churn-b"), ("growth", "churn")]
    woken.keys.clear()
    arm["metadata"]["resourceVersion"] = "8"
    woken.store.upsert(MODEL_DEPLOYMENT, arm | {"status": {"phase": "Serving"}})
    assert woken.keys == [("growth", "churn")], "its status it wrote itself"


def test_what_nobody_reads_wakes_nobody_and_its_version_is_known_all_the_same():
    woken, key = Woken(), ("growth", "churn")
    woken.intake.take(MODEL_DEPLOYMENT, None, deployment_object())

    def take(version: int, **status: Any) -> list[tuple[str, str]]:
        woken.keys.clear()
        conditions = [{"type": "Progressing", "status": "True", **status}]
        told = child(version) | {"status": {"replicas": 0, "observedGeneration": 2, "conditions": conditions}}
        assert woken.intake.take(DEPLOYMENT, "MODIFIED", told), "it is newer"
        return woken.keys

    assert take(5, reason="NewReplicaSetCreated") == [key]
    assert take(6, reason="NewReplicaSetAvailable", lastUpdateTime="2026-01-01T00:00:00Z") == []
    assert woken.store.get(DEPLOYMENT, key)["metadata"]["resourceVersion"] == "6"
    assert take(7, status="False", reason="ProgressDeadlineExceeded") == [key]
    noisy = child(8, label="churn")
    noisy["metadata"]["annotations"] = {"example.com/touched": "now"}
    woken.intake.take(POD, "ADDED", child(1))
    woken.keys.clear()
    woken.intake.take(POD, "MODIFIED", noisy)
    assert woken.keys == []


def test_a_changed_runtime_wakes_only_its_users():
    woken = Woken()
    woken.intake.take(MODEL_DEPLOYMENT, None, deployment_object())
    woken.intake.take(MODEL_DEPLOYMENT, None, deployment_object(name="other", runtime={"name": "triton"}))
    woken.keys.clear()
    woken.intake.take(MODEL_RUNTIME, "MODIFIED", runtime_object())
    assert woken.keys == [("growth", "churn")]


def test_a_deleted_deployment_is_forgotten():
    woken = Woken()
    obj = deployment_object()
    woken.intake.take(MODEL_DEPLOYMENT, None, obj)
    woken.intake.take(MODEL_DEPLOYMENT, "DELETED", obj)
    assert woken.forgotten == [("growth", "churn")]
    assert woken.store.get(MODEL_DEPLOYMENT, ("growth", "churn")) is None


def test_an_object_without_its_label_still_wakes_whoever_had_it():
    woken = Woken()
    woken.intake.take(MODEL_DEPLOYMENT, "ADDED", deployment_object())
    woken.intake.take(MODEL_DEPLOYMENT, "ADDED", deployment_object(name="other"))
    woken.intake.take(DEPLOYMENT, "ADDED", child(5))
    woken.keys.clear()
    woken.intake.take(DEPLOYMENT, "MODIFIED", child(6, label=None))
    assert woken.keys == [("growth", "churn")]
    woken.keys.clear()
    woken.intake.take(DEPLOYMENT, "MODIFIED", child(7, label="other"))
    woken.intake.take(DEPLOYMENT, "MODIFIED", child(8, label="churn"))
    assert sorted(set(woken.keys)) == [("growth", "churn"), ("growth", "other")]


def test_an_object_that_leaves_the_watch_wakes_its_owner_whatever_it_carries_then():
    woken = Woken()
    woken.intake.take(MODEL_DEPLOYMENT, "ADDED", deployment_object())
    woken.intake.take(DEPLOYMENT, "ADDED", child(5))
    woken.keys.clear()
    woken.intake.take(DEPLOYMENT, "DELETED", child(6, label=None))
    assert woken.keys == [("growth", "churn")]


def test_an_object_that_was_never_seen_wakes_its_owner_when_it_goes():
    woken = Woken()
    woken.intake.take(MODEL_DEPLOYMENT, "ADDED", deployment_object())
    woken.keys.clear()
    woken.intake.take(DEPLOYMENT, "DELETED", child(6))
    assert woken.keys == [("growth", "churn")]


def test_an_edit_by_a_person_is_urgent_and_an_echo_of_our_status_is_not():
    woken = Woken()
    first = deployment_object()
    woken.intake.take(MODEL_DEPLOYMENT, "ADDED", first)
    assert woken.urgent == [("growth", "churn")]
    woken.urgent.clear()
    told = deployment_object()
    told["metadata"]["resourceVersion"] = "2"
    woken.intake.take(MODEL_DEPLOYMENT, "MODIFIED", told)
    assert woken.urgent == []
    edited = deployment_object(generation=2)
    edited["metadata"]["resourceVersion"] = "3"
    woken.intake.take(MODEL_DEPLOYMENT, "MODIFIED", edited)
    assert woken.urgent == [("growth", "churn")]


def test_an_object_made_anew_under_its_name_while_a_list_runs_is_not_missing():
    store = Store()
    store.upsert(DEPLOYMENT, child(50))
    before = store.identities(DEPLOYMENT)
    anew = child(60)
    anew["metadata"]["uid"] = "another"
    store.upsert(DEPLOYMENT, anew)
    assert store.missing(DEPLOYMENT, [], before) == []
    store = Store()
    store.upsert(DEPLOYMENT, child(50))
    before = store.identities(DEPLOYMENT)
    store.upsert(DEPLOYMENT, child(51))
    assert store.missing(DEPLOYMENT, [], before) == [], "a later version came from somewhere"


def test_versions_that_began_anew_are_taken_and_so_are_objects_that_were_deleted_later():
    store = Store()
    store.upsert(DEPLOYMENT, child(1_000_000))
    store.remove(DEPLOYMENT, child(1_000_001, name="gone"))
    assert store.newest(DEPLOYMENT) == 1_000_001
    store.begin_anew(DEPLOYMENT)
    assert store.upsert(DEPLOYMENT, child(900_000))
    assert store.upsert(DEPLOYMENT, child(900_001, name="gone"))
    assert store.newest(DEPLOYMENT) == 900_001


@pytest.mark.parametrize("version", ["abc", "a12", "", "²", "-5", "12 ", None, 7])
def test_a_version_that_is_no_number_ends_nothing(version: Any):
    woken = Woken()
    odd = child(1)
    odd["metadata"]["resourceVersion"] = version
    woken.intake.take(POD, "ADDED", odd)
    woken.store.upsert(POD, odd)
    woken.intake.take(POD, "DELETED", odd)
    assert woken.intake.take(DEPLOYMENT, "ADDED", child(2))


@pytest.mark.parametrize(
    "odd", [{}, {"metadata": {}}, {"metadata": None}, {"metadata": {"name": "n", "labels": 7}}]
)
def test_what_is_no_object_is_let_go(odd: dict[str, Any]):
    woken = Woken()
    assert not woken.intake.take(DEPLOYMENT, "ADDED", odd)
    assert not woken.intake.take(DEPLOYMENT, "DELETED", odd) or odd["metadata"]["name"] == "n"


def test_nothing_is_kept_of_what_nobody_reads():
    store, noise = Store(), "".join(random.Random(7).choices(string.ascii_letters, k=250_000))
    obj = deployment_object()
    obj["metadata"] |= {
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": noise,
            "lockgate.dev/approve": "v2",
        },
        "labels": {"team": "growth"},
        "managedFields": [{"manager": noise}],
    }
    store.upsert(MODEL_DEPLOYMENT, obj)
    kept = store.get(MODEL_DEPLOYMENT, ("growth", "churn"))
    assert kept["metadata"]["annotations"] == {"lockgate.dev/approve": "v2"}
    assert kept["spec"] == obj["spec"]
    assert len(json.dumps(kept)) < 2000


def test_a_stranger_of_a_pod_costs_little_whatever_hangs_on_it():
    noise = "".join(random.Random(7).choices(string.ascii_letters, k=250_000))
    tracemalloc.start()
    try:
        store = Store()
        for number in range(20):
            pod = child(number + 1, name=f"p{number}")
            pod["metadata"]["annotations"] = {"noise": noise + str(number), "lockgate.dev/noise": noise}
            pod["spec"] = {"noise": noise + str(number)}
            store.upsert(POD, json.loads(json.dumps(pod)))
            del pod
        assert tracemalloc.get_traced_memory()[0] / 20 < 5000
    finally:
        tracemalloc.stop()


def test_what_is_got_may_be_changed_without_harm():
    store = Store()
    store.upsert(DEPLOYMENT, child(1))
    store.get(DEPLOYMENT, ("growth", "churn"))["spec"]["replicas"] = 9
    assert store.get(DEPLOYMENT, ("growth", "churn"))["spec"]["replicas"] == 1


def test_users_of_a_runtime_follow_edits_and_deletions():
    store = Store()
    for version, runtime in ((1, "onnx"), (2, "triton")):
        obj = deployment_object(runtime={"name": runtime})
        obj["metadata"]["resourceVersion"] = str(version)
        store.upsert(MODEL_DEPLOYMENT, obj)
    assert store.users_of("onnx") == ()
    assert store.users_of("triton") == (("growth", "churn"),)
    store.remove(MODEL_DEPLOYMENT, obj)
    assert store.users_of("triton") == ()


async def test_events_cross_over_in_order_and_many_at_once():
    told: list[int] = []
    calls = 0

    class Loop:
        def call_soon_threadsafe(self, callback: Any) -> None:
            nonlocal calls
            calls += 1
            asyncio.get_running_loop().call_soon(callback)

        def call_soon(self, callback: Any) -> None:
            asyncio.get_running_loop().call_soon(callback)

    crossing = Crossing(Loop(), lambda resource, event_type, obj: told.append(obj["n"]))
    for number in range(1000):
        crossing.hand_over(POD, None, {"n": number})
    while len(told) < 1000:
        await asyncio.sleep(0)
    assert told == list(range(1000))
    assert calls == 1
    crossing.hand_over(POD, None, {"n": 1000})
    await asyncio.sleep(0)
    assert told[-1] == 1000


async def test_whoever_waits_for_what_crossed_over_is_told_when_it_was_taken_from_another_thread():
    told: list[Any] = []
    crossing = Crossing(
        asyncio.get_running_loop(), lambda resource, event_type, obj: told.append(obj), told.append
    )
    listing: Any = "the list"

    async def hand_over() -> list[Any]:
        await crossing.taken()
        for number in range(250):
            crossing.hand_over(POD, None, {"n": number})
        crossing.hand_over_list(listing)
        await crossing.taken()
        return list(told)

    seen = await asyncio.to_thread(lambda: asyncio.run(hand_over()))
    assert seen == [*({"n": number} for number in range(250)), "the list"]


async def test_whoever_no_longer_waits_for_what_crossed_over_ends_nothing():
    told: list[Any] = []
    crossing = Crossing(asyncio.get_running_loop(), lambda resource, event_type, obj: told.append(obj))
    crossing.hand_over(POD, None, {"n": 1})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(crossing.taken(), 0)
    crossing.hand_over(POD, None, {"n": 2})
    await crossing.taken()
    assert told == [{"n": 1}, {"n": 2}]
