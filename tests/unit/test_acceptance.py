"""Which versions may serve: what their files are, and that a number keeps its bytes."""

import pytest
from tests.fakes.builders import T0, revision, runtime_object, version

from lockgate.api.parse import parse_model_runtime
from lockgate.api.status import (
    HistoryEntry,
    ModelDeploymentStatus,
    Outcome,
    RolloutState,
)
from lockgate.domain.version import Alias, Contents, Reference
from lockgate.errors import ArtifactRejected, DigestChanged, FormatNotAccepted
from lockgate.resolve.acceptance import COMPANIONS, FORMATS_BY_SUFFIX, check_contents, check_version

HISTORY = HistoryEntry(revision=revision(1), outcome=Outcome.PROMOTED, finished_at=T0)
PRODUCTION = Reference(registry="model", collection="churn", wanted=Alias("production"))


def runtime(*formats: str):
    return parse_model_runtime(runtime_object(acceptedFormats=list(formats)))


def holding(*suffixes: str, **fields: object) -> Contents:
    return Contents(files=3, size=3, references=0, suffixes=frozenset(suffixes), **fields)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(ModelDeploymentStatus(rollout=RolloutState(stable=revision(1))), id="serves"),
        pytest.param(ModelDeploymentStatus(rollout=RolloutState(candidate=revision(1))), id="is-candidate"),
        pytest.param(ModelDeploymentStatus(previous=revision(1)), id="served-before"),
        pytest.param(ModelDeploymentStatus(history=(HISTORY,)), id="is-history"),
    ],
)
def test_a_version_seen_before_must_have_the_bytes_it_had(status):
    check_version(PRODUCTION, version(1), status.known_revisions)
    with pytest.raises(DigestChanged, match=r"with digest wandb-md5:ffff.* seen here .* wandb-md5:0000"):
        check_version(PRODUCTION, version(1, digest="f" * 32), status.known_revisions)


def test_the_same_number_of_another_collection_is_another_version():
    other = version(1, digest="f" * 32, uri="wandb://acme-org/wandb-registry-model/other:v1")
    assert check_version(PRODUCTION, other, [revision(1)]).digest == other.claim


@pytest.mark.parametrize(
    "fields",
    [{"number": "v" * 100}, {"claim": "a" * 300}, {"uri": "p" * 2000}, {"number": "v1\x1b[31m"}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_version_that_no_status_could_name_is_rejected(fields):
    with pytest.raises(ArtifactRejected, match="cannot be named"):
        check_version(PRODUCTION, version(1, **fields), ())


@pytest.mark.parametrize("suffix", [".pkl", ".pt", ".so", ".py", ".pbtxt", ".weird"])
def test_metadata_takes_nothing_from_what_file_names_tell(suffix):
    claimed = version(1, metadata={"format": "onnx"})
    with pytest.raises(FormatNotAccepted):
        check_contents("x", claimed, holding(suffix, ".onnx"), runtime("onnx"))


def test_a_file_of_an_unknown_kind_is_named_with_the_ways_out():
    with pytest.raises(FormatNotAccepted) as refused:
        check_contents("model/churn:production", version(2), holding(".so", ".onnx"), runtime("onnx"))
    told = refused.value.message
    assert "files ending in .so" in told
    assert "leave them out of the artifact" in told
    assert "acceptedFormats" in told


def test_a_runtime_may_list_a_kind_that_nobody_else_knows():
    check_contents("x", version(1), holding(".onnx", ".pbtxt"), runtime("onnx", "pbtxt"))


def test_companions_of_a_model_are_no_formats():
    check_contents("x", version(1), holding(".onnx", *COMPANIONS), runtime("onnx"))


def test_companions_alone_are_told_by_metadata_or_not_at_all():
    with pytest.raises(FormatNotAccepted, match="name it in the artifact's metadata as format"):
        check_contents("x", version(1), holding(".json"), runtime("xgboost"))
    check_contents("x", version(1, metadata={"format": "XGBoost"}), holding(".json"), runtime("xgboost"))


def test_what_metadata_adds_must_be_accepted_too():
    with pytest.raises(FormatNotAccepted, match="format tensorrt"):
        check_contents("x", version(1, metadata={"format": "tensorrt"}), holding(".onnx"), runtime("onnx"))


def test_the_shards_of_a_saved_model_are_tensorflow():
    suffixes = (".pb", ".index", ".data-00000-of-00001")
    check_contents("x", version(1), holding(*suffixes), runtime("tensorflow"))


def test_every_known_format_can_be_listed_by_a_runtime():
    for suffix, format_ in FORMATS_BY_SUFFIX.items():
        check_contents("x", version(1), holding(suffix), runtime(format_))


@pytest.mark.parametrize(
    ("metadata", "contents"),
    [
        ({"format": "x" * 3000}, holding(".onnx")),
        ({"format": "\x1b]0;owned\x07"}, holding(".onnx")),
        ({}, holding(*(f".s{number}" for number in range(10_000)))),
        ({}, Contents(files=1, size=1, references=1, suffixes=frozenset(), first_reference="p" * 9000)),
    ],
)
def test_what_a_model_author_writes_never_hides_the_fix(metadata, contents):
    with pytest.raises(ArtifactRejected) as refused:
        check_contents("model/churn:production", version(1, metadata=metadata), contents, runtime("onnx"))
    told = refused.value.message
    assert told.isprintable()
    assert len(told) <= 1000
    assert not told.endswith("…"), "what to do stands at the end"
