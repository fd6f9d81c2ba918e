"""What counts as a step forward, and when such a step is worth a write."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0, deployment
from tests.fakes.facts import pod, release, workload

from lockgate.api.status import RolloutState
from lockgate.domain.observed import FetchFacts, Observed, RouteFacts
from lockgate.domain.split import TrafficSplit
from lockgate.plan.progress import marks_of, time_of_progress

V1, V2 = release(1), release(2)
BEGUN = FetchFacts(attempts=1)
PODS = (
    pod(V2, "p0"),
    pod(V2, "p1", ready=False),
    pod(V2, "p2", ready=False, fetch=BEGUN),
    pod(V2, "p3", ready=False, fetch=BEGUN),
    pod(V2, "p4", ready=False, fetch=None),
    pod(V1, "p5"),
)


def test_each_pod_counts_as_made_fetching_proved_and_ready_and_each_older_one_against_it():
    there = Observed(workload=workload(V2, 5, updated=5, total=6), pods=PODS)
    assert marks_of(there, V2) == (5, 4, 2, 1, -1, 5, 0, 0)


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(None, id="no workload"),
        pytest.param(workload(V1), id="a workload of another release"),
        pytest.param(workload(None), id="a workload of nobody knows what"),
        pytest.param(workload(V2, generation_observed=False), id="numbers from before the last write"),
    ],
)
def test_what_is_not_of_the_candidate_makes_no_marks(there):
    assert marks_of(Observed(workload=there, pods=PODS), V2) == ()


def seconds(number):
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("deadline", "now", "unmoved", "told"),
    [
        pytest.param(1200, 300, 0, 0, id="a quarter of the deadline later it is not worth telling"),
        pytest.param(1200, 301, 0, 301, id="a second after that it is"),
        pytest.param(1200, 600, 299, 301, id="and what is told is when it moved, not when it was seen"),
        pytest.param(1200, 600, 300, 0, id="what stands still has no news"),
        pytest.param(8, 5, 0, 0, id="with a short deadline nothing is told before five seconds"),
        pytest.param(8, 6, 0, 6, id="after these it is"),
        pytest.param(1200, -5, 0, 0, id="a clock five seconds behind is none"),
        pytest.param(1200, -6, 0, -6, id="a time that lies ahead was told by a clock that was wrong"),
    ],
)
def test_progress_is_told_when_it_is_worth_a_write(deadline, now, unmoved, told):
    asked = replace(deployment(), progress_deadline=seconds(deadline))
    state = RolloutState(candidate=V2, progressed_at=T0)
    assert time_of_progress(asked, state, seconds(unmoved), T0 + seconds(now)) == T0 + seconds(told)


def test_a_candidate_whose_time_begins_moved_just_now():
    now = T0 + timedelta(hours=3, microseconds=7)
    assert time_of_progress(deployment(), RolloutState(candidate=V2), seconds(9), now) == now


def test_times_are_told_in_whole_seconds():
    now = T0 + timedelta(hours=3, microseconds=7)
    state = RolloutState(candidate=V2, progressed_at=T0)
    assert time_of_progress(deployment(), state, seconds(0), now) == T0 + timedelta(hours=3)


@pytest.mark.parametrize(
    ("written", "served", "weights"),
    [(None, None, (0, 0)), (30, None, (30, 0)), (30, 10, (30, 10))],
    ids=["no route", "a route of which the gateway says nothing yet", "a route that is served"],
)
def test_its_part_of_the_traffic_counts_as_it_is_written_and_as_it_is_served(written, served, weights):
    def split(weight):
        return weight and TrafficSplit(weights=(("churn-old", 100 - weight), ("churn", weight)))

    route = written and RouteFacts(written=split(written), served=split(served))
    there = Observed(workload=workload(V2, 2), route=route)
    assert marks_of(there, V2)[-2:] == weights


def test_a_route_that_does_not_name_it_gives_it_nothing():
    others = TrafficSplit(weights=(("churn-old", 100),))
    there = Observed(workload=workload(V2, 2), route=RouteFacts(written=others, served=others))
    assert marks_of(there, V2)[-2:] == (0, 0)
