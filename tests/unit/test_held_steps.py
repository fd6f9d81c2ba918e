"""A canary one call of the planner at a time: on its way to a step, held there, and on to the next."""

from dataclasses import replace
from datetime import timedelta

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
    known,
    planned,
    there,
    to,
    tracks,
)
from tests.fakes.facts import pod, workload

from lockgate.api.requests import RequestOutcome
from lockgate.api.shares import Role
from lockgate.api.status import Approval, Outcome, RolloutState, Trigger
from lockgate.api.strategy import BlueGreen, Canary, CanaryStep, Capacity, Pause, Shadow
from lockgate.domain.gate import YES, GateVerdict, Holds
from lockgate.domain.observed import Observed, RouteFacts
from lockgate.domain.plan import Course, Stage, Track
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason


def test_a_step_asks_for_pods_and_traffic_of_the_candidate_and_keeps_stable_whole():
    plan = planned(known(GOING), there(new=None, split=TrafficSplit(weights=((OLD, 100),))))
    assert plan.stage == Stage(tracks=tracks(4, 1), split=to(90, 10), front=OLD)
    assert (plan.state.step, plan.steps, plan.state.reached_at) == (0, 4, None)
    assert plan.decision.course is Course.ROLLING_OUT


@pytest.mark.parametrize(
    ("observed", "is_reached"),
    [
        (there(new=1, split=to(90, 10)), True),
        (there(new=1, split=to(100, 0)), False),
        (there(new=1, split=to(90, 10), served=to(100, 0)), False),
        (there(new=1, split=to(90, 10), pods=()), False),
        (there(new=1, split=to(90, 10), front=NEW), False),
    ],
    ids=["all is there", "not written", "written and not served", "not proved", "at the wrong front"],
)
def test_a_step_is_reached_when_its_pods_are_proved_and_its_traffic_is_served(observed, is_reached):
    plan = planned(known(GOING), observed)
    assert plan.state.reached_at == (LATER if is_reached else None)
    assert plan.decision.waits == is_reached


def test_a_step_is_held_for_its_time_and_says_until_when():
    held = replace(GOING, reached_at=LATER)
    for passed in (0 * MINUTE, 4 * MINUTE):
        plan = planned(known(held), there(new=1, split=to(90, 10)), LATER + passed)
        assert (plan.state, plan.wake) == (held, LATER + 5 * MINUTE)
        assert plan.decision.message == "v2 is held in this step until 2026-01-05T09:35:00Z"
        assert plan.stage == Stage(tracks=tracks(4, 1), split=to(90, 10), front=OLD)


def test_when_its_time_is_over_a_step_that_needs_no_more_pods_is_left_by_its_traffic_alone():
    held = replace(GOING, reached_at=T0)
    plan = planned(known(held), there(new=1, split=to(90, 10)))
    assert (plan.state, plan.stage.split) == (held, to(75, 25))
    assert plan.decision.message == "v2 is held in this step until 2026-01-05T09:05:00Z", (
        "nothing new is told"
    )
    plan = planned(known(held), there(new=1, split=to(75, 25)))
    assert (plan.state.step, plan.state.reached_at, plan.finished) == (1, LATER, ())
    assert plan.decision.reason is Reason.WAITING_FOR_APPROVAL, "what holds the next is told with it"


def test_a_step_that_needs_more_pods_is_told_once_that_takes_a_while():
    held = replace(GOING, step=1, reached_at=T0, approvals=(Approval(step=1),))
    observed = there(new=1, split=to(75, 25))
    soon = planned(known(held), observed)
    assert (soon.state, soon.stage.tracks, soon.wake) == (held, tracks(4, 2), LATER + timedelta(seconds=5))
    waited = planned(known(held), replace(observed, unmoved=timedelta(seconds=5)))
    assert waited.state == held, "they are not asked for yet"
    asked = (workload(V1, 4, name=OLD), workload(V2, 2, available=1, name=NEW))
    late = planned(known(held), replace(observed, others=asked, unmoved=timedelta(seconds=5)))
    assert (late.state.step, late.state.reached_at, late.stage.tracks) == (2, None, tracks(4, 2))


@pytest.mark.parametrize("step", [0, 1], ids=["held for a time", "waits for an approval"])
def test_a_step_that_is_held_for_longer_than_the_deadline_is_not_late(step):
    held = replace(GOING, step=step, reached_at=LATER)
    observed = there(new=1, split=(to(90, 10), to(75, 25))[step], unmoved=timedelta(days=3))
    plan = planned(known(held), observed)
    assert (plan.state, plan.decision.course, plan.decision.waits) == (held, Course.ROLLING_OUT, True)


def test_on_its_way_to_a_step_a_candidate_can_be_late_also_by_its_gateway():
    refused = RouteFacts(
        written=to(90, 10), served=to(100, 0), problem="the gateway does not serve the route"
    )
    observed = replace(there(new=1, unmoved=timedelta(days=1)), route=refused)
    plan = planned(known(GOING), observed)
    assert plan.state.failed[0].reason is Reason.PROGRESS_DEADLINE_EXCEEDED
    assert "the gateway does not serve the route" in plan.state.failed[0].message


def test_a_step_whose_traffic_is_not_taken_over_is_told_so_that_it_can_be_late():
    held = replace(GOING, step=1, reached_at=T0, approvals=(Approval(step=1),))
    waits = there(new=2, split=to(50, 50), served=to(75, 25))
    assert planned(known(held), waits).state == held
    plan = planned(known(held), replace(waits, unmoved=timedelta(seconds=5)))
    assert (plan.state.step, plan.state.reached_at, plan.state.progressed_at) == (2, None, LATER)


def test_pods_of_which_some_have_other_files_get_no_more_traffic_however_well_the_step_went():
    held = replace(GOING, reached_at=T0)
    other = (pod(V2, "p0"), pod(V2, "p1", tree="8"))
    plan = planned(known(held), there(new=2, split=to(90, 10), pods=other, unmoved=timedelta(seconds=5)))
    assert (plan.decision.course, plan.stage.split) == (Course.ABORTED, TrafficSplit(weights=((OLD, 100),)))


def test_a_step_that_waits_for_an_approval_goes_on_with_one_for_itself_alone():
    held = replace(GOING, step=1, reached_at=T0)
    observed = there(new=1, split=to(75, 25))
    for approvals in ((), (Approval(step=0),)):
        plan = planned(known(replace(held, approvals=approvals)), observed)
        assert (plan.stage.split, plan.decision.reason) == (to(75, 25), Reason.WAITING_FOR_APPROVAL)
        assert "release 00000002" in plan.decision.message
    plan = planned(known(replace(held, approvals=(Approval(step=1),))), observed)
    assert plan.stage.tracks == tracks(4, 2)


def test_the_last_step_gives_all_pods_all_traffic_and_the_front_and_ends_once_that_is_served():
    held = replace(GOING, step=2, reached_at=T0)
    plan = planned(known(held), there(new=2, split=to(50, 50)))
    assert plan.stage == Stage(tracks=tracks(4, 4), split=ALL_NEW, front=NEW)
    plan = planned(known(held), there(new=4, split=ALL_NEW, front=NEW))
    assert [entry.outcome for entry in plan.finished] == [Outcome.PROMOTED]
    assert plan.state.stable is not None
    assert (plan.state.stable.version, plan.state.candidate) == ("v2", None)
    assert (plan.state.warm, plan.state.warm_until) == (V1, LATER + timedelta(seconds=30))


def test_what_served_before_is_kept_warm_for_its_time_and_no_longer():
    state = RolloutState(stable=V2, warm=V1, warm_until=LATER)
    observed = there(new=4, split=ALL_NEW, front=NEW)
    plan = planned(known(state), observed, LATER - MINUTE)
    assert [(track.role, track.workload) for track in plan.stage.tracks] == [
        (Role.STABLE, NEW),
        (Role.PREVIOUS, OLD),
    ]
    assert plan.wake == LATER
    plan = planned(known(state), observed, LATER)
    assert [track.workload for track in plan.stage.tracks] == [NEW]
    assert plan.state == state, "that it is over costs no write of a status"
    assert plan.wake is None, "and no pass after this one"


def test_a_first_version_has_nothing_to_share_with_and_takes_all_at_once():
    first = RolloutState(candidate=V2, started_at=T0, progressed_at=T0, trigger=Trigger.FIRST_ROLLOUT)
    plan = planned(known(first), Observed())
    track = Track(role=Role.CANDIDATE, release=V2, workload=NEW, replicas=4)
    assert plan.stage == Stage(tracks=(track,), split=TrafficSplit(weights=((NEW, 100),)), front=NEW)
    assert (plan.steps, plan.state.step) == (1, 0)


def test_a_candidate_of_which_no_pod_answers_gets_no_traffic_until_one_is_back():
    held = replace(GOING, reached_at=T0)
    gone = there(split=to(90, 10), others=(workload(V1, 4, name=OLD), workload(V2, 1, available=0, name=NEW)))
    plan = planned(known(held), gone, T0 + MINUTE)
    assert plan.stage.split == to(100, 0)
    assert "no pod of v2 answers" in plan.decision.message
    plan = planned(known(held), there(new=1, split=to(100, 0)), T0 + MINUTE)
    assert plan.stage.split == to(90, 10)


def test_where_pods_give_way_stable_shrinks_as_the_candidate_gets_its_traffic():
    giving = replace(CANARY, capacity=Capacity.RESOURCE_AWARE)
    held = replace(GOING, step=2)
    plan = planned(known(held, strategy=giving), there(new=2, split=to(75, 25)))
    assert plan.stage.tracks == tracks(2, 2)


def test_where_pods_give_way_there_is_never_twice_of_everything_not_even_at_the_end():
    giving, steps = replace(CANARY, capacity=Capacity.RESOURCE_AWARE), len(CANARY.steps)
    last = replace(GOING, step=steps)
    plan = planned(known(last, strategy=giving), there(new=2, split=to(50, 50)))
    assert plan.stage.tracks == tracks(0, 4), "what of it is safe now is asked of the lock gate"
    plan = planned(
        known(replace(last, reached_at=T0), strategy=giving), there(new=4, split=ALL_NEW, front=NEW)
    )
    assert [entry.outcome for entry in plan.finished] == [Outcome.PROMOTED]
    assert (plan.state.warm, plan.state.warm_until) == (None, None)


def test_without_a_gateway_the_numbers_of_pods_make_the_shares_and_all_answer():
    plan = planned(known(replace(GOING, step=1), traffic=None), there(new=1, front=None))
    assert plan.stage == Stage(tracks=tracks(3, 1))
    assert plan.state.reached_at == LATER


def test_blue_green_stands_whole_beside_stable_at_the_preview_until_it_is_switched_to():
    block = BlueGreen(pause=Pause(duration=MINUTE))
    asked = known(GOING, strategy=block, traffic=None)
    plan = planned(asked, there(new=None))
    assert plan.stage == Stage(tracks=tracks(4, 4), front=OLD, preview=NEW)
    held = known(replace(GOING, reached_at=T0), strategy=block, traffic=None)
    plan = planned(held, there(new=4))
    assert plan.stage == Stage(tracks=tracks(4, 4), front=NEW, preview=NEW)
    assert planned(held, there(new=4, front=NEW)).state.candidate is None


def test_a_shadow_gets_copies_and_no_traffic():
    plan = planned(known(GOING, strategy=Shadow(mirror=50)), there(new=None))
    assert plan.stage.tracks == tracks(4, 2)
    assert plan.stage.split == to(100, 0, mirror=50)
    assert plan.stage.front == OLD


@pytest.mark.parametrize(
    ("analysis", "course", "waits"),
    [
        (GateVerdict(holds=Holds.NOT_YET, sentence="it is being measured"), Course.ROLLING_OUT, True),
        (GateVerdict(holds=Holds.INCONCLUSIVE, sentence="too few requests"), Course.ROLLING_OUT, True),
        (GateVerdict(holds=Holds.NO, sentence="errors 3 % above 1 %"), Course.ABORTED, False),
    ],
)
def test_what_was_measured_holds_a_step_or_ends_the_rollout(analysis, course, waits):
    held = known(replace(GOING, reached_at=T0), analysis=MEASURED)
    plan = planned(held, there(new=1, split=to(90, 10)), LATER, analysis=analysis)
    assert (plan.decision.course, plan.decision.waits) == (course, waits)
    assert analysis.sentence in plan.decision.message
    if course is Course.ABORTED:
        assert plan.stage.split == TrafficSplit(weights=((OLD, 100),))
        assert plan.state.failed[0].reason is Reason.ANALYSIS_FAILED


def test_what_is_not_reached_yet_is_not_judged_by_what_was_measured():
    bad = GateVerdict(holds=Holds.NO, sentence="errors")
    asked = known(GOING, analysis=MEASURED)
    assert planned(asked, there(new=1, split=to(100, 0)), analysis=bad).state.candidate == V2
    plan = planned(asked, there(new=1, split=to(90, 10)), analysis=bad)
    assert (plan.state.candidate, plan.decision.reason) == (V2, Reason.ANALYSIS_RUNNING)
    assert plan.decision.message == "v2 is being measured: errors"


def test_a_step_is_not_left_before_it_was_measured():
    quick = Canary(steps=(CanaryStep(weight=10),))
    asked = known(GOING, analysis=MEASURED, strategy=quick)
    assert planned(asked, there(new=1, split=to(90, 10))).stage.split == to(90, 10)
    held = known(replace(GOING, reached_at=T0), analysis=MEASURED, strategy=quick)
    assert planned(held, there(new=1, split=to(90, 10))).stage.split == to(90, 10)
    assert planned(held, there(new=1, split=to(90, 10)), analysis=YES).stage.tracks == tracks(4, 4)


def test_an_analysis_of_one_step_says_nothing_of_the_next():
    steps = Canary(steps=(CanaryStep(weight=10), CanaryStep(weight=25)))
    held = known(replace(GOING, reached_at=T0), analysis=MEASURED, strategy=steps)
    plan = planned(held, there(new=1, split=to(75, 25)), analysis=YES)
    assert (plan.state.step, plan.state.reached_at) == (1, LATER)
    assert plan.decision.reason is Reason.ANALYSIS_RUNNING


def test_what_is_held_by_people_begins_its_time_anew_when_it_goes_on():
    held = replace(GOING, reached_at=T0)
    plan = planned(known(held, suspend=True), there(new=1, split=to(90, 10)))
    assert (plan.state.reached_at, plan.stage) == (None, None)


@pytest.mark.parametrize("step", [4, -1])
def test_a_step_that_the_strategy_does_not_have_is_the_first_and_not_reached(step):
    state = replace(GOING, step=step, reached_at=T0)
    plan = planned(known(state), there(new=None, split=to(100, 0)))
    assert (plan.state.step, plan.state.reached_at) == (0, None)


class TestRequests:
    AT_TEN = there(new=1, split=to(90, 10))
    HELD = replace(GOING, reached_at=LATER)

    def answered(self, text, state=HELD, observed=AT_TEN, **spec):
        plan = planned(known(state, request=text, **spec), observed)
        return plan, plan.answer and plan.answer.outcome

    def test_an_approval_is_remembered_with_who_and_why(self):
        plan, outcome = self.answered("approve 00000002 by ada because it is well")
        assert outcome is RequestOutcome.ACCEPTED
        assert plan.state.approvals == (Approval(step=0, by="ada", reason="it is well"),)

    def test_an_approval_of_another_release_is_refused(self):
        plan, outcome = self.answered("approve 00000003")
        assert (outcome, plan.state.approvals) == (RequestOutcome.REFUSED, ())

    def test_who_hurries_skips_what_holds_and_nothing_else(self):
        plan, outcome = self.answered("promote")
        assert (outcome, plan.state.hurried) == (RequestOutcome.ACCEPTED, True)
        assert plan.stage.split == to(75, 25), "it goes on, step by step"
        plan, _ = self.answered("promote", observed=there(new=1, split=to(100, 0)), state=GOING)
        assert plan.stage.split == to(90, 10), "what is not there is waited for"

    @pytest.mark.parametrize("suspend", [False, True])
    def test_an_abort_goes_back_at_once_and_is_remembered(self, suspend):
        plan, outcome = self.answered("abort by ada because of latency", suspend=suspend)
        assert outcome is RequestOutcome.ACCEPTED
        assert plan.stage.split == TrafficSplit(weights=((OLD, 100),))
        (failed,) = plan.state.failed
        assert (failed.revision, failed.reason) == (V2, Reason.ABORTED_BY_REQUEST)
        assert [(e.outcome, e.message) for e in plan.finished] == [
            (Outcome.ABORTED, "ada asked for it: of latency")
        ]
        again = planned(known(plan.state, suspend=suspend), there(new=1, split=to(90, 10)))
        assert (again.state.candidate, again.stage.split) == (None, TrafficSplit(weights=((OLD, 100),)))

    @pytest.mark.parametrize("step", range(4))
    @pytest.mark.parametrize("reached_at", [None, T0], ids=["on its way", "reached"])
    def test_an_abort_is_heard_in_every_step_and_on_the_way_to_each(self, step, reached_at):
        state = replace(GOING, step=step, reached_at=reached_at)
        plan, outcome = self.answered("abort", state, there(new=4, split=to(50, 50)))
        assert (outcome, plan.state.candidate) == (RequestOutcome.ACCEPTED, None)
        assert plan.stage.split == TrafficSplit(weights=((OLD, 100),))

    def test_what_was_aborted_is_tried_again_when_somebody_asks(self):
        aborted, _ = self.answered("abort")
        plan, outcome = self.answered("retry", state=aborted.state, observed=there(new=None))
        assert outcome is RequestOutcome.ACCEPTED
        assert (plan.state.candidate, plan.state.trigger) == (V2, Trigger.RETRIED)

    @pytest.mark.parametrize(
        ("text", "state"),
        [
            ("abort", RolloutState(stable=V2)),
            ("retry", GOING),
            ("retry", RolloutState(stable=V2)),
            ("dance", GOING),
        ],
    )
    def test_what_cannot_be_is_refused_and_changes_nothing(self, text, state):
        plan, outcome = self.answered(text, state=state)
        assert outcome is RequestOutcome.REFUSED
        assert plan.state.candidate == state.candidate

    def test_a_request_is_answered_once(self):
        plan, _ = self.answered("approve 00000002")
        again = planned(known(plan.state, request="approve 00000002", last=plan.answer), self.AT_TEN)
        assert again.answer is None


def test_who_approved_is_in_the_history():
    approvals = (Approval(step=0, by="ada", reason="well"), Approval(step=1, by="bob"))
    held = replace(GOING, step=2, reached_at=T0, approvals=approvals)
    plan = planned(known(held), there(new=4, split=ALL_NEW, front=NEW))
    (entry,) = plan.finished
    assert (entry.by, entry.message) == ("ada, bob", "step 1 approved: well")


def test_a_new_target_begins_at_the_first_step_and_forgets_what_was_of_the_other():
    held = replace(GOING, step=1, reached_at=T0, approvals=(Approval(step=1),), hurried=True)
    plan = planned(known(held), there(new=1, split=to(75, 25)), wanted=V3)
    assert plan.state == RolloutState(
        stable=V1, candidate=V3, started_at=LATER, progressed_at=LATER, trigger=Trigger.ALIAS_MOVED
    )
