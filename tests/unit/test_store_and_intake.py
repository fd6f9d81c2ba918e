"""The store keeps the newest it has seen, and the intake wakes whom a change concerns."""

from tests.fakes.builders import deployment_object, runtime_object

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, MODEL_RUNTIME, POD
from lockgate.watch.handlers import Intake, Relists
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
        self.intake = Intake(self.store, self.keys.append, self.forgotten.append)


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
    assert not store.upsert(DEPLOYMENT, child(3))
    assert store.upsert(DEPLOYMENT, child(4)), "made anew under the same name"


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
    before = store.keys(DEPLOYMENT)
    store.upsert(DEPLOYMENT, child(2, name="new"))
    gone = store.missing(DEPLOYMENT, [], before)
    assert [obj["metadata"]["name"] for obj in gone] == ["old"]


def test_a_child_wakes_its_deployment_and_the_echo_of_an_own_write_does_not():
    woken = Woken()
    woken.intake.take(MODEL_DEPLOYMENT, "ADDED", deployment_object())
    woken.keys.clear()
    woken.store.upsert(DEPLOYMENT, child(5))
    woken.intake.take(DEPLOYMENT, "MODIFIED", child(5))
    assert woken.keys == []
    woken.intake.take(DEPLOYMENT, "MODIFIED", child(6))
    assert woken.keys == [("growth", "churn")]


def test_a_changed_runtime_wakes_only_its_users():
    woken = Woken()
    woken.intake.take(MODEL_DEPLOYMENT, "ADDED", deployment_object())
    woken.intake.take(MODEL_DEPLOYMENT, "ADDED", deployment_object(name="other", runtime={"name": "triton"}))
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


def test_a_second_list_of_a_kind_is_noticed_and_the_first_is_not():
    relists, a, b = Relists(), ("growth", "a"), ("growth", "b")
    assert not relists.is_repeated(DEPLOYMENT, None, a)
    assert not relists.is_repeated(DEPLOYMENT, None, b)
    assert not relists.is_repeated(POD, None, a)
    assert not relists.is_repeated(DEPLOYMENT, "MODIFIED", a)
    assert relists.is_repeated(DEPLOYMENT, None, b)
    assert not relists.is_repeated(DEPLOYMENT, None, a), "one list, one notice"
    relists.restart()
    assert not relists.is_repeated(DEPLOYMENT, None, b)
