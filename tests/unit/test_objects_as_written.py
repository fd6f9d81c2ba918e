"""What is sent to the API server for an object: its preconditions, and the generation that it will have."""

from copy import deepcopy

import pytest

from lockgate.apply.objects import (
    creating,
    head_differences,
    is_followed,
    is_leaving,
    meeting,
    name_of,
    render_hash_of,
    thing_of,
)

GENERATION = "lockgate.dev/applied-generation"
HASH = "lockgate.dev/render-hash"


def drawn(kind="Deployment", **annotations):
    metadata = {"name": "churn", "namespace": "growth", "annotations": {HASH: "abc", **annotations}}
    return {"kind": kind, "metadata": metadata, "spec": {"replicas": 2}}


def seen(applied=None, generation=7, **changes):
    annotations = {} if applied is None else {GENERATION: applied}
    metadata = {"name": "churn", "uid": "u", "resourceVersion": "41", "generation": generation}
    return {"kind": "Deployment", "metadata": {**metadata, "annotations": annotations}, **changes}


def test_a_creation_can_only_create():
    before = drawn()
    asked = creating(before)
    assert asked["metadata"] == {
        "name": "churn",
        "namespace": "growth",
        "resourceVersion": "1",
        "annotations": {HASH: "abc", GENERATION: "1"},
    }
    assert (asked["kind"], asked["spec"]) == ("Deployment", {"replicas": 2})
    assert before == drawn(), "what was drawn is not touched"


def test_only_a_workload_is_written_with_its_generation():
    assert creating(drawn("Service"))["metadata"]["annotations"] == {HASH: "abc"}


def test_an_object_without_annotations_is_written_with_its_generation_all_the_same():
    bare = drawn()
    del bare["metadata"]["annotations"]
    assert creating(bare)["metadata"]["annotations"] == {GENERATION: "1"}


@pytest.mark.parametrize(
    ("there", "found", "generation"),
    [
        pytest.param(seen("7"), {("metadata.labels.a", "None")}, "7", id="a label makes no new one"),
        pytest.param(seen("7"), {("spec.replicas", "9")}, "8", id="a field of the spec does"),
        pytest.param(
            seen("7"),
            {("metadata.labels.a", "None"), ("spec.replicas", "9")},
            "8",
            id="one of them is enough",
        ),
        pytest.param(seen("7"), {("metadata.annotations.a", "None")}, "8", id="an annotation does"),
        pytest.param(seen("6"), {("metadata.labels.a", "None")}, "8", id="a spec that somebody changed does"),
        pytest.param(seen(), set(), "8", id="a spec that nobody knows of does"),
        pytest.param(seen(generation=None), set(), "1", id="of an object that tells none"),
    ],
)
def test_a_change_meets_what_was_seen_and_tells_the_generation_that_it_makes(there, found, generation):
    there = deepcopy(there)
    if there["metadata"]["generation"] is None:
        del there["metadata"]["generation"]
    metadata = meeting(drawn(), there, frozenset(found))["metadata"]
    assert (metadata["uid"], metadata["resourceVersion"]) == ("u", "41")
    assert metadata["annotations"] == {HASH: "abc", GENERATION: generation}
    assert metadata["name"] == "churn"


@pytest.mark.parametrize(
    ("kind", "generation", "told", "is_followed_up"),
    [
        ("Deployment", 2, {"observedGeneration": 1}, True),
        ("Deployment", 2, {"observedGeneration": 2}, False),
        ("Deployment", 2, {}, True),
        ("Deployment", 2, None, True),
        ("Deployment", 1, {}, True),
        ("Deployment", None, None, False),
        ("Service", 2, {"observedGeneration": 1}, False),
    ],
)
def test_a_controller_will_tell_of_a_workload_that_it_has_not_seen_yet(
    kind, generation, told, is_followed_up
):
    written = {"kind": kind, "metadata": {} if generation is None else {"generation": generation}}
    if told is not None:
        written["status"] = told
    assert is_followed(written) is is_followed_up
    assert is_followed(written | {"status": told}) is is_followed_up


def test_what_differs_beside_the_spec_is_told_without_the_spec():
    there = {"kind": "Deployment", "metadata": {"name": "churn", "annotations": {HASH: "abc"}}, "spec": {}}
    assert head_differences(drawn(), there) == {("metadata.namespace", "None")}


def test_an_object_is_leaving_as_soon_as_it_says_so():
    assert is_leaving({"metadata": {"deletionTimestamp": "2026-01-05T09:00:00Z"}})
    assert not is_leaving({"metadata": {}})


def test_an_object_is_called_by_kind_and_name_and_known_by_kind_and_key():
    assert name_of(drawn()) == "Deployment churn"
    assert thing_of(drawn()) == ("Deployment", ("growth", "churn"))


@pytest.mark.parametrize("metadata", [{}, {"annotations": None}, {"annotations": {"another": "x"}}])
def test_what_is_of_no_rendering_has_no_hash(metadata):
    assert render_hash_of({"metadata": metadata}) == ""
    assert render_hash_of(drawn()) == "abc"


@pytest.mark.parametrize(
    ("status", "followed"),
    [
        pytest.param({}, True, id="no gateway has said anything"),
        pytest.param({"parents": None}, True, id="nothing is no word"),
        pytest.param({"parents": [{}]}, True, id="a gateway without a word"),
        pytest.param({"parents": [{"conditions": None}]}, True, id="nor is nothing of a gateway"),
        pytest.param({"parents": [{"conditions": [{}]}]}, True, id="a word of no generation"),
        pytest.param({"parents": [{"conditions": [{"observedGeneration": 6}]}]}, True, id="an older word"),
        pytest.param({"parents": [{"conditions": [{"observedGeneration": 7}]}]}, False, id="its word"),
        pytest.param(
            {"parents": [{}, {"conditions": [{"observedGeneration": 6}, {"observedGeneration": 7}]}]},
            False,
            id="one word of one gateway is enough",
        ),
    ],
)
def test_a_route_is_followed_until_a_gateway_speaks_of_just_this_generation(status, followed):
    assert is_followed({"kind": "HTTPRoute", "metadata": {"generation": 7}, "status": status}) is followed


def test_a_route_of_the_first_generation_is_followed_until_somebody_says_anything_of_it():
    bare = {"kind": "HTTPRoute", "metadata": {"generation": 1}, "status": {"parents": [{"conditions": [{}]}]}}
    assert is_followed(bare)
