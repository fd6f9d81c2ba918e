"""How long a candidate may come no further, by what its author says or else by its size."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0, deployment, deployment_object, revision
from tests.fakes.facts import release

from lockgate.api.parse import parse_model_deployment
from lockgate.api.shares import Role
from lockgate.api.status import ModelDeploymentStatus, RolloutState, Trigger
from lockgate.backends.deployment.workload import render_workload
from lockgate.domain.observed import Observed, Target
from lockgate.domain.patience import MOST_PATIENCE, patience_with
from lockgate.domain.plan import Track
from lockgate.errors import InvalidSpec
from lockgate.observe.standstill import Standstill
from lockgate.plan.planner import plan_rollout
from lockgate.plan.progress import time_of_progress

GB = 10**9
MINUTE = timedelta(minutes=1)


def of(size):
    return replace(release(2), size=size)


@pytest.mark.parametrize(
    ("size", "minutes"),
    [
        (None, 20),
        (0, 20),
        (int(1.5 * GB) - 1, 20),
        (int(1.5 * GB), 21),
        (16 * GB, 30),
        (140 * GB, 113),
        (510 * GB, 360),
        (10**15, 360),
        (2**63 - 1, 360),
    ],
)
def test_the_larger_a_version_the_longer_it_may_take_within_bounds(size, minutes):
    assert patience_with(deployment(), of(size)) == minutes * MINUTE


def test_what_the_author_says_holds_for_every_size():
    asked = deployment(progressDeadline="5m")
    assert {patience_with(asked, of(size)) for size in (None, GB, 500 * GB)} == {5 * MINUTE}


def test_nobody_waits_for_longer_than_is_allowed_to_be_asked_for():
    assert timedelta(minutes=20) < MOST_PATIENCE <= timedelta(hours=24)


LARGE = of(140 * GB)
GOING = RolloutState(
    stable=release(1), candidate=LARGE, started_at=T0, progressed_at=T0, trigger=Trigger.ALIAS_MOVED
)


def known(state=GOING):
    return replace(deployment(), status=ModelDeploymentStatus(observed_generation=1, rollout=state))


@pytest.mark.parametrize(("minutes", "is_late"), [(112, False), (113, True)])
def test_a_large_candidate_is_late_by_its_own_measure(minutes, is_late):
    seen, now = Observed(unmoved=minutes * MINUTE), T0 + 200 * MINUTE
    plan = plan_rollout(known(), Target(revision=LARGE, pinned=False), seen, now)
    assert (plan.state.candidate is None) == is_late
    if is_late:
        assert "it came no further for 6780 s" in plan.finished[0].message
    else:
        assert plan.wake == now + MINUTE


def test_a_size_that_the_registry_tells_otherwise_amid_a_rollout_changes_nothing():
    seen, now = Observed(unmoved=60 * MINUTE), T0 + 60 * MINUTE
    plans = [
        plan_rollout(known(), Target(revision=of(size), pinned=False), seen, now)
        for size in (None, GB, 140 * GB)
    ]
    assert [(plan.state, plan.wake, plan.decision) for plan in plans] == 3 * [
        (plans[0].state, plans[0].wake, plans[0].decision)
    ]
    assert plans[0].state.candidate == LARGE


def test_progress_of_a_large_one_is_worth_a_write_less_often():
    told = time_of_progress(known(), GOING, timedelta(), T0 + 28 * MINUTE)
    assert told == T0
    assert time_of_progress(known(), GOING, timedelta(), T0 + 29 * MINUTE) == T0 + 29 * MINUTE


def test_half_of_its_time_counts_of_what_was_before_a_process_looked():
    standstill = Standstill(lambda: T0 + 500 * MINUTE, lambda: 0.0)
    assert standstill.unmoved(known(), "recipe", ()) == 113 * MINUTE / 2


@pytest.mark.parametrize(("size", "seconds"), [(None, 1200), (GB, 1200), (140 * GB, 6780)])
def test_the_deployment_of_a_release_has_as_much_time(size, seconds):
    track = Track(role=Role.STABLE, release=of(size), workload="churn", replicas=2)
    assert render_workload(deployment(), track)["spec"]["progressDeadlineSeconds"] == seconds


def test_who_gives_no_deadline_is_ready_in_less_than_the_least():
    assert parse_model_deployment(deployment_object(minReadySeconds=1199)).progress_deadline is None
    with pytest.raises(InvalidSpec, match="1200 s of progressDeadline"):
        parse_model_deployment(deployment_object(minReadySeconds=1200))
    assert revision(1).size is None
