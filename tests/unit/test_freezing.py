"""A candidate that failed and is held where it is, one call of the planner at a time."""

from dataclasses import replace

import pytest
from tests.fakes.builders import T0
from tests.fakes.canaries import (
    ALL_NEW,
    CANARY,
    GOING,
    LATER,
    MEASURED,
    MINUTE,
    NEW,
    OLD,
    V1,
    V2,
    V3,
    planned,
    there,
    to,
    tracks,
)
from tests.fakes.canaries import known as known_
from tests.fakes.facts import pod, workload

from lockgate.api.lifecycle import OnFailure
from lockgate.api.requests import RequestOutcome
from lockgate.api.status import Outcome, RolloutState, Trigger
from lockgate.api.status_codec import parse_status, to_dict
from lockgate.api.strategy import BlueGreen, Canary, CanaryStep, Rolling
from lockgate.domain.gate import YES, GateVerdict, Holds
from lockgate.domain.observed import FetchFacts, Observed
from lockgate.domain.plan import Course
from lockgate.names import Reason
from lockgate.plan.planner import plan_rollout

BAD = GateVerdict(holds=Holds.NO, sentence="too many errors", reason=Reason.ANALYSIS_FAILED)
HELD = replace(GOING, step=1, reached_at=T0)
QUARTER = there(new=1, split=to(75, 25))
LATE = 20 * MINUTE


def known(state, *, on_failure=OnFailure.FREEZE, analysis=MEASURED, **more):
    """One that holds who fails; its state as it is read back."""
    asked = known_(state, analysis=analysis, **more)
    status = parse_status(to_dict(asked.status))
    return replace(asked, on_failure=on_failure, status=status)


def frozen(**more):
    """The state of a candidate that was measured and failed in its second step."""
    return planned(known(HELD, **more), QUARTER, analysis=BAD).state


def test_a_candidate_that_fails_a_gate_is_held_with_its_pods_and_its_traffic():
    plan = planned(known(HELD), QUARTER, analysis=BAD)
    assert (plan.state.candidate, plan.state.step, plan.state.reached_at) == (V2, 1, T0)
    assert (plan.state.frozen.reason, plan.finished, plan.wake) == (Reason.ANALYSIS_FAILED, (), None)
    assert (plan.decision.course, plan.decision.reason) == (Course.FROZEN, Reason.FROZEN)
    assert plan.decision.message == (
        "v2 failed and is held where it is: too many errors; abort, promote or retry it, or move the alias"
    )
    assert plan.stage.split == to(75, 25)
    assert plan.stage.tracks == tracks(4, 1)


def test_whatever_is_measured_since_and_however_long_it_lasts_it_stays_held():
    state = frozen()
    for verdict in (YES, BAD, None):
        plan = planned(known(state), replace(QUARTER, unmoved=LATE), LATER + 90 * MINUTE, analysis=verdict)
        assert (plan.state, plan.stage.split, plan.decision.course) == (state, to(75, 25), Course.FROZEN)


def test_with_rollback_it_is_taken_back_as_ever():
    plan = planned(known(HELD, on_failure=OnFailure.ROLLBACK), QUARTER, analysis=BAD)
    assert (plan.state.candidate, plan.finished[0].outcome) == (None, Outcome.ABORTED)


def test_who_wants_nobody_held_any_more_has_it_taken_back_for_what_it_failed_of():
    plan = planned(known(frozen(), on_failure=OnFailure.ROLLBACK), QUARTER, analysis=YES)
    assert (plan.state.candidate, plan.finished[0].message) == (None, "too many errors")
    assert plan.state.failed[0].reason is Reason.ANALYSIS_FAILED


@pytest.mark.parametrize(
    ("has", "held"),
    [(0, to(100, 0)), (10, to(90, 10)), (18, to(82, 18)), (25, to(75, 25))],
    ids=["nothing yet", "that of before", "a part of it", "all of it"],
)
def test_on_its_way_to_a_step_it_gets_no_more_traffic_than_it_has(has, held):
    going = replace(GOING, step=1)
    seen = there(new=1, split=to(100 - has, has), served=to(100, 0), unmoved=LATE)
    plan = planned(known(going), seen)
    assert plan.state.frozen.reason is Reason.PROGRESS_DEADLINE_EXCEEDED
    assert (plan.stage.split, plan.stage.tracks) == (held, tracks(4, 1))
    later = planned(known(plan.state), replace(seen, unmoved=0 * MINUTE))
    assert (later.state, later.stage) == (plan.state, plan.stage)


def test_on_its_way_to_all_of_the_traffic_it_does_not_come_to_the_front():
    last = replace(GOING, step=1)
    seen = there(new=4, pods=(), unmoved=LATE)
    plan = planned(known(last, strategy=BlueGreen(), traffic=None), seen)
    assert (plan.state.frozen is not None, plan.stage.front) == (True, OLD)
    plan = planned(known(last, strategy=BlueGreen(), traffic=None), replace(seen, front=NEW))
    assert (plan.state.frozen is not None, plan.stage.front) == (True, NEW)


@pytest.mark.parametrize("step", [0, 1])
def test_where_pods_are_the_shares_it_has_no_more_of_them_alone_at_the_front(step):
    half = Canary(steps=(CanaryStep(weight=50),))
    seen = there(2, 2 * (step + 1), front=None, pods=(), unmoved=LATE)
    plan = planned(known(replace(GOING, step=step), strategy=half, traffic=None), seen)
    assert plan.state.frozen is not None
    assert (plan.stage.front, plan.stage.tracks) == (None, tracks(2, 2))


def test_where_pods_are_the_shares_and_none_of_it_answers_none_ever_does():
    half = Canary(steps=(CanaryStep(weight=50),))
    seen = there(4, 2, front=OLD, pods=(), unmoved=LATE)
    plan = planned(known(GOING, strategy=half, traffic=None), seen)
    assert (plan.stage.front, plan.stage.tracks) == (OLD, tracks(4, 2))


def test_where_pods_take_the_places_of_others_no_further_one_does():
    amid = Observed(workload=workload(V2, updated=1, total=3), pods=(pod(V2, "p0"),), unmoved=LATE)
    plan = planned(known(GOING, strategy=Rolling(), traffic=None, analysis=None, replicas=2), amid)
    (track,) = plan.stage.tracks
    assert (plan.state.frozen is not None, track.release, track.replicas, track.paused) == (True, V2, 2, True)
    asked = known(
        plan.state, strategy=Rolling(), traffic=None, analysis=None, replicas=2, request="retry #00000001"
    )
    (track,) = planned(asked, replace(amid, unmoved=0 * MINUTE)).stage.tracks
    assert not track.paused


def test_who_has_no_pods_left_gets_no_traffic_and_has_it_back_with_them():
    gone = replace(QUARTER, others=(workload(V1, 4, name=OLD), workload(V2, 1, name=NEW, available=0)))
    plan = planned(known(frozen()), gone)
    assert (plan.state.frozen is not None, plan.stage.split) == (True, to(100, 0))
    assert planned(known(frozen()), QUARTER).stage.split == to(75, 25)


WRONG = FetchFacts(attempts=3, problem="wrong bytes", permanent=True)


@pytest.mark.parametrize("state", [HELD, frozen()], ids=["going", "held already"])
@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        ((pod(V2, "p0"), pod(V2, "p1", "8")), Reason.DIGEST_CHANGED),
        ((pod(V2, "p0", ready=False, fetch=WRONG),), Reason.FETCH_FAILED),
    ],
    ids=["different files", "wrong files"],
)
def test_what_must_not_serve_at_all_is_never_held(state, pods, reason):
    plan = planned(known(state), replace(QUARTER, pods=pods))
    assert (plan.state.candidate, plan.state.failed[0].reason) == (None, reason)


def test_a_first_version_is_tried_on_and_never_held():
    first = RolloutState(candidate=V2, started_at=T0, progressed_at=T0, trigger=Trigger.FIRST_ROLLOUT)
    plan = planned(known(first), there(None, 0, unmoved=LATE))
    assert (plan.state.frozen, plan.decision.course) == (None, Course.STALLED)


def test_while_suspended_nobody_fails_and_who_is_held_stays_so():
    going = planned(known(HELD, suspend=True), QUARTER, analysis=BAD)
    assert (going.state.frozen, going.decision.course) == (None, Course.SUSPENDED)
    held = planned(known(frozen(), suspend=True), QUARTER)
    assert (held.state.frozen, held.decision.course) == (frozen().frozen, Course.SUSPENDED)
    assert planned(known(held.state), QUARTER).decision.course is Course.FROZEN


def test_an_abort_takes_it_back():
    plan = planned(known(frozen(), request="abort by ada #00000001"), QUARTER)
    assert (plan.state.candidate, plan.state.frozen) == (None, None)
    assert plan.state.failed[0].reason is Reason.ABORTED_BY_REQUEST


def test_a_promotion_lets_it_go_on_and_by_no_gate_but_those_that_nobody_skips():
    plan = planned(known(frozen(), request="promote by ada #00000001"), QUARTER)
    assert (plan.state.frozen, plan.state.hurried, plan.stage.split) == (None, True, to(50, 50))


def test_a_retry_lets_it_try_its_step_again_from_the_begin_of_it():
    plan = planned(known(frozen(), request="retry by ada #00000001"), QUARTER)
    assert plan.answer.message == "v2 (release 00000002) is tried again where it is held"
    assert (plan.state.frozen, plan.state.step, plan.state.reached_at) == (None, 1, LATER)
    assert plan.decision.reason is Reason.ANALYSIS_RUNNING


def test_a_retry_of_another_release_lets_nobody_go_on():
    plan = planned(known(frozen(), request="retry 0badcafe by ada #00000001"), QUARTER)
    assert (plan.answer.outcome, plan.state) == (RequestOutcome.REFUSED, frozen())


@pytest.mark.parametrize(
    "edit",
    [
        {"retry": "once more"},
        {"analysis": None},
        {"progress_deadline": 60 * MINUTE},
        {"strategy": Canary(steps=CANARY.steps[:2])},
    ],
    ids=["the annotation", "the analysis", "the deadline", "the steps"],
)
def test_an_edit_of_what_it_is_judged_by_lets_it_try_its_step_again(edit):
    plan = planned(replace(known(frozen()), **edit), QUARTER)
    assert (plan.state.frozen, plan.state.candidate, plan.state.step) == (None, V2, 1)
    assert plan.state.reached_at == LATER


def test_more_pods_are_no_reason_to_let_it_go_on():
    plan = planned(known(frozen(), replicas=8), QUARTER)
    assert (plan.decision.course, plan.stage.tracks) == (Course.FROZEN, tracks(8, 2))


def test_who_was_never_proved_is_left_to_serve_beside_one_that_is_held_once_pods_are_asked_for():
    """Also while the registry says nothing: the other has failed, and nobody else is there."""
    state = replace(frozen(), unproven=True, fallback=None)
    plan = plan_rollout(known(state), None, there(old=0, new=0), LATER)
    assert (plan.state.stable, plan.state.candidate, plan.state.unproven) == (V1, V2, False)
    assert plan.state.frozen is not None
    assert plan.stage.tracks[0].replicas == 4


def test_another_version_takes_its_place_and_it_is_not_tried_again_by_itself():
    plan = planned(known(frozen()), QUARTER, wanted=V3)
    assert (plan.state.candidate, plan.finished[0].outcome) == (V3, Outcome.SUPERSEDED)
    assert plan.finished[0].message == "superseded by v3, held as it failed: too many errors"
    back = planned(known(plan.state), there(new=None, split=to(100, 0)), wanted=V2)
    assert (back.state.candidate, back.decision.course) == (None, Course.ABORTED)


def test_an_alias_that_goes_back_takes_it_back():
    plan = planned(known(frozen()), QUARTER, wanted=V1)
    assert (plan.state.candidate, plan.state.failed[0].revision) == (None, V2)


def test_who_fails_where_it_has_all_of_the_traffic_already_keeps_it():
    last = replace(GOING, step=3)
    plan = planned(known(last), there(0, 4, split=ALL_NEW, front=NEW, pods=(), unmoved=LATE))
    assert (plan.state.frozen is not None, plan.stage.split) == (True, ALL_NEW)
