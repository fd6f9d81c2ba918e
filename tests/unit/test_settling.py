"""What a rollout waits for before it begins, one call of the planner at a time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0, deployment
from tests.fakes.facts import pod, release, workload

from lockgate.api.lifecycle import OnFailure, Settle, Supersede
from lockgate.api.status import Failure, ModelDeploymentStatus, Outcome, RolloutState, Trigger
from lockgate.api.status_codec import parse_status, to_dict
from lockgate.domain.observed import Observed, Target
from lockgate.domain.plan import Course
from lockgate.names import Reason
from lockgate.plan.failures import recipe_of
from lockgate.plan.planner import plan_rollout

V1, V2, V3 = release(1), release(2), release(3)
MINUTE = timedelta(minutes=1)
DEBOUNCE, SOAK = Settle(debounce=5 * MINUTE), Settle(soak=30 * MINUTE)
STABLE = RolloutState(stable=V1)
ROLLING = RolloutState(stable=V1, candidate=V2, started_at=T0, progressed_at=T0, trigger=Trigger.ALIAS_MOVED)
SERVING = Observed(workload=workload(V1), pods=(pod(V1, "p0"), pod(V1, "p1")))
HALF = Observed(workload=workload(V2, updated=1, total=3), pods=(pod(V2, "p0"),))
OUT = Observed(workload=workload(V2), pods=(pod(V2, "p0"), pod(V2, "p1")))


def planned(state, wanted, now, settle, *, observed=SERVING, pinned=False, desired=None, **fields):
    known = ModelDeploymentStatus(observed_generation=1, rollout=state, desired=desired)
    asked = replace(deployment(), settle=settle, status=parse_status(to_dict(known)), **fields)
    return plan_rollout(asked, wanted and Target(revision=wanted, pinned=pinned), observed, now)


def test_a_version_that_the_alias_has_just_come_to_waits_and_says_until_when():
    plan = planned(STABLE, V2, T0 + timedelta(microseconds=7), DEBOUNCE)
    assert (plan.state.candidate, plan.state.awaited, plan.state.awaited_since) == (None, V2, T0)
    assert (plan.decision.course, plan.decision.reason) == (Course.SETTLING, Reason.SETTLING)
    assert plan.decision.message == (
        "v2 is to be rolled out over v1 if it is still asked for at 2026-01-05T09:05:00Z"
    )
    assert plan.wake == T0 + 5 * MINUTE


def test_nothing_changes_until_its_time_has_come_and_then_it_begins():
    first = planned(STABLE, V2, T0, DEBOUNCE)
    for passed in (1, 2, 4):
        again = planned(first.state, V2, T0 + passed * MINUTE, DEBOUNCE)
        assert (again.state, again.decision, again.wake) == (first.state, first.decision, first.wake)
    begun = planned(first.state, V2, T0 + 5 * MINUTE, DEBOUNCE).state
    assert (begun.candidate, begun.trigger, begun.awaited) == (V2, Trigger.ALIAS_MOVED, None)


def test_an_alias_that_goes_to_and_fro_ends_on_its_last_value():
    state = STABLE
    for minute, wanted in enumerate((V2, V1, V2, V3, V2, V3)):
        state = planned(state, wanted, T0 + minute * MINUTE, DEBOUNCE).state
        assert state.candidate is None
        assert state.awaited == (None if wanted is V1 else wanted)
    assert state.awaited_since == T0 + 5 * MINUTE
    assert planned(state, V3, T0 + 10 * MINUTE, DEBOUNCE).state.candidate == V3


def test_a_registry_that_is_silent_meanwhile_makes_it_wait_no_longer():
    state = planned(STABLE, V2, T0, DEBOUNCE).state
    silent = planned(state, None, T0 + 3 * MINUTE, DEBOUNCE)
    assert (silent.state, silent.decision.course) == (state, Course.AT_REST)
    assert planned(silent.state, V2, T0 + 5 * MINUTE, DEBOUNCE).state.candidate == V2


def test_a_candidate_goes_on_until_a_newer_one_has_stayed_for_long_enough():
    plan = planned(ROLLING, V3, T0, DEBOUNCE, observed=HALF)
    assert (plan.state.candidate, plan.state.awaited, plan.finished) == (V2, V3, ())
    assert plan.decision.message == (
        "rolling out v2 over v1; v3 is to follow if it is still asked for at 2026-01-05T09:05:00Z"
    )
    assert plan.wake == T0 + 5 * MINUTE
    after = planned(plan.state, V3, T0 + 5 * MINUTE, DEBOUNCE, observed=HALF)
    assert (after.state.candidate, after.finished[0].outcome) == (V3, Outcome.SUPERSEDED)


def test_what_is_promoted_meanwhile_leaves_the_time_of_the_newer_one_as_it_was():
    waiting = planned(ROLLING, V3, T0, DEBOUNCE, observed=HALF).state
    promoted = planned(waiting, V3, T0 + MINUTE, DEBOUNCE, observed=OUT).state
    assert (promoted.stable.version, promoted.awaited, promoted.awaited_since) == ("v2", V3, T0)


def test_a_candidate_that_is_not_wanted_any_more_goes_at_once():
    plan = planned(ROLLING, V1, T0, DEBOUNCE, observed=HALF)
    assert (plan.state.candidate, plan.finished[0].outcome) == (None, Outcome.SUPERSEDED)


def test_after_a_rollout_the_next_waits_until_what_serves_has_settled():
    promoted = planned(ROLLING, V2, T0, SOAK, observed=OUT).state
    assert promoted.ended_at == T0
    plan = planned(promoted, V3, T0 + MINUTE, SOAK, observed=OUT)
    assert plan.decision.message == (
        "v3 is to be rolled out over v2 at 2026-01-05T09:30:00Z, once what was rolled out before has settled"
    )
    assert (plan.state.candidate, plan.wake) == (None, T0 + 30 * MINUTE)
    assert planned(plan.state, V3, T0 + 30 * MINUTE, SOAK, observed=OUT).state.candidate == V3


@pytest.mark.parametrize("problem", ["aborted", "taken back"])
def test_a_rollout_that_came_to_nothing_is_followed_no_sooner(problem):
    if problem == "aborted":
        plan = planned(ROLLING, V2, T0, SOAK, observed=replace(HALF, unmoved=20 * MINUTE))
    else:
        plan = planned(ROLLING, V1, T0, SOAK, observed=HALF)
    assert (plan.state.candidate, plan.state.ended_at) == (None, T0)
    assert planned(plan.state, V3, T0 + 29 * MINUTE, SOAK).state.candidate is None
    assert planned(plan.state, V3, T0 + 30 * MINUTE, SOAK).state.candidate == V3


def test_the_later_of_two_moments_is_waited_for():
    both, settled = Settle(debounce=5 * MINUTE, soak=30 * MINUTE), replace(STABLE, ended_at=T0)
    for first, until in ((1, 30), (28, 33)):
        assert planned(settled, V2, T0 + first * MINUTE, both).wake == T0 + until * MINUTE


def test_other_pods_for_a_version_that_serves_wait_for_no_alias_but_until_it_has_settled():
    other = replace(V1, release="0badcafe", runtime="onnx@2")
    assert planned(STABLE, other, T0, DEBOUNCE).state.candidate == other
    plan = planned(replace(STABLE, ended_at=T0), other, T0, SOAK)
    assert (plan.state.candidate, plan.state.awaited) == (None, other)
    assert "v1 is to be rolled out over what it runs on now" in plan.decision.message


BUSY = Settle(debounce=5 * MINUTE, soak=30 * MINUTE)
TRIED = Failure(
    revision=V2, recipe=recipe_of(deployment(), V2), reason=Reason.ANALYSIS_FAILED, message="too many errors"
)


def test_a_pin_waits_for_nothing():
    plan = planned(replace(STABLE, ended_at=T0), V2, T0, BUSY, pinned=True)
    assert (plan.state.candidate, plan.state.trigger) == (V2, Trigger.PINNED)


def test_what_a_person_wants_tried_again_waits_for_nothing():
    failed = replace(STABLE, ended_at=T0, failed=(TRIED,))
    assert planned(failed, V2, T0, BUSY).decision.course is Course.ABORTED
    for asked in ({"request": "retry by ada #00000001"}, {"retry": "once more"}):
        begun = planned(failed, V2, T0, BUSY, desired=V2, **asked).state
        assert (begun.candidate, begun.trigger, begun.at_once) == (V2, Trigger.RETRIED, False), asked


def test_what_a_person_wants_tried_again_while_nothing_can_begin_waits_for_nothing_later():
    failed = replace(STABLE, ended_at=T0, failed=(TRIED,))
    held = planned(failed, V2, T0, BUSY, request="retry by ada #00000001", suspend=True)
    assert (held.state.candidate, held.state.at_once) == (None, True)
    assert planned(held.state, V2, T0 + MINUTE, BUSY).state.candidate == V2


def test_what_was_to_be_tried_again_long_ago_waits_when_the_alias_comes_to_it():
    failed = replace(STABLE, ended_at=T0, failed=(TRIED,))
    plan = planned(failed, V2, T0, BUSY, desired=V1, retry="once more")
    assert (plan.state.candidate, plan.state.awaited) == (None, V2)
    again = planned(plan.state, V2, T0 + MINUTE, BUSY, desired=V2, retry="once more")
    assert again.state == plan.state


def test_an_edit_that_has_to_wait_is_an_edit_to_the_end():
    edited = planned(replace(STABLE, ended_at=T0), replace(V1, release="0badcafe"), T0, SOAK, generation=2)
    assert edited.state.awaited_by is Trigger.SPEC_CHANGED
    begun = planned(edited.state, replace(V1, release="0badcafe"), T0 + 30 * MINUTE, SOAK)
    assert begun.state.trigger is Trigger.SPEC_CHANGED


def test_where_nothing_serves_nothing_waits():
    assert planned(RolloutState(), V1, T0, BUSY, observed=Observed()).state.candidate == V1
    first = RolloutState(candidate=V1, started_at=T0, progressed_at=T0, trigger=Trigger.FIRST_ROLLOUT)
    assert planned(first, V2, T0, BUSY, observed=Observed()).state.candidate == V2


def test_an_abort_is_heard_at_once_and_the_next_waits():
    waiting = planned(ROLLING, V3, T0, BUSY, observed=HALF).state
    aborted = planned(waiting, V3, T0, BUSY, observed=HALF, request="abort by ada #00000001")
    assert (aborted.state.candidate, aborted.state.awaited) == (None, V3)
    assert aborted.decision.reason is Reason.SETTLING


def test_a_version_that_failed_before_waits_for_nothing_for_it_is_not_tried():
    failed = replace(STABLE, failed=(TRIED,))
    plan = planned(failed, V2, T0, BUSY)
    assert (plan.state.awaited, plan.decision.course) == (None, Course.ABORTED)


@pytest.mark.parametrize("hours", [-1, -24 * 400])
def test_a_clock_that_is_put_back_makes_nobody_wait_longer_than_was_asked_for(hours):
    ahead = replace(STABLE, awaited=V2, awaited_since=T0, awaited_by=Trigger.ALIAS_MOVED, ended_at=T0)
    now = T0 + timedelta(hours=hours)
    plan = planned(ahead, V2, now, BUSY)
    assert (plan.state.awaited_since, plan.state.ended_at, plan.wake) == (now, now, now + 30 * MINUTE)


def test_a_clock_that_is_put_right_by_a_little_is_no_news():
    ahead = replace(STABLE, awaited=V2, awaited_since=T0, awaited_by=Trigger.ALIAS_MOVED, ended_at=T0)
    assert planned(ahead, V2, T0 - timedelta(seconds=30), BUSY).state == ahead


def test_while_suspended_nothing_is_waited_for_and_the_wait_begins_anew():
    waiting = planned(STABLE, V2, T0, DEBOUNCE).state
    held = planned(waiting, V2, T0 + MINUTE, DEBOUNCE, suspend=True)
    assert (held.state, held.decision.course) == (STABLE, Course.SUSPENDED)
    assert planned(held.state, V2, T0 + 20 * MINUTE, DEBOUNCE).wake == T0 + 25 * MINUTE


QUEUE = {"supersede": Supersede.QUEUE}


def test_who_queues_waits_for_the_candidate_and_for_no_clock():
    plan = planned(ROLLING, V3, T0, Settle(), observed=HALF, **QUEUE)
    assert (plan.state.candidate, plan.state.awaited, plan.finished) == (V2, V3, ())
    assert plan.decision.message == "rolling out v2 over v1; v3 is to follow once v2 is through"
    again = planned(plan.state, V3, T0 + MINUTE, Settle(), observed=HALF, **QUEUE)
    assert (again.state, again.decision) == (plan.state, plan.decision)


@pytest.mark.parametrize("end", ["promoted", "aborted"])
def test_when_the_candidate_is_through_the_newest_begins_and_no_other(end):
    state = ROLLING
    for wanted in (V3, release(4)):
        state = planned(state, wanted, T0, Settle(), observed=HALF, **QUEUE).state
    if end == "promoted":
        ended = planned(state, release(4), T0, Settle(), observed=OUT, **QUEUE)
    else:
        late = replace(HALF, unmoved=20 * MINUTE)
        ended = planned(state, release(4), T0, Settle(), observed=late, **QUEUE)
    assert (ended.finished[0].outcome.value.lower(), ended.state.candidate) == (end, None)
    assert ended.wake == T0, "nobody else would wake it"
    begun = planned(ended.state, release(4), T0, Settle(), observed=OUT, **QUEUE).state
    assert (begun.candidate.version, begun.trigger, begun.awaited) == ("v4", Trigger.ALIAS_MOVED, None)


def test_who_queued_for_long_enough_has_been_debounced_meanwhile():
    waiting = planned(ROLLING, V3, T0, DEBOUNCE, observed=HALF, **QUEUE).state
    promoted = planned(waiting, V3, T0 + 6 * MINUTE, DEBOUNCE, observed=OUT, **QUEUE).state
    assert planned(promoted, V3, T0 + 6 * MINUTE, DEBOUNCE, observed=OUT, **QUEUE).state.candidate == V3


def test_a_pin_and_the_way_back_and_a_candidate_that_is_held_let_nobody_queue():
    pinned = planned(ROLLING, V3, T0, Settle(), observed=HALF, pinned=True, **QUEUE)
    assert pinned.state.candidate == V3
    assert planned(ROLLING, V1, T0, Settle(), observed=HALF, **QUEUE).state.candidate is None
    held = {"on_failure": OnFailure.FREEZE, **QUEUE}
    frozen = planned(ROLLING, V2, T0, Settle(), observed=replace(HALF, unmoved=20 * MINUTE), **held).state
    assert frozen.frozen is not None
    assert planned(frozen, V3, T0, Settle(), observed=HALF, **held).state.candidate == V3


def test_where_nothing_serves_nobody_queues():
    first = RolloutState(candidate=V1, started_at=T0, progressed_at=T0, trigger=Trigger.FIRST_ROLLOUT)
    assert planned(first, V2, T0, Settle(), observed=Observed(), **QUEUE).state.candidate == V2


def test_who_failed_before_is_not_said_to_follow():
    known = replace(ROLLING, failed=(replace(TRIED, revision=V3, recipe=recipe_of(deployment(), V3)),))
    plan = planned(known, V3, T0, Settle(), observed=HALF, **QUEUE)
    assert (plan.state.candidate, plan.decision.message) == (V2, "rolling out v2 over v1")
