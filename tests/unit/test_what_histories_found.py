"""The smallest histories in which a promise was broken once, as simulated traffic found them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0
from tests.fakes.canaries import (
    ALL_NEW,
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
from lockgate.api.status import Failure, Outcome, RolloutState
from lockgate.api.strategy import BlueGreen, Canary, CanaryStep, Pause, Rolling, Shadow
from lockgate.domain.gate import GateVerdict, Holds
from lockgate.domain.observed import Observed
from lockgate.domain.plan import Course, Stage, Track
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason
from lockgate.plan.planner import plan_rollout
from lockgate.plan.reach import within_reach

ALL_OLD = TrafficSplit(weights=((OLD, 100),))
STABLE = Track(role=Role.STABLE, release=V1, workload=OLD, replicas=4)
THIRD = "churn-00000003"
WITHOUT_PODS = (workload(V1, 4, name=OLD), workload(V2, 1, available=0, name=NEW))


def step(weight, **more):
    """What a step of that weight asks for, of four pods."""
    pods = -(-4 * weight // 100)
    return Stage(tracks=tracks(4, max(1, pods)), split=to(100 - weight, weight, **more), front=OLD)


def back(**more):
    """What is asked for once v2 is given up."""
    return Stage(**({"tracks": (STABLE,), "split": ALL_OLD, "front": OLD} | more))


def sizes(stage):
    return {track.workload: track.replicas for track in stage.tracks}


class TestWeights:
    def test_traffic_waits_for_the_proof_of_files_and_not_for_readiness_alone(self):
        bare = (pod(V2, "p0", tree=None),)
        assert within_reach(step(10), there(new=1, split=ALL_OLD, pods=bare), 4).split == ALL_OLD
        assert within_reach(step(10), there(new=1, split=ALL_OLD), 4).split == to(90, 10)

    def test_pods_that_proved_different_files_carry_nothing(self):
        torn = (pod(V2, "p0"), pod(V2, "p1", tree="8"))
        assert within_reach(step(50), there(new=2, split=to(90, 10), pods=torn), 4).split == to(90, 10)

    def test_pods_that_are_to_go_carry_nothing_though_they_are_counted_yet(self):
        fewer = workload(V2, 1, name=NEW, available=4, total=4, generation_observed=False)
        observed = replace(there(new=4, split=to(90, 10)), others=(workload(V1, 4, name=OLD), fewer))
        assert within_reach(step(50), observed, 4).split == to(90, 10)

    def test_stable_takes_back_pod_by_pod_what_it_can_carry(self):
        """With no room for more pods, who waits for all of them waits for ever."""
        for available, weights in ((1, to(25, 75)), (2, to(50, 50)), (3, to(75, 25)), (4, ALL_OLD)):
            observed = replace(
                there(new=3, split=to(25, 75)),
                others=(workload(V1, 4, name=OLD, available=available), workload(V2, 3, name=NEW)),
            )
            stage = within_reach(back(), observed, 4)
            assert stage.split == weights
            assert sizes(stage) == {OLD: 4, NEW: 3}, "whoever is served yet keeps its pods"

    def test_who_has_no_pod_left_loses_its_traffic_though_stable_is_not_whole(self):
        dead = (workload(V1, 4, name=OLD, available=3), workload(V2, 1, name=NEW, available=0))
        observed = replace(there(split=to(90, 10)), others=dead)
        assert dict(within_reach(back(), observed, 4).split.weights) == {OLD: 100, NEW: 0}
        assert dict(within_reach(step(10), observed, 4).split.weights) == {OLD: 100, NEW: 0}

    def test_the_next_candidate_gets_nothing_before_the_last_one_has_left(self):
        ideal = Stage(
            tracks=(STABLE, Track(role=Role.CANDIDATE, release=V3, workload=THIRD, replicas=1)),
            split=TrafficSplit(weights=((OLD, 90), (THIRD, 10))),
            front=OLD,
        )
        others = (
            workload(V1, 4, name=OLD, available=3),
            workload(V2, 2, name=NEW),
            workload(V3, 1, name=THIRD),
        )
        observed = there(split=to(50, 50), pods=(pod(V3),), others=others)
        assert dict(within_reach(ideal, observed, 4).split.weights) == {OLD: 75, THIRD: 0, NEW: 25}
        whole = replace(observed, others=(workload(V1, 4, name=OLD), *others[1:]))
        assert within_reach(ideal, whole, 4).split == ideal.split

    def test_a_newer_target_takes_the_traffic_of_the_last_one_before_it_has_pods_itself(self):
        ideal = Stage(
            tracks=(STABLE, Track(role=Role.CANDIDATE, release=V3, workload=THIRD, replicas=1)),
            split=TrafficSplit(weights=((OLD, 90), (THIRD, 10))),
            front=OLD,
        )
        stage = within_reach(ideal, there(new=2, split=to(50, 50)), 4)
        assert dict(stage.split.weights) == {OLD: 100, THIRD: 0}

    def test_copies_and_special_requests_wait_for_the_pods_of_their_step_and_not_for_more(self):
        ideal = replace(step(25, mirror=100), tracks=tracks(4, 2))
        one, two = there(new=1, split=to(75, 25)), there(new=2, split=to(75, 25))
        assert within_reach(ideal, one, 4).split == to(75, 25)
        assert within_reach(ideal, two, 4).split == ideal.split


class TestTheFront:
    def test_a_candidate_comes_to_the_front_with_the_whole_of_its_traffic_and_stable_with_one_pod(self):
        whole = Stage(tracks=(replace(STABLE, replicas=0), tracks(0, 4)[1]), split=ALL_NEW, front=NEW)
        others = (workload(V1, 4, name=OLD), workload(V2, 4, name=NEW, available=3))
        some = replace(there(new=3, split=to(50, 50)), others=others)
        assert within_reach(whole, some, 4).front == OLD
        assert within_reach(whole, there(new=4, split=to(50, 50)), 4).front == NEW
        short = (workload(V1, 4, name=OLD, available=1), workload(V2, 4, name=NEW))
        observed = replace(there(new=4, split=ALL_NEW, front=NEW), others=short)
        assert within_reach(back(), observed, 4).front == OLD

    def test_nobody_is_routed_to_who_is_not_there_though_no_pods_are_asked_for(self):
        ideal = Stage(tracks=tracks(0, 0), split=to(90, 10), front=OLD)
        assert within_reach(ideal, there(old=0, new=None, split=ALL_OLD), 0).split == ALL_OLD

    def test_pods_that_are_not_to_answer_are_not_made_while_all_answer(self):
        ideal = Stage(tracks=tracks(4, 4), front=OLD, preview=NEW)
        assert sizes(within_reach(ideal, there(new=None, front=None), 4)) == {OLD: 4}
        assert sizes(within_reach(ideal, there(new=1, front=None), 4)) == {OLD: 4, NEW: 1}
        assert sizes(within_reach(ideal, there(new=None), 4)) == {OLD: 4, NEW: 4}

    def test_a_third_release_is_not_made_while_two_answer_by_their_pods(self):
        candidate = Track(role=Role.CANDIDATE, release=V3, workload=THIRD, replicas=2)
        ideal = Stage(tracks=(STABLE, candidate))
        assert sizes(within_reach(ideal, there(old=2, new=2, front=None), 4)) == {OLD: 4, NEW: 2}
        gone = replace(there(new=None, front=None))
        assert sizes(within_reach(ideal, gone, 4)) == {OLD: 4, THIRD: 2}

    def test_all_answer_only_once_nobody_else_is_left_of_before(self):
        ideal = Stage(tracks=tracks(2, 2))
        third = workload(V3, 2, name=THIRD)
        observed = there(new=2, others=(*there(new=2).others, third), front=THIRD)
        assert within_reach(ideal, observed, 4).front == OLD
        assert within_reach(ideal, there(new=2), 4).front is None

    def test_all_answer_only_once_the_candidate_is_proved(self):
        bare = there(new=2, pods=(pod(V2, "p0"), pod(V2, "p1", tree=None)))
        assert within_reach(Stage(tracks=tracks(2, 2)), bare, 4).front == OLD

    def test_who_is_not_available_yet_stays_asked_for_while_others_are_too_few(self):
        short = there(front=None, others=(workload(V1, 4, name=OLD, available=2), workload(V2, 1, name=NEW)))
        assert sizes(within_reach(Stage(tracks=tracks(2, 2)), short, 4)) == {OLD: 3, NEW: 2}

    def test_who_is_to_have_no_pods_does_not_answer_for_others(self):
        """A first version with wrong files beside one that serves: the pods that are to go count for none."""
        failed = Track(role=Role.STABLE, release=V2, workload=NEW, replicas=0)
        stage = within_reach(Stage(tracks=(failed,), front=NEW), there(old=2, new=2, front=None), 2)
        assert (stage.front, sizes(stage)[OLD]) == (None, 2)

    def test_with_a_route_that_leads_past_it_the_last_pod_at_the_front_stays(self):
        ideal = Stage(tracks=(replace(tracks(4, 4)[1], workload="churn"),), split=ALL_OLD)
        observed = there(old=None, new=2, split=TrafficSplit(weights=(("churn-gone", 100),)), front=None)
        assert sizes(within_reach(ideal, observed, 2))[NEW] == 1


class TestSharesByPods:
    """A canary without a gateway: all pods answer, and their numbers make the shares."""

    AT_REST = RolloutState(stable=V2, warm=V1, warm_until=LATER + MINUTE)

    def test_what_is_kept_warm_answers_nobody(self):
        plan = planned(known(self.AT_REST, traffic=None), there(new=4, front=None))
        assert plan.stage.front == NEW

    def test_a_step_without_traffic_has_pods_and_no_traffic(self):
        look = Canary(steps=(CanaryStep(weight=0, replicas=50, pause=Pause()),))
        plan = planned(known(GOING, strategy=look, traffic=None), there(new=2))
        assert (plan.stage.front, sizes(plan.stage)) == (OLD, {OLD: 4, NEW: 2})

    def test_more_pods_are_no_more_traffic_than_the_step_gives(self):
        crowd = Canary(steps=(CanaryStep(weight=25, replicas=100, pause=Pause()),))
        plan = planned(known(GOING, strategy=crowd, traffic=None), there(new=1, front=None))
        assert (sizes(plan.stage), plan.state.reached_at) == ({OLD: 3, NEW: 1}, LATER)

    def test_stable_stays_whole_while_no_pod_of_the_candidate_answers(self):
        asked = known(replace(GOING, step=2), traffic=None)
        dead = there(
            old=2, front=None, others=(workload(V1, 2, name=OLD), workload(V2, 2, name=NEW, available=0))
        )
        assert sizes(planned(asked, dead).stage) == {OLD: 4, NEW: 2}

    def test_a_step_is_not_reached_before_all_pods_answer(self):
        asked = known(replace(GOING, step=1), traffic=None)
        assert planned(asked, there(old=3, new=1, front=OLD)).state.reached_at is None
        assert planned(asked, there(old=3, new=1, front=None)).state.reached_at == LATER


class TestSteps:
    HELD = replace(GOING, reached_at=T0)

    def test_a_step_is_reached_anew_by_who_had_no_pod_left(self):
        gone = there(
            split=to(90, 10), others=(workload(V1, 4, name=OLD), workload(V2, 1, available=0, name=NEW))
        )
        plan = planned(known(self.HELD), gone)
        assert (plan.state.reached_at, plan.state.progressed_at) == (None, LATER)
        assert (plan.stage.split, plan.decision.waits) == (to(100, 0), False)
        late = planned(known(plan.state), replace(gone, unmoved=timedelta(days=1)))
        assert late.decision.course is Course.ABORTED, "who never comes back is given up"

    def test_on_its_way_as_well_nobody_is_sent_to_where_nobody_is(self):
        gone = there(
            split=to(90, 10), others=(workload(V1, 4, name=OLD), workload(V2, 1, available=0, name=NEW))
        )
        assert planned(known(GOING), gone).stage.split == to(100, 0)

    def test_what_was_measured_ends_a_candidate_also_when_its_pods_are_gone(self):
        gone = there(
            split=to(90, 10), others=(workload(V1, 4, name=OLD), workload(V2, 1, available=0, name=NEW))
        )
        bad = GateVerdict(holds=Holds.NO, sentence="errors")
        plan = planned(known(self.HELD, analysis=MEASURED), gone, analysis=bad)
        assert plan.state.failed[0].reason is Reason.ANALYSIS_FAILED

    @pytest.mark.parametrize(
        ("strategy", "step"),
        [(Rolling(), 0), (BlueGreen(), 1), (Shadow(), 1)],
        ids=["rolling", "blueGreen", "shadow"],
    )
    def test_who_was_held_at_a_tenth_is_not_promoted_by_an_edit_of_the_strategy(self, strategy, step):
        state = replace(self.HELD, step=step)
        plan = planned(known(state, strategy=strategy), there(new=1, split=to(90, 10)))
        assert (plan.finished, plan.state.candidate, plan.state.reached_at) == ((), V2, None)
        assert sizes(plan.stage) == {OLD: 4, NEW: 4}

    @pytest.mark.parametrize(
        "strategy",
        [BlueGreen(pause=Pause(duration=5 * MINUTE)), Canary(steps=(CanaryStep(weight=50, pause=Pause()),))],
        ids=["blueGreen", "another canary"],
    )
    def test_a_step_that_its_author_made_another_is_reached_anew(self, strategy):
        plan = planned(known(self.HELD, strategy=strategy), there(new=1, split=to(90, 10)))
        assert (plan.state.step, plan.state.reached_at) == (0, None)

    def test_a_step_is_the_same_step_when_there_are_to_be_more_pods(self):
        plan = planned(known(self.HELD, replicas=40), there(new=1, split=to(90, 10)), T0 + MINUTE)
        assert plan.state.reached_at == T0

    def test_a_step_that_is_left_for_one_with_fewer_pods_stays_reached(self):
        crowd = Canary(steps=(CanaryStep(weight=10, replicas=100), CanaryStep(weight=25, replicas=50)))
        plan = planned(known(self.HELD, strategy=crowd), there(new=2, split=to(75, 25), served=to(90, 10)))
        assert (plan.state.step, plan.state.reached_at) == (0, T0)
        assert plan.stage.split == to(75, 25)

    def test_the_time_that_a_step_of_another_strategy_was_held_makes_nobody_late(self):
        state = replace(self.HELD, step=3)
        plan = planned(
            known(state, strategy=Shadow()), there(new=4, split=to(50, 50), unmoved=timedelta(days=1))
        )
        assert (plan.state.step, plan.state.candidate) == (0, V2)

    def test_copies_count_for_the_pods_of_a_step_that_names_none(self):
        copied = Canary(steps=(CanaryStep(weight=25, mirror=50),))
        plan = planned(known(GOING, strategy=copied), there(new=None, split=ALL_OLD))
        assert sizes(plan.stage) == {OLD: 4, NEW: 3}


class TestWithoutPods:
    """With replicas 0 a version is taken at once, and proved by nothing."""

    def test_what_was_reached_without_pods_is_not_promoted_once_some_are_asked_for(self):
        state = replace(GOING, reached_at=T0, unproven=True)
        observed = there(old=0, new=0, split=to(90, 10), front=OLD)
        plan = planned(known(state), observed)
        assert (plan.finished, plan.state.candidate, plan.state.reached_at) == ((), V2, None)

    def test_who_is_gone_back_to_is_no_candidate_over_itself(self):
        state = replace(GOING, stable=V3, candidate=V1, unproven=True, fallback=V1)
        plan = planned(known(state), there(old=0, new=None, split=ALL_OLD), wanted=V1)
        assert (plan.state.stable, plan.state.candidate) == (V1, None)
        assert sizes(plan.stage) == {OLD: 4}

    def test_who_was_taken_without_proof_is_kept_when_the_one_that_is_asked_for_was_given_up(self):
        failed = Failure(revision=V2, recipe="", reason=Reason.ABORTED_BY_REQUEST, message="")
        state = RolloutState(stable=V1, unproven=True, failed=(failed,))
        plan = planned(known(state), there(old=0, new=None, split=ALL_OLD))
        assert (plan.state.stable, plan.state.unproven) == (V1, False)
        assert sizes(plan.stage) == {OLD: 4}


class TestNobodyElse:
    FIRST = RolloutState(candidate=V2, started_at=T0, progressed_at=T0)

    def test_a_first_version_that_fails_takes_nobody_with_it_who_serves(self):
        wrong = tuple(pod(V2, f"p{n}", tree=str(n)) for n in range(2))
        observed = there(old=2, new=2, split=ALL_OLD, front=None, pods=wrong)
        plan = planned(known(self.FIRST, replicas=2), observed)
        assert plan.decision.reason is Reason.DIGEST_CHANGED
        stage = within_reach(plan.stage, observed, 2)
        assert (sizes(stage), stage.split) == ({OLD: 2, NEW: 0}, ALL_OLD)

    def test_the_only_version_that_serves_is_not_aborted(self):
        plan = planned(known(self.FIRST, request="abort"), there(old=None, new=4, front=NEW))
        assert plan.answer.outcome is RequestOutcome.REFUSED
        assert sizes(plan.stage) == {NEW: 4}
        dead = Observed(others=(workload(V2, 4, name=NEW, available=0),))
        assert planned(known(self.FIRST, request="abort"), dead).answer.outcome is RequestOutcome.ACCEPTED

    def test_a_release_stays_in_the_workload_that_runs_it_also_when_the_strategy_is_rolling_now(self):
        asked = known(self.FIRST, strategy=Rolling())
        plan = planned(asked, there(old=None, new=4, split=ALL_NEW, front=None))
        assert [entry.outcome for entry in plan.finished] == [Outcome.PROMOTED]

    @pytest.mark.parametrize("request_", ["abort", "promote", "retry"])
    def test_what_was_asked_of_a_status_that_is_lost_is_asked_of_nobody_now(self, request_):
        asked = known(RolloutState(), request=request_)
        short = Observed(others=(workload(V2, 4, name=NEW, available=3),), front=NEW)
        plan = plan_rollout(asked, None, short, LATER)
        assert plan.answer.outcome is RequestOutcome.REFUSED
        assert (plan.state.failed, plan.state.hurried) == ((), False)


class TestALostStatus:
    """Amid a canary: who serves stays, and who is on its way begins anew."""

    @pytest.mark.parametrize(("old", "new"), [(3, 1), (2, 2), (1, 3)])
    def test_where_all_pods_answer_who_is_wanted_is_not_stable(self, old, new):
        pods = (*(pod(V1, f"o{n}") for n in range(old)), *(pod(V2, f"n{n}") for n in range(new)))
        plan = planned(known(RolloutState(), traffic=None), there(old=old, new=new, front=None, pods=pods))
        assert (plan.state.stable.version, [e.revision.version for e in plan.finished]) == ("v1", ["v1"])
        again = planned(known(plan.state, traffic=None), there(old=old, new=new, front=None, pods=pods))
        assert (again.state.candidate, again.state.step) == (V2, 0)

    def test_who_serves_stays_stable_though_a_pod_is_down_and_the_registry_says_nothing(self):
        short = (workload(V1, 4, name=OLD, available=3), workload(V2, 2, name=NEW))
        pods = (*(pod(V1, f"o{n}") for n in range(3)), *(pod(V2, f"n{n}") for n in range(2)))
        observed = there(split=to(50, 50), others=short, pods=pods)
        plan = plan_rollout(known(RolloutState()), None, observed, LATER)
        assert (plan.state.stable, plan.state.candidate) == (V1, None)


def test_who_asks_while_nothing_may_be_touched_is_answered():
    torn = there(old=None, new=2, front=NEW, pods=(pod(V2, "p0"), pod(V2, "p1", tree="8")))
    plan = planned(known(RolloutState(), request="abort"), torn)
    assert (plan.stage, plan.answer.outcome) == (None, RequestOutcome.REFUSED)


class TestWarm:
    BEFORE = RolloutState(stable=V2, warm=V1, warm_until=LATER + MINUTE)

    def test_what_is_warm_takes_over_again_with_all_its_pods(self):
        observed = there(new=4, split=ALL_NEW, front=NEW)
        begun = planned(known(self.BEFORE, rollback={"keepWarmFor": "10m"}), observed, wanted=V1)
        assert (begun.state.candidate, begun.state.warm) == (V1, V1)
        assert sizes(begun.stage) == {OLD: 4, NEW: 4}

    def test_what_was_warm_too_long_ago_begins_like_any_other(self):
        plan = planned(known(self.BEFORE), there(new=4, split=ALL_NEW, front=NEW), LATER + MINUTE, wanted=V1)
        assert (plan.state.warm, sizes(plan.stage)) == (None, {OLD: 1, NEW: 4})

    def test_a_clock_that_was_wrong_keeps_nothing_warm_for_weeks(self):
        observed = there(new=4, split=ALL_NEW, front=NEW)
        plan = planned(known(self.BEFORE), observed, LATER - timedelta(days=40))
        assert (sizes(plan.stage), plan.state.warm) == ({NEW: 4}, None), "nor again once that time comes"

    def test_without_a_gateway_it_comes_back_by_its_share_of_the_pods(self):
        """Else all of its pods would answer from the first step on."""
        ideal = Stage(tracks=(replace(tracks(4, 1)[0], replicas=3), tracks(4, 1)[1]))
        observed = there(new=4)
        stage = within_reach(ideal, observed, 4)
        assert (stage.front, sizes(stage)) == (OLD, {OLD: 4, NEW: 1})


class TestSuspended:
    FAILED = Failure(revision=V2, recipe="x", reason=Reason.ABORTED_BY_REQUEST, message="")
    ABORTED = RolloutState(stable=V1, failed=(FAILED,))

    def test_what_was_aborted_in_place_is_replaced_to_its_last_pod(self):
        asked = known(self.ABORTED, strategy=Rolling(), traffic=None, suspend=True)
        mixed = Observed(workload=workload(V1, 4, updated=3), pods=(pod(V2, "p9"),))
        plan = planned(asked, mixed)
        assert plan.stage.tracks == (Track(role=Role.STABLE, release=V1, workload="churn", replicas=4),)

    def test_what_was_superseded_by_what_was_aborted_is_replaced_as_well(self):
        asked = known(self.ABORTED, strategy=Rolling(), traffic=None, suspend=True)
        mixed = Observed(workload=workload(V1, 4, updated=3), pods=(pod(V3, "p9"),))
        assert planned(asked, mixed).stage.tracks[0].paused is False

    def test_what_was_aborted_leaves_also_where_the_numbers_of_pods_make_the_shares(self):
        plan = planned(known(self.ABORTED, traffic=None, suspend=True), there(old=2, new=2, front=None))
        assert plan.stage == back(split=None)
        plan = planned(known(self.ABORTED, traffic=None, suspend=True), there(new=None))
        assert plan.stage is None, "then nothing is touched"
