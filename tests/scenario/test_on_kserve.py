"""Models as InferenceServices of KServe, on the real reconciler with a KServe played beside it."""

from copy import deepcopy

import pytest
from tests.fakes import kserve
from tests.fakes.builders import version
from tests.fakes.cluster import corrupt_pod, ready_pod
from tests.fakes.rig import KEY, Rig
from tests.scenario.test_a_canary import STEPS, Rollout

from lockgate.domain.resources import CONTROLLER_REVISION, DEPLOYMENT, INFERENCE_SERVICE, SERVICE, Object

MADE = kserve.made_of(KEY)
ON_KSERVE = {"kserve": {}}


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.create(backend=ON_KSERVE)
    return rig


def service(rig: Rig) -> Object:
    return rig.cluster.objects[INFERENCE_SERVICE, KEY]


def names(rig: Rig, resource: object) -> set[str]:
    return {key[1] for kind, key in rig.cluster.objects if kind is resource}


async def point(rig: Rig, number: int) -> None:
    rig.registry.point("production", version(number))
    await rig.poll()
    await rig.settle()


async def serve(rig: Rig, number: int) -> None:
    await point(rig, number)
    kserve.roll(rig.cluster, KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == f"v{number}"


async def test_a_version_runs_in_an_inference_service_and_is_proved_as_everywhere(rig):
    await point(rig, 1)
    assert names(rig, DEPLOYMENT) == set()
    predictor = service(rig)["spec"]["predictor"]
    assert [each["name"] for each in predictor["containers"]] == ["kserve-container"]
    assert [each["name"] for each in predictor["initContainers"]] == ["storage-initializer"]
    assert rig.verdict("Ready") == ("Unknown", "RollingOut")
    kserve.roll(rig.cluster, KEY, ready_pod)
    await rig.settle()
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert rig.verdict("Verified") == ("True", "FilesVerified")
    assert rig.status["stable"]["backend"] == "kserve"


async def test_clients_find_it_at_the_service_that_every_model_has(rig):
    await serve(rig, 1)
    selector = rig.cluster.objects[SERVICE, KEY]["spec"]["selector"]
    pod = rig.cluster.objects[DEPLOYMENT, MADE]["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= pod.items()


async def test_a_moved_alias_replaces_its_pods_in_place_and_costs_no_more_than_elsewhere(rig):
    await serve(rig, 1)
    rig.cluster.writes.clear()
    await serve(rig, 2)
    assert rig.cluster.writes == [
        "create ControllerRevision",
        "apply InferenceService",
        "status ModelDeployment",
        "status ModelDeployment",
    ]
    assert names(rig, INFERENCE_SERVICE) == {"churn"}


async def test_what_kserve_has_not_followed_yet_counts_for_nothing(rig):
    """All its pods are there and available, of the version before; its own status would call that ready."""
    await serve(rig, 1)
    await point(rig, 2)
    assert rig.status["candidate"]["version"] == "v2"
    assert rig.status["stable"]["version"] == "v1"
    assert rig.verdict("Ready") == ("Unknown", "RollingOut")


async def test_at_rest_and_after_a_restart_nothing_is_written(rig):
    await serve(rig, 1)
    rig.cluster.writes.clear()
    for _ in range(3):
        rig.wait(minutes=5)
        await rig.poll()
        await rig.look()
    rig.restart()
    await rig.look()
    await rig.look()
    assert rig.cluster.writes == []


async def test_another_number_of_pods_changes_nothing_of_what_they_are_made_of(rig):
    await serve(rig, 1)
    before = (
        deepcopy(service(rig)["spec"]["predictor"]),
        rig.cluster.objects[DEPLOYMENT, MADE]["spec"]["template"],
    )
    rig.create(backend=ON_KSERVE, replicas=5)
    await rig.settle()
    kserve.act(rig.cluster)
    after = service(rig)["spec"]["predictor"], rig.cluster.objects[DEPLOYMENT, MADE]["spec"]["template"]
    assert after == (before[0] | {"minReplicas": 5}, before[1])


async def test_nothing_that_moves_is_written_where_kserve_would_put_it_onto_pods(rig):
    await serve(rig, 1)
    before = deepcopy(service(rig)["metadata"])
    rig.create(backend=ON_KSERVE, replicas=3)
    await rig.settle()
    after = service(rig)["metadata"]
    assert [after.get(name) for name in ("labels", "annotations")] == [
        before.get(name) for name in ("labels", "annotations")
    ]


async def test_wrong_bytes_give_a_version_up_and_the_one_before_serves_on(rig):
    await serve(rig, 1)
    await point(rig, 2)
    kserve.roll(rig.cluster, KEY, corrupt_pod(attempts=3), complete=False)
    await rig.settle()
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert "other bytes" in rig.status["history"][0]["message"]
    assert service(rig)["spec"]["predictor"]["annotations"]["lockgate.dev/model-version"] == "v1"
    rig.cluster.writes.clear()
    rig.wait(hours=1)
    await rig.poll()
    await rig.look()
    assert rig.cluster.writes == []


async def test_a_field_that_somebody_edits_is_put_right_until_that_becomes_a_fight(rig):
    await serve(rig, 1)
    for _ in range(12):
        edited = deepcopy(service(rig))
        edited["spec"]["predictor"]["containers"][0]["image"] = "somebody.example/else"
        rig.cluster.put(INFERENCE_SERVICE, edited)
        rig.cluster.writes.clear()
        await rig.look()
        if "apply InferenceService" not in rig.cluster.writes:
            break
        assert service(rig)["spec"]["predictor"]["containers"][0]["image"] != "somebody.example/else"
    assert rig.verdict("Ready") == ("False", "Contested")


async def test_an_inference_service_of_somebody_else_is_left_alone(rig):
    theirs = {"metadata": {"namespace": KEY[0], "name": KEY[1]}, "spec": {"predictor": {"minReplicas": 7}}}
    rig.cluster.put(INFERENCE_SERVICE, theirs)
    rig.registry.point("production", version(1))
    await rig.poll()
    for _ in range(4):
        await rig.look()
    assert service(rig)["spec"] == {"predictor": {"minReplicas": 7}}
    assert rig.verdict("Ready") == ("False", "NotOwned")


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT], ids=["Service", "Deployment"])
async def test_no_inference_service_is_made_where_kserve_would_write_over_what_is_somebody_elses(rig, kind):
    """KServe asks nobody whose the Service is: its requests would go to another model."""
    theirs = {"metadata": {"namespace": MADE[0], "name": MADE[1]}, "spec": {"selector": {"app": "theirs"}}}
    theirs["spec"]["template"] = {"metadata": {}}
    rig.cluster.put(kind, theirs)
    await point(rig, 1)
    assert names(rig, INFERENCE_SERVICE) == set()
    assert rig.verdict("Ready") == ("False", "NotOwned")
    assert f"{kind.kind} churn-predictor" in (rig.condition("Ready") or {})["message"]
    rig.cluster.erase(kind, MADE)
    rig.wait(minutes=10)
    await serve(rig, 1)


async def test_what_kserve_left_of_one_before_holds_up_nobody(rig):
    await serve(rig, 1)
    left = deepcopy(rig.cluster.objects[DEPLOYMENT, MADE])
    rig.cluster.erase(INFERENCE_SERVICE, KEY)
    rig.cluster.put(DEPLOYMENT, left)
    await rig.settle()
    assert names(rig, INFERENCE_SERVICE) == {"churn"}


async def test_a_deployment_that_is_only_named_like_kserves_is_not_taken_for_it(rig):
    await point(rig, 1)
    kserve.roll(rig.cluster, KEY, ready_pod)
    forged = deepcopy(rig.cluster.objects[DEPLOYMENT, MADE])
    forged["metadata"]["ownerReferences"][0]["uid"] = "of-nobody"
    rig.cluster.put(DEPLOYMENT, forged)
    await rig.settle()
    assert "stable" not in rig.status


async def test_a_controller_that_is_not_running_is_named_once_it_is_late(rig):
    await point(rig, 1)
    rig.wait(minutes=21)
    await rig.settle()
    status, reason = rig.verdict("Stalled")
    assert (status, reason) == ("True", "ProgressDeadlineExceeded")
    condition = rig.condition("Stalled")
    assert condition is not None
    assert "is its controller running?" in condition["message"]


async def test_what_kserve_refuses_is_told_in_its_own_words(rig):
    await point(rig, 1)
    refused = deepcopy(service(rig))
    refused["status"] = {
        "conditions": [
            {
                "type": "PredictorReady",
                "status": "False",
                "reason": "ReconcileFailed",
                "message": "no such class",
            }
        ]
    }
    rig.cluster.put(INFERENCE_SERVICE, refused)
    rig.wait(minutes=21)
    await rig.settle()
    condition = rig.condition("Stalled")
    assert condition is not None
    assert "KServe: no such class" in condition["message"]


async def test_without_the_kind_it_says_so_and_nothing_is_written(rig):
    rig.sight.absent.add(INFERENCE_SERVICE)
    rig.registry.point("production", version(1))
    await rig.poll()
    await rig.look()
    assert rig.verdict("Ready") == ("False", "BackendNotReady")
    condition = rig.condition("Ready")
    assert condition is not None
    assert "no inferenceservices of serving.kserve.io/v1beta1" in condition["message"]
    assert not {write for write in rig.cluster.writes if not write.startswith("status")}


async def test_where_the_platform_does_not_offer_it_the_field_is_named(rig):
    rig.offered = ()
    rig.restart()
    await rig.look()
    assert rig.verdict("Ready") == ("False", "InvalidSpec")
    condition = rig.condition("Ready")
    assert condition is not None
    assert condition["message"].startswith("spec.backend.kserve is not offered here")


@pytest.mark.parametrize("how", ["unseen", "absent", "not offered"])
async def test_what_serves_there_is_left_as_it_is_while_it_cannot_be_seen(rig, how):
    await serve(rig, 1)
    if how == "not offered":
        rig.offered = ()
        rig.restart()
    else:
        getattr(rig.sight, how).add(INFERENCE_SERVICE)
    # The watch has not told of them, which must not mean that they are gone.
    rig.store.remove(INFERENCE_SERVICE, service(rig))
    rig.cluster.writes.clear()
    await point(rig, 2)
    assert {write for write in rig.cluster.writes if not write.startswith("status")} == set()
    assert rig.verdict("Ready") == ("False", "BackendNotReady")
    assert rig.status["stable"]["version"] == "v1"


@pytest.mark.parametrize(
    ("first", "second"), [({"deployment": {}}, ON_KSERVE), (ON_KSERVE, {"deployment": {}})]
)
async def test_another_backend_serves_before_the_one_before_goes(first, second):
    rig = Rig()
    rig.create(backend=first)
    await point(rig, 1)
    kserve.act(rig.cluster)
    begun = MADE if first is ON_KSERVE else KEY
    rig.cluster.roll(begun, ready_pod)
    await rig.settle()
    rig.create(backend=second)
    await rig.settle()
    assert rig.status["rollout"]["trigger"] == "SpecChanged"
    (new,) = names(rig, DEPLOYMENT if second != ON_KSERVE else INFERENCE_SERVICE) - {KEY[1], MADE[1]}
    assert begun[1] in names(rig, DEPLOYMENT)

    place = (KEY[0], new)
    kserve.act(rig.cluster)
    rig.cluster.roll(kserve.made_of(place) if second is ON_KSERVE else place, ready_pod)
    await rig.settle(passes=10)
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert names(rig, INFERENCE_SERVICE) == ({new} if second is ON_KSERVE else set())
    assert KEY[1] not in names(rig, DEPLOYMENT)
    assert len(names(rig, CONTROLLER_REVISION)) == 2, "the way back is kept"


async def test_a_canary_has_an_inference_service_of_its_own_and_a_part_of_the_route():
    canary = Rollout({"canary": {"steps": STEPS}}, backend=ON_KSERVE)
    await canary.begin(1)
    assert canary.shares() == {"v1": 100}
    seen = []
    await canary.begin(2)
    for _ in range(3):
        seen.append((canary.status.get("step"), canary.shares(), len(names(canary.rig, INFERENCE_SERVICE))))
        canary.rig.wait(minutes=1, seconds=1)
        await canary.rest()
    assert seen == [
        ("1/3", {"v1": 90, "v2": 10}, 2),
        ("2/3", {"v1": 50, "v2": 50}, 2),
        (None, {"v2": 100}, 2),
    ]
    canary.rig.wait(minutes=5)
    await canary.rest()
    assert len(names(canary.rig, INFERENCE_SERVICE)) == 1
