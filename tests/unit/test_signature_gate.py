"""What the gate on signatures refuses, what it warns of, and in which words; and how much of one is kept."""

import json

import pytest
from tests.fakes.builders import version

from lockgate.api.gates import GateRule
from lockgate.domain.signature import LONGEST_TEXT, kept_signature, signature_of
from lockgate.domain.version import Version
from lockgate.errors import (
    AccessDenied,
    AliasNotFound,
    ArtifactRejected,
    GateRefused,
    RegistryUnavailable,
    Unanswered,
)
from lockgate.resolve.signatures import check_signature

REQUIRE, WARN, IGNORE = GateRule.REQUIRE, GateRule.WARN, GateRule.IGNORE


def declaring(number: int, width: object = 6, **declared: object) -> Version:
    x = {"name": "x", "datatype": "FP32", "shape": [-1, width]}
    return version(number, signature=kept_signature({"signature": {"inputs": [x], "outputs": []} | declared}))


def refusal(candidate: Version, stable: Version | None) -> str:
    with pytest.raises(GateRefused) as refused:
        check_signature(REQUIRE, candidate, lambda: stable)
    told = refused.value.message.removeprefix("gate signature refuses v2: ")
    assert check_signature(WARN, candidate, lambda: stable) == f"gate signature: {told}", "both say the same"
    return told


def nobody_may_ask() -> Version | None:
    raise AssertionError("it was asked")


def test_a_version_that_takes_the_same_passes_without_a_word():
    for rule in GateRule:
        assert check_signature(rule, declaring(2), lambda: declaring(1)) is None


def test_the_first_difference_is_what_is_told():
    assert refusal(declaring(2, 7), declaring(1)) == (
        "input x is [-1, 6] in stable, and the candidate takes [-1, 7]"
    )


def test_who_ignores_signatures_asks_nobody():
    assert check_signature(IGNORE, version(2), nobody_may_ask) is None


def test_a_version_that_declares_none_is_told_before_anybody_is_asked_for():
    told = "what v2 takes and yields cannot be told, for its metadata declares no signature"
    assert check_signature(WARN, version(2), nobody_may_ask) == f"gate signature: {told}"
    assert refusal(version(2), None) == told


def test_a_first_version_replaces_nothing_and_passes_when_it_declares_what_it_takes():
    assert check_signature(REQUIRE, declaring(2), lambda: None) is None


def test_a_stable_version_that_declares_none_is_told_with_the_way_out():
    told = refusal(declaring(2), version(1))
    assert told.startswith("what v1, which serves, takes cannot be told, for its metadata declares no")
    assert told.endswith("pin a version that declares one, or let the gate warn until one serves")


@pytest.mark.parametrize(
    "error", [AliasNotFound("v1 is gone"), ArtifactRejected("v1 is too large"), AccessDenied("v1 is hidden")]
)
def test_a_stable_version_of_which_the_registry_tells_nothing_any_more_is_told(error):
    def gone() -> Version | None:
        raise error

    assert error.message in (check_signature(WARN, declaring(2), gone) or "")
    with pytest.raises(GateRefused):
        check_signature(REQUIRE, declaring(2), gone)


@pytest.mark.parametrize("error", [RegistryUnavailable("it is down"), Unanswered("it was asked")])
def test_a_registry_that_has_not_answered_refuses_nothing_and_warns_of_nothing(error):
    def silent() -> Version | None:
        raise error

    for rule in (REQUIRE, WARN):
        with pytest.raises(type(error)):
            check_signature(rule, declaring(2), silent)


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ("none", "signature must be an object"),
        ({"inputs": [{"name": "x\u202e", "datatype": "FP32", "shape": []}], "outputs": []}, "printable text"),
        ({"inputs": ["x" * 2 * LONGEST_TEXT], "outputs": []}, "has more than 32 KiB"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [True]}], "outputs": []}, "whole numbers"),
        ({"inputs": [1, {1}]}, "holds what is no JSON"),
    ],
)
def test_a_hostile_signature_is_told_and_ends_nothing(declared, why):
    kept = kept_signature({"signature": declared})
    assert kept is not None
    assert len(kept) <= LONGEST_TEXT + 1
    assert why in refusal(version(2, signature=kept), None)


def test_a_signature_that_is_nested_without_end_is_told_and_ends_nothing():
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    for kept in (kept_signature({"signature": nested}), "[" * LONGEST_TEXT):
        with pytest.raises(ValueError, match="nested too deeply"):
            signature_of(kept)


def test_equal_signatures_are_kept_as_equal_texts_however_they_were_written():
    one, other = {"inputs": [], "outputs": []}, {"outputs": [], "inputs": []}
    assert kept_signature({"signature": one}) == kept_signature({"signature": other})
    assert json.loads(kept_signature({"signature": one}) or "") == one
    assert [kept_signature(none) for none in ({}, [], None, "signature", {"signature": None})] == [None] * 5
