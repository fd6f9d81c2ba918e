"""Several long-lived arms as one split, rounded so that it makes a hundred."""

import random
from dataclasses import replace

import pytest
from tests.fakes.facts import release

from lockgate.api.shares import Role
from lockgate.api.strategy import Variant
from lockgate.domain.observed import ArmFacts, Observed
from lockgate.domain.plan import Stage, Track
from lockgate.domain.split import Arm, TrafficSplit
from lockgate.plan.arms import compose, with_arms


@pytest.mark.parametrize("shares", [(80,), (80, 21), ()])
def test_shares_that_make_no_hundred_are_refused_by_their_numbers(shares):
    with pytest.raises(ValueError, match="shares that make no hundred: ") as told:
        compose([(share, (("a", 100),)) for share in shares])
    assert str(told.value) == f"shares that make no hundred: {list(shares)}"


@pytest.mark.parametrize(
    ("arms", "weights"),
    [
        pytest.param(
            [(50, (("b", 1), ("a", 99))), (50, (("c", 100),))],
            (("b", 0), ("a", 50), ("c", 50)),
            id="of two equal remainders the first by name",
        ),
        pytest.param(
            [(10, (("a", 7), ("b", 93))), (90, (("c", 100),))],
            (("a", 1), ("b", 9), ("c", 90)),
            id="the largest remainder, whatever its name and size",
        ),
        pytest.param(
            [(33, (("a", 34), ("b", 66))), (67, (("c", 34), ("d", 66)))],
            (("a", 11), ("b", 22), ("c", 23), ("d", 44)),
            id="as many as are missing",
        ),
    ],
)
def test_what_is_missing_goes_to_the_largest_remainders(arms, weights):
    assert compose(arms).weights == weights


def test_arms_keep_their_shares_to_the_percent():
    champion = (("champion", 90), ("champion-next", 10))
    split = compose([(80, champion), (20, (("challenger", 100),))])
    assert dict(split.weights) == {"champion": 72, "champion-next": 8, "challenger": 20}
    with pytest.raises(ValueError, match="no hundred"):
        compose([(80, champion)])


def test_whatever_the_shares_of_arms_they_make_a_hundred():
    rng = random.Random(7)
    for _ in range(2000):
        first, second = rng.randint(0, 100), rng.randint(0, 100)
        arm = (("a", 100 - second), ("b", second))
        split = compose([(first, arm), (100 - first, (("c", 33), ("d", 67)))])
        exact = first * second / 100
        assert abs(dict(split.weights)["b"] - exact) < 1


OWN = Track(role=Role.STABLE, release=release(1), workload="churn", replicas=2)
STAGE = Stage(tracks=(OWN,), split=TrafficSplit(weights=(("churn", 100),)), front="churn")
MATCH, COOKIE = (("x-arm", "b"),), ("arm", "b")


def variant(name, weight=10, match=(), cookie=None, replicas=2) -> Variant:
    return Variant(name=name, weight=weight, match=match, cookie=cookie, spec={"replicas": replicas})


def answering(*names, silent=()) -> Observed:
    arms = [ArmFacts(name=name, version="v1", answers=True) for name in names]
    return Observed(arms=(*arms, *(ArmFacts(name=name, version="v1") for name in silent)))


def test_each_variant_that_answers_has_its_part_as_its_author_drew_it():
    variants = (variant("churn-b", 10, MATCH), variant("churn-c", 20, cookie=COOKIE))
    stage = with_arms(STAGE, variants, answering("churn-c", "churn-b"))
    assert stage.split is not None
    assert stage.split.arms == (Arm("churn-b", 10, MATCH), Arm("churn-c", 20, (), COOKIE))
    assert replace(stage, split=STAGE.split) == STAGE
    assert replace(stage.split, arms=()) == STAGE.split


def test_who_does_not_answer_or_is_to_have_no_pods_gets_nothing():
    variants = (variant("churn-b"), variant("churn-c", replicas=0), variant("churn-d"))
    stage = with_arms(STAGE, variants, answering("churn-c", "churn-d", silent=("churn-b",)))
    assert stage.split is not None
    assert stage.split.arms == (Arm("churn-d", 10),)


@pytest.mark.parametrize(
    ("stage", "variants"),
    [(STAGE, ()), (replace(STAGE, split=None), (variant("churn-b"),))],
    ids=["no variants", "no route"],
)
def test_without_a_route_or_variants_a_stage_stays_as_it_is(stage, variants):
    assert with_arms(stage, variants, answering("churn-b")) is stage
