"""Errors know what they speak of, and every answer of an API server is one of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.json_values import anything_in_json

from lockgate import errors
from lockgate.errors import (
    AlreadyExists,
    ClusterUnavailable,
    Conflict,
    InternalError,
    LockgateError,
    NotOwned,
    Refused,
)
from lockgate.kube.errors import from_status
from lockgate.names import ConditionType

ABOUT_THE_REGISTRY = {
    errors.AliasNotFound,
    errors.VersionNotFound,
    errors.RegistryNotFound,
    errors.Missing,
    errors.AccessDenied,
    errors.ArtifactPending,
    errors.ArtifactRejected,
    errors.FormatNotAccepted,
    errors.GateRefused,
    errors.GateWaiting,
    errors.DigestChanged,
    errors.RuntimeMismatch,
    errors.Unanswered,
    errors.RegistryUnavailable,
    errors.RegistryClientFailed,
    errors.RegistryUntrusted,
}


def every_class(root: type[LockgateError] = LockgateError) -> set[type[LockgateError]]:
    return {root}.union(*(every_class(child) for child in root.__subclasses__()))


def test_what_the_registry_answers_speaks_of_resolved_and_nothing_else_does():
    known = {kind for kind in every_class() if kind.__module__ == errors.__name__}
    speaking = {kind for kind in known if kind.condition is ConditionType.RESOLVED}
    assert speaking == ABOUT_THE_REGISTRY
    assert all(kind.condition is None for kind in known - speaking)


def missing(**details: str) -> dict[str, object]:
    return {"message": "not found", "reason": "NotFound", "details": details}


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (404, missing(name="churn", kind="modeldeployments"), Conflict),
        (404, missing(), ClusterUnavailable),
        (404, {}, ClusterUnavailable),
        (409, {"reason": "AlreadyExists"}, AlreadyExists),
        (409, {"details": {"causes": [{"reason": "FieldManagerConflict"}]}}, NotOwned),
        (409, {}, Conflict),
        (422, {"message": "status.step: Invalid value"}, Refused),
        (422, {"details": {"causes": [{"field": "metadata.uid"}]}}, Conflict),
        (400, {}, Refused),
        (418, {}, InternalError),
    ],
)
def test_an_answer_of_the_api_server_is_told_apart_by_what_it_says(code, status, kind):
    assert type(from_status("list pods", code, status, None)) is kind


@given(
    st.integers(300, 599),
    st.dictionaries(st.sampled_from(["message", "reason", "details"]), anything_in_json),
    st.sampled_from([[], [3], [{"reason": 3}], {"reason": "x"}, "causes"]),
)
def test_no_body_of_an_answer_is_too_odd_to_be_told(code, status, causes):
    if isinstance(status.get("details"), dict):
        status["details"]["causes"] = causes
    assert isinstance(from_status("apply Deployment growth/churn", code, status, None), LockgateError)


def test_a_defect_is_told_in_a_sentence_that_says_what_goes_on_and_not_what_it_carried():
    told = InternalError.of(ValueError("https://signed.example?key=secret"), "this pass").message
    assert "ValueError" in told
    assert "what serves goes on serving" in told
    assert "secret" not in told
