"""The termination message: it comes back as it was told, fits, and never harms its reader."""

import json
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.domain.fetched import (
    MESSAGE_LIMIT_BYTES,
    PERMANENT,
    FetchOutcome,
    FetchReason,
    format_outcome,
    parse_outcome,
)

COUNTS = st.integers(0, 2**63 - 1)
anything_in_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
SUCCESS = {
    "ok": True,
    "uri": "wandb://acme/wandb-registry-model/churn:v3",
    "claim": "wandb-md5:" + "d" * 32,
    "treeDigest": "sha256:" + "e" * 64,
    "files": 2,
    "bytes": 10,
    "seconds": 1.5,
}


def in_bytes(message: str) -> int:
    return len(message.encode("utf-8"))


@given(
    uri=st.text(string.ascii_letters + string.digits + string.punctuation + " ", max_size=400),
    claim=st.text("0123456789abcdef", max_size=32),
    files=COUNTS,
    size=COUNTS,
    seconds=st.floats(0, 1e6),
    cached=st.booleans(),
)
def test_a_success_comes_back_as_it_was_told(
    uri: str, claim: str, files: int, size: int, seconds: float, cached: bool
) -> None:
    told = FetchOutcome(
        ok=True,
        uri=uri,
        claim=claim,
        tree_digest=f"sha256:{claim}",
        files=files,
        size=size,
        seconds=round(seconds, 3),
        cached=cached,
    )
    message = format_outcome(told)
    assert parse_outcome(message) == told
    assert "\n" not in message
    assert in_bytes(message) < MESSAGE_LIMIT_BYTES


@given(
    reason=st.sampled_from(FetchReason),
    sentence=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=300),
)
def test_a_failure_comes_back_with_its_reason(reason: FetchReason, sentence: str) -> None:
    heard = parse_outcome(format_outcome(FetchOutcome(ok=False, reason=reason, message=sentence)))
    assert heard == FetchOutcome(ok=False, reason=reason, message=sentence)
    assert heard.permanent == (reason in PERMANENT)


@given(st.text(st.characters(), max_size=6000), st.sampled_from(FetchReason))
@example("\x00" * 5000, FetchReason.REGISTRY_UNAVAILABLE)
@example('"\\' * 4000, FetchReason.REGISTRY_UNAVAILABLE)
@example("\ud800" * 5000, FetchReason.REGISTRY_UNAVAILABLE)
@example("\U0001f6a2" * 5000, FetchReason.REGISTRY_UNAVAILABLE)
@example("\u2028" * 5000, FetchReason.REGISTRY_UNAVAILABLE)
def test_a_failure_always_fits_and_can_be_read(sentence: str, reason: FetchReason) -> None:
    message = format_outcome(FetchOutcome(ok=False, reason=reason, message=sentence))
    assert in_bytes(message) < MESSAGE_LIMIT_BYTES
    assert message.isprintable()
    heard = parse_outcome(message)
    assert heard is not None
    assert heard.reason is reason


@pytest.mark.parametrize("character", ["x", '"', "é", "模", "\U0001f6a2"])
def test_a_success_fits_however_long_its_uri_is(character: str) -> None:
    told = FetchOutcome(ok=True, uri=character * 5000, claim="d" * 32, tree_digest="sha256:" + "e" * 64)
    message = format_outcome(told)
    assert in_bytes(message) < MESSAGE_LIMIT_BYTES
    heard = parse_outcome(message)
    assert heard is not None
    assert heard.tree_digest == told.tree_digest


def test_a_failure_without_a_reason_is_a_defect_of_ours() -> None:
    heard = parse_outcome(format_outcome(FetchOutcome(ok=False, message="?")))
    assert heard is not None
    assert heard.reason is FetchReason.INTERNAL_ERROR


@given(st.text(st.characters()))
@example("")
@example("[" * 4000)
@example('{"ok":' * 600)
@example("1" * 4096)
@example("NaN")
@example('{"ok": true}')
@example('{"ok": false, "reason": "Unheard", "message": "x"}')
@example('{"ok": false, "reason": ["CorruptFile"], "message": "x"}')
@example('{"ok": 1, "reason": "CorruptFile", "message": "x"}')
@example('{"ok": false, "reason": "CorruptFile", "message": 5}')
def test_a_message_of_another_hand_is_no_outcome(text: str) -> None:
    assert parse_outcome(text) is None


@given(anything_in_json)
def test_json_of_another_hand_is_no_outcome(document: object) -> None:
    assert parse_outcome(json.dumps(document)) is None


@given(st.sampled_from(sorted(SUCCESS.keys() - {"ok"})), anything_in_json)
@example("files", True)
@example("files", -1)
@example("bytes", 2**63)
@example("bytes", 1e3)
@example("seconds", float("nan"))
@example("seconds", float("inf"))
@example("seconds", -0.5)
@example("seconds", 10**3000)
def test_one_wrong_field_is_never_an_error(field: str, value: Any) -> None:
    heard = parse_outcome(json.dumps(SUCCESS | {field: value}))
    if heard is not None:
        assert isinstance(value, (str, int, float))
        assert not isinstance(value, bool)
        assert heard.files >= 0
        assert heard.size >= 0
        assert 0 <= heard.seconds < 2**63


@pytest.mark.parametrize("field", sorted(SUCCESS.keys()))
def test_a_success_that_lacks_a_field_is_no_outcome(field: str) -> None:
    assert (
        parse_outcome(json.dumps({name: value for name, value in SUCCESS.items() if name != field})) is None
    )


def test_a_message_that_the_kubelet_would_have_cut_is_not_read() -> None:
    assert parse_outcome(json.dumps(SUCCESS) + " " * MESSAGE_LIMIT_BYTES) is None


def test_fields_that_a_later_version_adds_do_no_harm() -> None:
    assert parse_outcome(json.dumps(SUCCESS | {"colour": "blue"})) is not None
