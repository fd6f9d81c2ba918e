"""What is within reach, case by case; very many cases are lived through in test_reach.py."""

from dataclasses import replace

import pytest
from tests.fakes.facts import pod, release, workload

from lockgate.api.shares import Role
from lockgate.api.status import Revision
from lockgate.domain.observed import Observed, RouteFacts, WorkloadFacts
from lockgate.domain.plan import Stage, Track
from lockgate.domain.split import TrafficSplit
from lockgate.plan.carried import pods_for
from lockgate.plan.reach import within_reach

OLD, NEW, THIRD = release(1), release(2), release(3)
PROVED = tuple(pod(NEW, f"p{number}") for number in range(4))


def there_is(name: str, of: Revision, available: int) -> WorkloadFacts:
    """A workload with four pods, so many of which are available."""
    return workload(of, 4, name=name, available=available)


@pytest.mark.parametrize(
    ("size", "weight", "pods"),
    [(1, 1, 1), (3, 34, 2), (4, 50, 2), (300, 34, 102), (10, 10, 1), (7, 0, 0), (4, 100, 4), (8, 25, 2)],
)
def test_a_share_of_the_traffic_needs_its_share_of_the_pods_rounded_up(size, weight, pods):
    assert pods_for(size, weight) == pods


def to(*weights: tuple[str, int], served: tuple[tuple[str, int], ...] | None = None) -> RouteFacts:
    return RouteFacts(
        written=TrafficSplit(weights=weights), served=TrafficSplit(weights=served) if served else None
    )


def alone(replicas: int, weights: tuple[tuple[str, int], ...] | None) -> Stage:
    """The new release alone."""
    ours = Track(role=Role.CANDIDATE, release=NEW, workload="new", replicas=replicas)
    return Stage(tracks=(ours,), split=TrafficSplit(weights=weights) if weights else None)


@pytest.mark.parametrize(
    ("route", "kept"),
    [
        pytest.param(to(("old", 100)), 4, id="the route as it is written"),
        pytest.param(to(("new", 100), served=(("old", 100),)), 4, id="the route as it is served"),
        pytest.param(to(("old", 50), ("new", 50)), 2, id="as many as its share needs"),
        pytest.param(to(("new", 100), served=(("new", 100),)), 0, id="nobody"),
    ],
)
def test_pods_that_are_named_nowhere_stay_while_the_route_asks_for_them(route, kept):
    there = Observed(others=(there_is("old", OLD, 4), there_is("new", NEW, 4)), pods=PROVED, route=route)
    stage = within_reach(alone(4, (("new", 100),)), there, 4)
    left = [Track(role=Role.STABLE, release=OLD, workload="old", replicas=kept)] if kept else []
    assert stage == Stage(tracks=(*alone(4, None).tracks, *left), split=TrafficSplit(weights=(("new", 100),)))


def test_whoever_is_to_go_leaves_the_route_first_also_with_no_weight():
    """Copies were made for it, and the next candidate is not there yet to have them."""
    workloads = (there_is("old", OLD, 4), there_is("new", NEW, 4))
    there = Observed(others=workloads, route=to(("old", 100), ("new", 0)), front="old")
    stable = Track(role=Role.STABLE, release=OLD, workload="old", replicas=4)
    third = Track(role=Role.CANDIDATE, release=THIRD, workload="third", replicas=4)
    shadow = TrafficSplit(weights=(("old", 100), ("third", 0)), special="third", mirror=50)
    ideal = Stage(tracks=(stable, third), split=shadow, front="old")
    assert within_reach(ideal, there, 4) == replace(ideal, split=TrafficSplit(weights=(("old", 100),)))


def test_no_more_pods_stay_than_there_are():
    there = Observed(others=(replace(there_is("old", OLD, 4), replicas=3),), route=to(("old", 100)))
    assert within_reach(alone(4, (("new", 100),)), there, 4).tracks[1].replicas == 3


def test_a_route_that_is_to_go_stays_until_as_many_answer_at_the_front():
    ideal = replace(alone(4, None), front="new")
    old, new = there_is("old", OLD, 4), there_is("new", NEW, 3)
    there = Observed(others=(old, new), pods=PROVED, route=to(("old", 100)), front="new")
    stage = within_reach(ideal, there, 4)
    assert [(track.workload, track.replicas) for track in stage.tracks] == [("new", 4), ("old", 4)]
    assert stage.split == TrafficSplit(weights=(("old", 100),))
    stage = within_reach(ideal, replace(there, others=(old, there_is("new", NEW, 4))), 4)
    assert [(track.workload, track.replicas) for track in stage.tracks] == [("new", 4), ("old", 4)]
    assert stage.split is None


def test_a_weight_that_rises_keeps_the_pods_that_are_to_carry_it():
    route = to(("old", 100), served=(("old", 100),))
    there = Observed(others=(there_is("new", NEW, 4),), pods=PROVED, route=route)
    stage = within_reach(alone(1, (("new", 100),)), there, 4)
    assert (stage.tracks[0].replicas, stage.split) == (4, TrafficSplit(weights=(("new", 100),)))


def test_a_weight_that_stays_holds_up_none_that_rises():
    ideal = Stage(
        tracks=tuple(
            Track(role=Role.STABLE, release=of, workload=name, replicas=4)
            for name, of in (("old", OLD), ("new", NEW), ("third", THIRD))
        ),
        split=TrafficSplit(weights=(("old", 50), ("new", 30), ("third", 20))),
    )
    there = Observed(
        others=(there_is("old", OLD, 0), there_is("new", NEW, 4), there_is("third", THIRD, 4)),
        route=to(("old", 50), ("new", 20), ("third", 30)),
    )
    assert within_reach(ideal, there, 4).split == ideal.split


def test_a_weight_does_not_rise_on_the_pods_of_another_release():
    ideal = Stage(
        tracks=(Track(role=Role.CANDIDATE, release=NEW, workload="churn", replicas=4),),
        split=TrafficSplit(weights=(("churn", 100),)),
    )
    there = Observed(
        others=(there_is("churn", OLD, 4),), route=RouteFacts(written=TrafficSplit(weights=(("other", 100),)))
    )
    assert within_reach(ideal, there, 4).split == TrafficSplit(weights=(("other", 100),))
    there = replace(there, others=(there_is("churn", NEW, 4),), pods=PROVED)
    assert within_reach(ideal, there, 4).split == ideal.split


def test_what_an_autoscaler_decides_is_left_to_it():
    ideal = Stage(
        tracks=(Track(role=Role.STABLE, release=OLD, workload="churn", replicas=None),),
        split=TrafficSplit(weights=(("churn", 100),)),
    )
    there = Observed(
        others=(there_is("churn", OLD, 4),), route=RouteFacts(written=TrafficSplit(weights=(("churn", 100),)))
    )
    assert within_reach(ideal, there, 4) == ideal


def test_a_split_makes_a_hundred_or_is_none():
    for weights in ((("a", 99),), (("a", 101), ("b", -1)), (("a", 50), ("a", 50))):
        with pytest.raises(ValueError, match="no hundred"):
            TrafficSplit(weights=weights)
