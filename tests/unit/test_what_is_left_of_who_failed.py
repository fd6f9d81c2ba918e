"""What is planned where a version is not tried: who serves goes on, and a sentence says why."""

import pytest
from tests.fakes.builders import T0
from tests.fakes.canaries import CANARY, GATEWAY, V1, V2, V3, known
from tests.fakes.facts import workload

from lockgate.api.shares import Role
from lockgate.api.status import RolloutState
from lockgate.api.strategy import BlueGreen, Rolling
from lockgate.domain.observed import Elsewhere, Observed
from lockgate.domain.plan import Course, Track
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason
from lockgate.plan.shape import shape
from lockgate.plan.stages import nobody

NOBODY = RolloutState()
FAILED = "churn-00000002"


def track(release, name, replicas) -> Track:
    return Track(role=Role.STABLE, release=release, workload=name, replicas=replicas)


def test_where_nobody_serves_the_one_that_failed_has_a_workload_without_pods():
    stage = nobody(known(NOBODY, strategy=BlueGreen()), Observed(), V2)
    assert stage.tracks == (track(V2, FAILED, 0),)
    assert (stage.split, stage.front) == (None, FAILED)


@pytest.mark.parametrize("available", [0, 2])
def test_in_place_it_keeps_its_workload_and_no_pods_of_it(available):
    there = workload(V2, 2, available=available)
    stage = nobody(known(NOBODY, strategy=Rolling(), traffic=None), Observed(workload=there), V2)
    assert stage.tracks == (track(V2, "churn", 0),)
    assert (stage.split, stage.front) == (None, None)


def test_whoever_of_the_others_has_most_pods_serves_whole_with_all_the_traffic():
    others = (
        workload(V1, 1, name="churn-few"),
        workload(V3, 3, name="churn-most"),
        workload(V1, 9, name="churn-none", available=0),
    )
    stage = nobody(known(NOBODY, strategy=BlueGreen()), Observed(others=others), V2)
    assert stage.tracks == (track(V3, "churn-most", 4), track(V2, FAILED, 0))
    assert stage.split == TrafficSplit(weights=(("churn-most", 100),))
    assert stage.front == "churn-most"


@pytest.mark.parametrize("others", [(), (workload(None, 2, name="churn-what"),)], ids=["none", "unknown"])
def test_who_is_of_nobody_knows_which_release_serves_for_nobody(others):
    stage = nobody(known(NOBODY, strategy=BlueGreen(), traffic=None), Observed(others=others), V2)
    assert stage.tracks == (track(V2, FAILED, 0),)
    assert (stage.split, stage.front) == (None, FAILED)


AT_REST = RolloutState(stable=V1)
ELSEWHERE = Elsewhere("ranker", "it was slow")


def drawn(state=AT_REST, *, wanted=V2, elsewhere=ELSEWHERE):
    observed = Observed(others=(workload(V1, 4, name="churn-00000001"),))
    return shape(known(state, strategy=CANARY, traffic=GATEWAY), state, wanted, observed, T0, elsewhere)


def test_what_failed_elsewhere_is_kept_out_in_a_sentence_that_says_where_and_how_to_try_it():
    plan = drawn()
    assert (plan.decision.course, plan.decision.reason) == (Course.QUARANTINED, Reason.QUARANTINED)
    assert plan.decision.message == (
        "v2 is not tried and v1 serves on: it failed in ranker (it was slow); "
        "move the alias to another version, or run kubectl lockgate retry to try it here"
    )
    assert plan.state == AT_REST


@pytest.mark.parametrize(
    "more",
    [{"elsewhere": None}, {"wanted": None}, {"wanted": V1}],
    ids=["it failed nowhere", "nobody knows what is wanted", "it is what serves"],
)
def test_nothing_else_is_kept_out(more):
    assert drawn(**more).decision.course is Course.AT_REST


def test_where_nobody_may_know_how_it_failed_that_is_left_out():
    plan = drawn(elsewhere=Elsewhere("another namespace", ""))
    assert "it failed in another namespace; " in plan.decision.message
