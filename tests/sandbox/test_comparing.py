"""What is compared of two versions' answers, told by the lines of their logs."""

import json
import random

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lockgate_sandbox.comparing import TOLERANCE, Comparison, differ, read_line

CHURN, OLD, NEW = "growth/churn", "00000001", "00000002"


def counted(comparison: Comparison) -> dict[tuple[str, str, str], float]:
    """Every count by its name, model and release."""
    return {
        (family.name, sample.labels["model"], sample.labels["of"]): sample.value
        for family in text_string_to_metric_families(comparison.page())
        for sample in family.samples
    }


def test_what_two_releases_answer_to_one_request_is_compared_for_both():
    comparison = Comparison()
    comparison.hear(CHURN, OLD, "a", (0.1, 0.9))
    assert counted(comparison) == {}
    comparison.hear(CHURN, NEW, "a", (0.1, 0.9))
    comparison.hear(CHURN, NEW, "b", (0.4, 0.9))
    comparison.hear(CHURN, OLD, "b", (0.1, 0.9))
    assert counted(comparison) == {
        ("comparison_answers", CHURN, OLD): 2,
        ("comparison_answers", CHURN, NEW): 2,
        ("comparison_disagreements", CHURN, OLD): 1,
        ("comparison_disagreements", CHURN, NEW): 1,
    }


def test_a_release_is_not_compared_with_itself_nor_twice_for_one_request():
    comparison = Comparison()
    for _ in range(3):
        comparison.hear(CHURN, OLD, "a", (0.1,))
    for value in (0.1, 0.9, 0.9):
        comparison.hear(CHURN, NEW, "a", (value,))
    assert counted(comparison)["comparison_answers", CHURN, NEW] == 1
    assert counted(comparison)["comparison_disagreements", CHURN, NEW] == 0


def test_one_id_in_two_models_is_two_requests():
    comparison = Comparison()
    comparison.hear(CHURN, OLD, "a", (0.1,))
    comparison.hear("risk/churn", NEW, "a", (0.9,))
    assert counted(comparison) == {}


def test_only_so_many_requests_are_remembered_and_the_oldest_go_first():
    comparison = Comparison(most_requests=2)
    for request in "abc":
        comparison.hear(CHURN, OLD, request, (0.1,))
    for request in "abc":
        comparison.hear(CHURN, NEW, request, (0.1,))
    assert counted(comparison).get(("comparison_answers", CHURN, NEW), 0) <= 2


@pytest.mark.parametrize(
    ("one", "other", "is_other"),
    [
        ((0.5,), (0.5 + TOLERANCE / 2,), False),
        ((0.5,), (0.5 + 2 * TOLERANCE,), True),
        ((0.5,), (0.5, 0.5), True),
        (("yes",), ("yes",), False),
        (("yes",), (1,), True),
        ((float("nan"),), (0.5,), True),
        ((), (), False),
    ],
)
def test_answers_differ_by_more_than_rounding(one, other, is_other):
    assert differ(one, other) is is_other


def test_whatever_else_is_in_a_log_is_no_answer():
    told = json.dumps({"request": "a", "values": [0.1]}).encode()
    assert read_line(told) == ("a", (0.1,))
    dice = random.Random(7)
    for line in (
        b"",
        b"serving churn v1 on 0.0.0.0:8080\n",
        b"[" * 99_999,
        b'{"request": 1, "values": []}',
        b"\xff",
    ):
        assert read_line(line) is None
    for _ in range(300):
        cut = told[: dice.randrange(len(told))]
        assert read_line(cut) is None
