"""What the registry's answer to many questions means: nothing but a null is an absence."""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.domain.model import ModelReference, ModelVersion
from lockgate.errors import AliasNotFound, RegistryNotFound, VersionNotFound
from lockgate.resolve.wandb_registry_answers import batch_query, read_batch

ALIAS = ModelReference(registry="model", collection="churn", selector="production")
PINNED = ModelReference(registry="model", collection="churn", selector="v3")
MEMBERSHIP = {
    "versionIndex": 3,
    "artifact": {
        "id": "QXJ0aWZhY3Q6Nw==",
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
    assert version == ModelVersion(
        path="acme/wandb-registry-model/churn:v3",
        version="v3",
        digest="0123456789abcdef0123456789abcdef",
        artifact_id="QXJ0aWZhY3Q6Nw==",
        size=12,
        file_count=2,
        committed=True,
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
    with pytest.raises(ValueError):
        read_batch("acme", [ALIAS], answer)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(field=st.sampled_from(["versionIndex", "id", "digest", "state"]), value=json_values)
@example(field="versionIndex", value=True)
@example(field="versionIndex", value=-1)
@example(field="digest", value="")
def test_a_field_of_the_wrong_kind_is_never_an_absence(field: str, value: Any):
    membership = json.loads(json.dumps(MEMBERSHIP))
    holder = membership if field == "versionIndex" else membership["artifact"]
    holder[field] = value
    try:
        (answer,) = read(membership)
    except ValueError:
        return
    assert isinstance(answer, ModelVersion)
    assert re.fullmatch("v[0-9]+", answer.version)
    assert answer.digest
    assert answer.artifact_id


@given(names=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=25))
def test_names_travel_as_variables_and_never_in_the_query(names: list[str]):
    references = [ModelReference(registry="model", collection=name, selector='x"}') for name in names]
    query, variables = batch_query("acme", references)
    plain, _ = batch_query("acme", [ALIAS] * len(names))
    assert query == plain
    assert [variables[f"n{n}"] for n in range(len(names))] == [f'{name}:x"}}' for name in names]
