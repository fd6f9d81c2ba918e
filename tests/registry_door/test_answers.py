"""What the registry's answer to many questions means: nothing but a null is an absence."""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.domain.version import Alias, Number, Reference, Version, VersionFacts
from lockgate.errors import (
    AliasNotFound,
    ArtifactPending,
    ArtifactRejected,
    RegistryNotFound,
    RegistryUnavailable,
    VersionNotFound,
)
from lockgate.registries.wandb.answers import batch_query, read_batch

ALIAS = Reference(registry="model", collection="churn", wanted=Alias("production"))
PINNED = Reference(registry="model", collection="churn", wanted=Number("v3"))
MEMBERSHIP = {
    "versionIndex": 3,
    "artifact": {
        "digest": "0123456789abcdef0123456789abcdef",
        "state": "COMMITTED",
        "size": 12,
        "fileCount": 2,
        "metadata": '{"format": "onnx"}',
    },
}


def read(*fields: Any) -> list[Any]:
    references = [ALIAS, PINNED][: len(fields)]
    project = {f"n{number}": field for number, field in enumerate(fields)}
    return list(read_batch("acme", references, {"project": project}).values())


def test_a_version_is_read_whole():
    (version,) = read(MEMBERSHIP)
    assert version == Version(
        uri="wandb://acme/wandb-registry-model/churn:v3",
        number="v3",
        claim="wandb-md5:0123456789abcdef0123456789abcdef",
        ready=True,
        facts=VersionFacts(size=12, files=2),
        metadata={"format": "onnx"},
    )


def test_a_null_is_an_absence_of_its_own():
    alias, pinned = read(None, None)
    assert type(alias) is AliasNotFound
    assert type(pinned) is VersionNotFound
    for word in ("model", "churn", "production"):
        assert word in alias.message


def test_no_project_is_no_registry():
    answers = read_batch("acme", [ALIAS, PINNED], {"project": None})
    assert {type(answer) for answer in answers.values()} == {RegistryNotFound}


def test_no_metadata_and_metadata_that_is_no_object_are_none():
    for text in (None, "", "null", "[1]"):
        artifact = MEMBERSHIP["artifact"] | {"metadata": text}  # type: ignore[operator]
        (version,) = read(MEMBERSHIP | {"artifact": artifact})
        assert version.metadata == {}


@pytest.mark.parametrize(
    "answer", [None, {}, [], "", "<html>", {"project": []}, {"project": {}}, {"data": None}]
)
def test_an_answer_cut_short_is_no_absence(answer):
    try:
        told = read_batch("acme", [ALIAS], answer)[ALIAS]
    except ValueError:
        return
    assert type(told) is RegistryUnavailable


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(field=st.sampled_from(["versionIndex", "digest", "state"]), value=json_values)
@example(field="versionIndex", value=True)
@example(field="versionIndex", value=-1)
@example(field="digest", value="")
def test_a_field_of_the_wrong_kind_is_never_an_absence(field: str, value: Any):
    membership = json.loads(json.dumps(MEMBERSHIP))
    holder = membership if field == "versionIndex" else membership["artifact"]
    holder[field] = value
    (answer,) = read(membership)
    if type(answer) in (RegistryUnavailable, ArtifactPending):
        return
    assert isinstance(answer, Version)
    assert re.fullmatch("v[0-9]+", answer.number)
    assert answer.claim
    assert answer.claim.removeprefix("wandb-md5:")


@given(names=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=25))
def test_names_travel_as_variables_and_never_in_the_query(names: list[str]):
    references = [Reference(registry="model", collection=name, wanted=Alias('x"}')) for name in names]
    query, variables = batch_query("acme", references)
    plain, _ = batch_query("acme", [ALIAS] * len(names))
    assert query == plain
    assert [variables[f"n{n}"] for n in range(len(names))] == [f'{name}:x"}}' for name in names]


def membership(**changes: Any) -> dict[str, Any]:
    return MEMBERSHIP | {"artifact": MEMBERSHIP["artifact"] | changes}  # type: ignore[operator]


HOSTILE = {
    "brackets a thousand deep": membership(metadata="[" * 1000 + "]" * 1000),
    "objects twenty thousand deep": membership(metadata='{"a":' * 20000 + "1" + "}" * 20000),
    "a number of five thousand digits": membership(metadata='{"n":' + "9" * 5000 + "}"),
    "no JSON": membership(metadata="{oops"),
    "no text": membership(metadata=[1]),
    "more than a mebibyte": membership(metadata='{"a": "' + "x" * 2**20 + '"}'),
    "more things than bytes can hold": membership(metadata="[" + "[],[]," * 40_000 + "1]"),
    "a size that is text": membership(size="12MB"),
    "an empty digest": membership(digest=""),
    "no artifact at all": {"versionIndex": 1, "artifact": "v1"},
    "a link that is pending": {"versionIndex": None, "artifact": {"state": "PENDING"}},
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_costs_no_other_model_its_answer(hostile: Any):
    references = [Reference(registry="model", collection=f"c{n}", wanted=Alias("a")) for n in range(50)]
    fields = {f"n{n}": hostile if n == 7 else membership(metadata="{}") for n in range(50)}
    answers = read_batch("acme", references, {"project": fields})
    assert [one for one in references if not isinstance(answers[one], Version)] in ([references[7]], [])
    assert len(answers) == 50


def test_metadata_that_cannot_be_read_is_told_to_whoever_follows_it():
    (answer,) = read(membership(metadata='{"n":' + "9" * 5000 + "}"))
    assert type(answer) is ArtifactRejected
    assert len(answer.message) < 300


@pytest.mark.parametrize("size", ["more than a mebibyte", "more things than bytes can hold"])
def test_metadata_beyond_bounds_is_refused_although_it_could_be_read(size: str):
    hostile = HOSTILE[size]
    json.loads(hostile["artifact"]["metadata"])
    (answer,) = read(hostile)
    assert type(answer) is ArtifactRejected


def test_of_metadata_so_much_is_kept_as_may_be_asked_for():
    text = json.dumps({"format": "o" * 1000, "auc": 0.9, "list": [1], "nested": {"a": [1], "b": True}})
    (answer,) = read(membership(metadata=text))
    assert answer.metadata == {"format": "o" * 64, "auc": 0.9, "nested": {"b": True}}
