"""What pods are made of changes by a rollout, with its gates, its abort and its history, or not at all."""

from copy import deepcopy
from dataclasses import replace

import pytest
from tests.fakes.builders import PODS, deployment_object, runtime_object, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.backends.settings import PodSource
from lockgate.domain.resources import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    MODEL_DEPLOYMENT,
    MODEL_RUNTIME,
    Object,
)
from lockgate.errors import RegistryUnavailable

RUNTIME = ("", "onnx")
DOWN = RegistryUnavailable("the registry did not answer")


def template(rig: Rig) -> Object:
    return deepcopy(rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"])


def edit_runtime(rig: Rig, threads: str = "4", **spec: object) -> None:
    """The platform team edits an environment variable."""
    rig.cluster.put(MODEL_RUNTIME, runtime_object(env=[{"name": "THREADS", "value": threads}], **spec))


def with_other_files(name: str) -> Object:
    """The status of a pod that proved another tree."""
    status = ready_pod(name)
    ended = status["initContainerStatuses"][0]["state"]["terminated"]
    ended["message"] = ended["message"].replace("7" * 64, "8" * 64)
    return status


def ledger(rig: Rig) -> dict[str, Object]:
    return {key[1]: obj for (kind, key), obj in rig.cluster.objects.items() if kind is CONTROLLER_REVISION}


def another_day(rig: Rig) -> None:
    """An operator of another release, with other settings in every field that a pod could show."""
    pods = replace(
        PODS,
        fetch_image="registry.example/lockgate:2",
        sources={
            "default": PodSource(
                base_url="https://elsewhere.example",
                secret_name="other-secret",
                secret_key="key",
                ca_config_map="authorities",
            )
        },
        fetch_deadline_seconds=60,
        fetch_max_bytes=10**6,
        image_pull_secrets=("pull",),
        storage_requests=False,
        cache_claim="models",
    )
    rig.reconciler = replace(rig.reconciler, backend=rig.backend(pods))


async def test_an_operator_with_other_settings_replaces_no_pod_and_writes_nothing(rig):
    await rig.serve(1)
    before = template(rig)
    another_day(rig)
    rig.cluster.writes.clear()
    for _ in range(5):
        rig.wait(minutes=5)
        await rig.poll()
        await rig.look()
    assert rig.cluster.writes == []
    assert template(rig) == before


async def test_other_settings_hold_from_the_next_release_on(rig):
    await rig.serve(1)
    another_day(rig)
    await rig.serve(2)
    (fetch,) = template(rig)["spec"]["initContainers"]
    assert fetch["image"] == "registry.example/lockgate:2"


async def test_what_was_edited_by_hand_is_put_right_as_it_was_and_not_as_it_would_be_today(rig):
    await rig.serve(1)
    before = template(rig)
    another_day(rig)
    edit_runtime(rig, onChange="NextVersion")
    workload = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/other:1"
    rig.cluster.put(DEPLOYMENT, workload)
    await rig.settle()
    assert template(rig) == before
    assert [event["reason"] for event in rig.cluster.events][-1] == "DriftRepaired"


async def test_an_edited_runtime_is_a_rollout_like_any_other(rig):
    await rig.serve(1)
    before, release = template(rig), rig.status["stable"]["release"]
    edit_runtime(rig)
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v1"
    assert rig.status["candidate"]["release"] != release
    assert rig.status["rollout"]["trigger"] == "RuntimeChanged"
    assert rig.status["stable"]["release"] == release
    assert rig.cluster.events[-1]["reason"] == "RolloutStarted"
    assert template(rig) != before
    assert {"name": "THREADS", "value": "4"} in template(rig)["spec"]["containers"][0]["env"]
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["release"] not in (None, release)
    ended = rig.status["history"][0]
    assert (ended["outcome"], ended["trigger"]) == ("Promoted", "RuntimeChanged")
    assert rig.verdict("Ready") == ("True", "RolledOut")


async def test_an_edited_runtime_under_which_nothing_comes_up_is_taken_back(rig):
    await rig.serve(1)
    before = template(rig)
    edit_runtime(rig)
    await rig.settle()
    rig.cluster.begin_roll(KEY)
    await rig.settle()
    rig.wait(minutes=21)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert template(rig) == before
    assert rig.verdict("Stalled") == ("True", "RolloutAborted")
    rig.cluster.writes.clear()
    rig.wait(hours=3)
    await rig.poll()
    await rig.settle()
    assert rig.cluster.writes == [], "it is not tried again"
    edit_runtime(rig, threads="8")
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v1", "another edit is"


async def test_an_edit_that_is_taken_back_leads_back_without_new_pods(rig):
    await rig.serve(1)
    before = template(rig)
    edit_runtime(rig)
    await rig.settle()
    rig.cluster.put(MODEL_RUNTIME, runtime_object())
    await rig.settle()
    assert "candidate" not in rig.status
    assert template(rig) == before


async def test_what_a_runtime_accepts_or_how_it_is_measured_is_no_part_of_its_pods(rig):
    await rig.serve(1)
    rig.cluster.writes.clear()
    rig.cluster.put(
        MODEL_RUNTIME, runtime_object(acceptedFormats=["onnx", "gguf"], metrics={"path": "/metrics"})
    )
    await rig.settle()
    assert rig.cluster.writes == []


async def test_an_edit_that_waits_for_the_next_version_comes_with_it(rig):
    await rig.serve(1)
    before = template(rig)
    edit_runtime(rig, onChange="NextVersion")
    rig.cluster.writes.clear()
    await rig.settle()
    rig.create(replicas=3)
    await rig.settle()
    assert "candidate" not in rig.status
    assert template(rig) == before
    await rig.serve(2)
    assert {"name": "THREADS", "value": "4"} in template(rig)["spec"]["containers"][0]["env"]


async def test_a_first_version_that_does_not_come_up_takes_an_edit_at_once(rig):
    rig.registry.point("production", version(1))
    await rig.settle()
    rig.cluster.roll(KEY, lambda name: {}, complete=False)
    rig.wait(minutes=21)
    await rig.settle()
    edit_runtime(rig, onChange="NextVersion")
    await rig.settle()
    assert {"name": "THREADS", "value": "4"} in template(rig)["spec"]["containers"][0]["env"]


async def test_of_those_on_a_runtime_only_so_many_roll_at_once_because_it_was_edited(rig):
    keys = [("growth", "churn"), ("growth", "other"), ("growth", "third")]
    for number, (namespace, name) in enumerate(keys[1:], start=2):
        obj = deployment_object(name=name, namespace=namespace, uid=f"uid-owner-{number}")
        rig.cluster.put(MODEL_DEPLOYMENT, obj)
    rig.registry.point("production", version(1))
    await rig.poll()

    async def look_at_all() -> list[tuple[str, str]]:
        for _ in range(4):
            for key in keys:
                await rig.look(key)
        return [key for key in keys if "candidate" in rig.status_of(key)]

    await look_at_all()
    for key in keys:
        rig.cluster.roll(key, ready_pod)
    assert await look_at_all() == []
    edit_runtime(rig)
    rolled = []
    while rolling := await look_at_all():
        assert len(rolling) == 1
        rolled += rolling
        rig.cluster.roll(rolling[0], ready_pod)
    assert sorted(rolled) == sorted(keys)
    assert rig.edits.waiting() == 0


async def test_the_way_back_is_what_ran_although_its_runtime_was_edited_meanwhile(rig):
    await rig.serve(1)
    before = template(rig)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.cluster.begin_roll(KEY)
    rig.registry.down = DOWN
    for _ in range(3):
        await rig.poll()
    edit_runtime(rig)
    another_day(rig)
    await rig.settle()
    rig.wait(minutes=21)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert template(rig) == before


async def test_a_version_that_served_before_is_pinned_while_the_registry_is_away(rig):
    await rig.serve(1)
    first = rig.status["stable"]["release"]
    await rig.serve(2)
    rig.registry.down = DOWN
    for _ in range(3):
        await rig.poll()
    rig.create(pin={"version": "v1", "reason": "incident 42"})
    await rig.settle()
    assert (rig.status["candidate"]["version"], rig.status["candidate"]["release"]) == ("v1", first)
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v1"
    assert rig.status["stable"]["treeDigest"] == "sha256:" + "7" * 64


async def test_a_version_that_served_before_must_be_of_the_same_files(rig):
    await rig.serve(1)
    await rig.serve(2)
    rig.registry.point("production", version(1))
    await rig.poll()
    await rig.settle()
    (fetch,) = template(rig)["spec"]["initContainers"]
    assert "--expect-tree=sha256:" + "7" * 64 in fetch["args"]
    rig.cluster.roll(KEY, with_other_files)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert "different files" in rig.status["history"][0]["message"]
    assert rig.status["stable"]["version"] == "v2"


async def test_the_ledger_holds_what_history_holds(rig):
    rig.create(revisionHistoryLimit=2)
    for number in (1, 2, 3, 4):
        await rig.serve(number)
    named = {rig.status["stable"]["release"], rig.status["previous"]["release"]}
    named |= {entry["release"] for entry in rig.status["history"]}
    assert set(ledger(rig)) == {f"churn-{release}" for release in named}
    assert len(named) < 4


async def test_an_entry_that_was_lost_is_found_in_what_runs(rig):
    await rig.serve(1)
    before = template(rig)
    ((name, _),) = ledger(rig).items()
    rig.cluster.drop(CONTROLLER_REVISION, ("growth", name))
    another_day(rig)
    edit_runtime(rig, onChange="NextVersion")
    rig.create(replicas=3)
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 3
    assert template(rig) == before
    assert ledger(rig)[name]["data"] == {"template": before}


async def test_what_is_nowhere_to_be_found_is_told_and_left_alone(rig):
    await rig.serve(1)
    ((name, _),) = ledger(rig).items()
    rig.cluster.drop(CONTROLLER_REVISION, ("growth", name))
    edit_runtime(rig, onChange="NextVersion")
    workload = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/other:1"
    rig.cluster.put(DEPLOYMENT, workload)
    rig.cluster.writes.clear()
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "TemplateLost")
    assert set(rig.cluster.writes) == {"status ModelDeployment"}


async def test_an_entry_of_somebody_else_is_never_taken_for_ours(rig):
    await rig.serve(1)
    ((name, entry),) = ledger(rig).items()
    forged = deepcopy(entry)
    forged["metadata"]["ownerReferences"][0]["uid"] = "uid-stranger"
    rig.cluster.drop(CONTROLLER_REVISION, ("growth", name))
    rig.cluster.put(CONTROLLER_REVISION, forged)
    rig.create(replicas=3)
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "NotOwned")
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2
    assert ledger(rig)[name]["metadata"]["ownerReferences"][0]["uid"] == "uid-stranger"


@pytest.mark.parametrize("begins", ["the pods of the last try", "other pods"])
async def test_a_release_that_begins_again_is_drawn_anew(rig, begins):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    rig.registry.point("production", version(1))
    await rig.poll()
    await rig.settle()
    if begins == "other pods":
        another_day(rig)
    rig.registry.point("production", version(2))
    await rig.poll()
    await rig.settle()
    (fetch,) = template(rig)["spec"]["initContainers"]
    image = "registry.example/lockgate:2" if begins == "other pods" else "registry.example/lockgate:1"
    assert fetch["image"] == image
    kept = ledger(rig)[f"churn-{rig.status['candidate']['release']}"]
    assert kept["data"]["template"] == template(rig)
