"""What an InferenceService and the Deployment that KServe makes of it say together."""

from copy import deepcopy

import pytest
from tests.fakes.builders import deployment, revision

from lockgate.api.shares import Role
from lockgate.backends.kserve.facts import facts_of, release_in
from lockgate.backends.kserve.workload import check, render_workload
from lockgate.domain.plan import Track
from lockgate.domain.resources import INFERENCE_SERVICE, Object
from lockgate.errors import InvalidSpec
from lockgate.watch.slim import slim

ASKED = deployment(backend={"kserve": {}})


def service(number: int = 2, replicas: int | None = 2) -> Object:
    track = Track(role=Role.CANDIDATE, release=revision(number), workload="churn", replicas=replicas)
    return render_workload(ASKED, track)


def made(number: int = 2, replicas: int = 2, **status: object) -> Object:
    """The Deployment, all of whose pods are there and available, as its controller saw it last."""
    predictor = service(number)["spec"]["predictor"]
    marks = {name: deepcopy(predictor[name]) for name in ("labels", "annotations")}
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas)
    return {
        "metadata": {"name": "churn-predictor", "generation": 4},
        "spec": {"replicas": replicas, "template": {"metadata": marks}},
        "status": {"observedGeneration": 4, **counts, **status},
    }


def test_it_is_out_when_its_deployment_is():
    facts = facts_of(service(), made())
    assert facts.is_complete
    assert (facts.name, facts.replicas, facts.available) == ("churn", 2, 2)
    assert facts.revision == release_in(service())


@pytest.mark.parametrize(
    "behind",
    [made(1), made(replicas=1), made(observedGeneration=3)],
    ids=["another release", "another number of pods", "not seen by its controller"],
)
def test_a_deployment_that_is_behind_has_no_pod_of_what_is_asked(behind):
    facts = facts_of(service(), behind)
    assert not facts.generation_observed
    assert not facts.is_complete
    assert facts.updated == 0
    assert facts.available == behind["status"]["availableReplicas"], "they answer all the same"


def test_ten_minutes_of_kserves_own_are_no_deadline_of_anybody():
    late = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    assert not facts_of(service(), made(conditions=late)).deadline_exceeded


def test_what_keeps_pods_from_being_made_is_told():
    refused = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]
    assert facts_of(service(), made(conditions=refused)).problem == "no pod can be made: exceeded quota"


def test_a_service_is_read_the_same_when_only_what_is_kept_of_it_is_there():
    refusal = {"type": "PredictorReady", "status": "False", "reason": "X", "message": "no " + "x" * 9000}
    whole = service() | {"status": {"conditions": [refusal], "url": "http://x"}}
    kept = slim(INFERENCE_SERVICE, whole)
    assert facts_of(kept, None) == facts_of(whole, None)
    assert facts_of(kept, made()) == facts_of(whole, made())
    assert len(facts_of(kept, None).problem or "") < 400


@pytest.mark.parametrize("spec", [{}, {"predictor": None}, {"predictor": {"minReplicas": 2}}])
def test_one_without_our_marks_is_of_no_release(spec):
    assert release_in({"metadata": {"name": "churn"}, "spec": spec}) is None


def test_what_kserve_has_no_word_for_is_refused_by_its_field():
    with pytest.raises(InvalidSpec, match=r"^spec\.minReadySeconds means nothing to KServe"):
        check(deployment(backend={"kserve": {}}, minReadySeconds=3))
    check(ASKED)


@pytest.mark.parametrize(("length", "fits"), [(44, True), (45, False)])
def test_a_name_has_to_leave_room_for_what_kserve_adds(length, fits):
    asked = deployment(name="c" * length, backend={"kserve": {}})
    if fits:
        check(asked)
    else:
        with pytest.raises(InvalidSpec, match="44 characters"):
            check(asked)


def test_where_an_autoscaler_decides_no_number_is_asked_for():
    assert "minReplicas" not in service(replicas=None)["spec"]["predictor"]
