"""Gates on what the registry tells of a version: what they let pass, and in which words they refuse."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.builders import deployment_object

from lockgate.api.gates import MetadataGate
from lockgate.api.parse import parse_model_deployment
from lockgate.domain.version import Version
from lockgate.errors import GateRefused, InvalidSpec
from lockgate.registries.wandb.answers import kept
from lockgate.resolve.gating import check_gates

BETTER = "candidate.metadata.auc >= stable.metadata.auc - 0.005"


def version(number: str, **metadata: object) -> Version:
    return Version(uri=f"wandb://o/p/c:{number}", number=number, claim=None, ready=True, metadata=metadata)


def judge(expression: str, candidate: Version, stable: Version | None = None) -> None:
    check_gates((MetadataGate("quality", expression),), candidate, lambda: stable)


def refusal(expression: str, candidate: Version, stable: Version | None = None) -> str:
    with pytest.raises(GateRefused) as refused:
        judge(expression, candidate, stable)
    return refused.value.message


def test_a_version_that_is_as_good_passes_and_a_worse_one_is_refused_with_what_was_met():
    judge(BETTER, version("v2", auc=0.93), version("v1", auc=0.931))
    assert refusal(BETTER, version("v2", auc=0.91), version("v1", auc=0.97)) == (
        f"gate quality refuses v2: {BETTER} does not hold (candidate.metadata.auc is 0.91, "
        "stable.metadata.auc is 0.97)"
    )


def test_a_first_version_passes_what_compares_it_and_nothing_else():
    judge(BETTER, version("v1", auc=0.1))
    assert "does not hold" in refusal("candidate.metadata.auc > 0.5", version("v1", auc=0.1))


def test_what_texts_say_is_told_to_nobody():
    said = refusal("candidate.metadata.token == 'other'", version("v2", token="hunter2"))
    assert "hunter2" not in said


def test_who_serves_is_asked_for_only_where_a_gate_names_it():
    def asked() -> Version | None:
        raise AssertionError("it was asked")

    check_gates((MetadataGate("own", "candidate.metadata.auc > 0.5"),), version("v1", auc=0.9), asked)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("candidate.metadata.f1 > 0.5", "cannot be answered: there is no f1"),
        ("candidate.metadata.auc > 'high'", "cannot be answered: No such overload"),
        ("candidate.metadata.auc", "cannot be answered: it gives float and neither true nor false"),
        ("candidate.metadata.auc > 1.0 || candidate.metadata.f1 > 1.0", "cannot be answered: there is no f1"),
        ("9223372036854775807 + 1 > 0", "cannot be answered: Arithmetic overflow"),
    ],
)
def test_what_cannot_be_answered_refuses_and_says_why(expression, why):
    assert why in refusal(expression, version("v2", auc=0.9))


def test_what_may_be_absent_can_be_asked_for():
    judge("!has(candidate.metadata.f1) || candidate.metadata.f1 > 0.5", version("v2", auc=0.9))
    judge("candidate.metadata.eval.auc > 0.5 && candidate.version != 'v3'", version("v2", eval={"auc": 0.9}))


def test_a_number_that_is_none_holds_nowhere():
    assert refusal("candidate.metadata.auc > 0.5", version("v2", auc=float("nan")))
    assert refusal("candidate.metadata.auc <= 0.5", version("v2", auc=float("nan")))


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("candidate.metadata.auc >", "cannot be used: at character 25: Syntax error"),
        ("previous.metadata.auc > 1", "cannot be used: it names previous"),
        ("(" * 300 + "1" + ")" * 200, "cannot be used"),
    ],
)
def test_what_is_no_expression_is_told_by_its_field(expression, why):
    with pytest.raises(InvalidSpec) as refused:
        judge(expression, version("v2"))
    assert refused.value.message.startswith("spec.gates.metadata[0].expression")
    assert why in refused.value.message


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        ({"expression": "[1, 2].all(x, x > 1)"}, "expression calls all"),
        ({"expression": "[1].map (x, x) == [1]"}, "expression calls map"),
        ({"expression": "cel.bind(a, 1, a)"}, "expression calls bind"),
        ({"expression": "true // or not"}, "expression may hold no comment"),
        ({"expression": "x" * 513}, "expression"),
        ({"expression": "'a'.matches(candidate.metadata.s)"}, "expression calls matches with something else"),
        ({"expression": "'a'.matches('a' + 'b')"}, "expression calls matches with something else"),
        ({"expression": "'a'.matches('\\x7b')"}, "expression escapes a character"),
        ({"expression": 1}, "expression"),
        ({}, "expression is missing"),
    ],
)
def test_what_would_not_end_at_once_is_never_begun(gate, why):
    obj = deployment_object(gates={"metadata": [{"name": "a", "expression": "true"}, {"name": "b"} | gate]})
    with pytest.raises(InvalidSpec) as refused:
        parse_model_deployment(obj)
    assert f"spec.gates.metadata[1].{why}" in refused.value.message


@pytest.mark.parametrize(
    "pattern",
    [r"\\w{200}", r"(\\w{20}){20}", "(a{99}){99}", r"\\w{ 2 0 0 }", r"\\pL{1,200}", r"\\w" * 120],
)
def test_what_takes_long_to_make_is_never_made(pattern):
    asked = [{"name": "a", "expression": f"candidate.version.matches('{pattern}')"}]
    with pytest.raises(InvalidSpec) as refused:
        parse_model_deployment(deployment_object(gates={"metadata": asked}))
    assert refused.value.message.startswith("spec.gates.metadata matches patterns that take too long")


def test_many_small_patterns_count_together():
    one = r"candidate.version.matches(r'\w{25}')"
    asked = [{"name": f"a{number}", "expression": one} for number in range(16)]
    assert parse_model_deployment(deployment_object(gates={"metadata": asked[:3]}))
    with pytest.raises(InvalidSpec):
        parse_model_deployment(deployment_object(gates={"metadata": asked}))


def test_ordinary_patterns_match():
    for expression in (
        r"candidate.version.matches('^v\\d+$')",
        r"candidate.metadata.day.matches(r'^\d{4}-\d{2}-\d{2}$')",
        'candidate.metadata.commit.matches("^[0-9a-f]{40}$")',
    ):
        obj = deployment_object(gates={"metadata": [{"name": "a", "expression": expression}]})
        (gate,) = parse_model_deployment(obj).gates.metadata
        judge(gate.expression, version("v2", day="2026-01-05", commit="0a" * 20))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=512))
def test_any_text_is_refused_or_judged(text):
    obj = deployment_object(gates={"metadata": [{"name": "a", "expression": text}]})
    with contextlib.suppress(InvalidSpec, GateRefused):
        gates = parse_model_deployment(obj).gates.metadata
        check_gates(gates, version("v2", auc=0.9), lambda: version("v1", auc=0.8))


def test_of_metadata_so_much_is_kept_as_gates_can_ask_for_and_no_more():
    assert kept({"auc": 0.9, "good": True, "eval": {"f1": 0.8, "deep": {"er": {"x": 1}, "y": 2}}}) == {
        "auc": 0.9,
        "good": True,
        "eval": {"f1": 0.8, "deep": {"y": 2}},
    }
    assert kept({"list": [1], "none": None, "n" * 65: 1, "text": "t" * 1000}) == {"text": "t" * 64}
    many = kept({f"a{number}": number for number in range(1000)})
    assert len(many) == 64
    assert kept([1]) == {}
