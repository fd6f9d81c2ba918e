"""When do so many answers say that a weight is not kept?"""

import pytest
from tests.rollouts.shares import SIGMAS, TOLERANCE, Share, answers_for, measured


@pytest.mark.parametrize("weight", [1, 5, 20, 50, 90])
def test_with_answers_enough_two_points_are_beyond_chance_and_with_fewer_they_are_not(weight: int):
    enough = answers_for(weight)
    assert Share("v1", weight, 0, enough).scatter <= TOLERANCE
    if enough > 200:
        assert Share("v1", weight, 0, enough - 2).scatter > TOLERANCE


def test_more_than_two_points_off_does_not_hold_and_less_does():
    assert Share("v1", 50, 5_190, 10_000).holds
    assert not Share("v1", 50, 5_210, 10_000).holds


def test_few_answers_may_be_off_by_chance_and_not_by_more():
    share = Share("v1", 50, 56, 100)
    assert (share.is_fine, share.holds) == (False, True)
    assert share.scatter == pytest.approx(SIGMAS * 0.05)
    assert not Share("v1", 50, 71, 100).holds


def test_one_answer_of_a_version_without_a_weight_is_one_too_many():
    shares = list(measured({"v0": 100}, {"v0": 9_999, "v1": 1}))
    assert [(share.version, share.weight, share.holds) for share in shares] == [
        ("v0", 100, False),
        ("v1", 0, False),
    ]


def test_a_version_with_a_weight_that_never_answers_is_measured_too():
    (silent,) = [share for share in measured({"v0": 90, "v1": 10}, {"v0": 5_000}) if share.version == "v1"]
    assert (silent.came, silent.holds) == (0, False)


def test_no_answers_are_no_measurement():
    assert not list(measured({"v0": 100}, {}))
