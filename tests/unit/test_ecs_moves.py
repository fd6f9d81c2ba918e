"""The one request that is next: no hook at a weight that was read too late, nothing that is not asked for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.fakes.builders import deployment
from tests.fakes.ecs import BACKEND, TRAFFIC, canary, target
from tests.fakes.facts import release

from lockgate.api.moments import format_time
from lockgate.api.shares import Role
from lockgate.api.status import RolloutState
from lockgate.backends.ecs.marks import Definition
from lockgate.backends.ecs.moves import next_move
from lockgate.backends.ecs.seen import Part, Rollout, Seen
from lockgate.domain.plan import Stage, Track
from lockgate.domain.split import TrafficSplit
from lockgate.errors import Refused

STABLE, CANDIDATE = release(1), release(2)
ARN = "arn:aws:ecs:eu-central-1:1:service-deployment/models/growth_churn/2"
ASKED = deployment(backend=BACKEND, strategy=canary(10), traffic=TRAFFIC)


def part(of, weight):
    return Part(
        definition=Definition(arn=f"arn:{of.release}", revision=of, is_ours=True),
        asked=2,
        running=2,
        weight=weight,
    )


def seen(weight, hook, released=""):
    rollout = Rollout(
        arn=ARN,
        status="IN_PROGRESS",
        stage="POST_TEST_TRAFFIC_SHIFT",
        sources=(part(STABLE, 100 - weight),),
        goal=part(CANDIDATE, weight),
        hook=hook,
    )
    return Seen(is_there=True, arn="arn:service", asked=2, released=released, last=rollout)


def stage(weight, role=Role.CANDIDATE):
    stable = Track(role=Role.STABLE, release=STABLE, workload="churn-00000001", replicas=2)
    candidate = Track(role=role, release=CANDIDATE, workload="churn-00000002", replicas=2)
    split = TrafficSplit(weights=((stable.workload, 100 - weight), (candidate.workload, weight)))
    return Stage(tracks=(stable, candidate), split=split, front=stable.workload)


def asked(weight, there):
    move = next_move(ASKED, target(), stage(weight), there)
    return move and (move.operation, move.arguments)


def test_a_hook_is_written_down_before_it_is_let_go():
    operation, arguments = asked(10, seen(0, "h1"))
    assert operation == "TagResource"
    assert arguments["tags"] == [{"key": "lockgate.dev/released", "value": "2/h1/0"}]
    operation, arguments = asked(10, seen(0, "h1", "2/h1/0"))
    assert (operation, arguments["hookId"]) == ("ContinueServiceDeployment", "h1")


def test_a_hook_waits_at_the_weight_that_is_asked_for():
    assert asked(10, seen(10, "h2", "2/h1/0")) is None


def test_the_next_hook_is_let_go_when_more_is_asked_for():
    operation, arguments = asked(100, seen(10, "h2", "2/h1/0"))
    assert (operation, arguments["tags"][0]["value"]) == ("TagResource", "2/h2/10")


def test_a_second_hook_with_the_weight_of_the_first_is_old_news_and_stays():
    assert asked(10, seen(0, "h2", "2/h1/0")) is None
    assert asked(100, seen(0, "h2", "2/h1/0")) is None


def test_a_hook_whose_name_holds_slashes_is_old_news_just_as_well():
    first, second = "arn:aws:ecs:::hook/a/1", "arn:aws:ecs:::hook/a/2"
    assert asked(100, seen(0, second, f"2/{first}/0")) is None
    operation, arguments = asked(100, seen(10, second, f"2/{first}/0"))
    assert (operation, arguments["tags"][0]["value"]) == ("TagResource", f"2/{second}/10")
    assert asked(100, seen(0, second, f"2/{second}/0"))[0] == "ContinueServiceDeployment"


@pytest.mark.parametrize(
    "written", ["2/h1/", "2/h1/many", "2/h1/\u00b2", "2//", "2/h1/-1", "2/h1/" + "9" * 5000]
)
def test_what_somebody_wrote_over_our_mark_lets_no_hook_go(written):
    assert asked(100, seen(10, "h2", written)) is None


def test_what_was_let_go_in_another_deployment_says_nothing_of_this_one():
    operation, _ = asked(10, seen(0, "h1", "1/h9/0"))
    assert operation == "TagResource"


def test_without_a_hook_there_is_nothing_to_let_go():
    assert asked(10, seen(0, "")) is None


def test_a_candidate_that_is_named_no_more_is_taken_back():
    move = next_move(ASKED, target(), stage(0, Role.STABLE), seen(10, "h2"))
    assert (move.operation, move.arguments["stopType"]) == ("StopServiceDeployment", "ROLLBACK")


def test_a_candidate_with_traffic_and_no_task_is_taken_back_for_ecs_knows_no_less():
    there = seen(10, "h2")
    dead = replace(there, last=replace(there.last, goal=replace(there.last.goal, running=0)))
    assert asked(0, dead)[0] == "StopServiceDeployment"
    assert asked(0, there) is None


def test_a_deployment_that_goes_back_is_left_to_it():
    there = seen(10, "")
    assert asked(100, replace(there, last=replace(there.last, status="ROLLBACK_IN_PROGRESS"))) is None


def test_what_ecs_took_back_in_this_try_is_not_begun_again_whoever_asks_for_it():
    began = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    state = RolloutState(stable=STABLE, candidate=CANDIDATE, started_at=began)
    rolling = replace(ASKED, status=replace(ASKED.status, rollout=state))
    there = seen(0, "")
    for attempt, comes in ((format_time(began), None), ("2026-01-01T00:00:00Z", "Bring")):
        goal = replace(there.last.goal, definition=replace(there.last.goal.definition, attempt=attempt))
        ended = replace(there.last, status="ROLLBACK_SUCCESSFUL", goal=goal)
        move = next_move(rolling, target(), stage(10), replace(there, parts=(part(STABLE, 100),), last=ended))
        assert (None if move is None else type(move).__name__) == comes


def test_a_stable_version_that_ecs_took_back_is_told_and_not_begun_for_ever():
    there = seen(0, "")
    ended = replace(there.last, status="ROLLBACK_SUCCESSFUL", told="alarm errors went off")
    only = Stage(tracks=(replace(stage(0).tracks[1], role=Role.STABLE),))
    with pytest.raises(Refused, match="alarm errors went off"):
        next_move(ASKED, target(), only, replace(there, parts=(part(STABLE, 100),), last=ended))
