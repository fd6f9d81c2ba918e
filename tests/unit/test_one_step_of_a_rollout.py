"""One call of the planner at a time: the whole state that it leaves, what has ended, what is to be there."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0, deployment, revision, runtime_object
from tests.fakes.facts import pod, release, workload

from lockgate.api.parse import parse_model_runtime
from lockgate.api.shares import Role
from lockgate.api.status import Failure, HistoryEntry, ModelDeploymentStatus, Outcome, RolloutState, Trigger
from lockgate.domain.observed import FetchFacts, Observed, Target
from lockgate.domain.plan import Course, Stage, Track
from lockgate.domain.release import release_of
from lockgate.names import Reason
from lockgate.plan.failures import recipe_of
from lockgate.plan.planner import plan_rollout

V1, V2, V3 = release(1), release(2), release(3)
LATER = T0 + timedelta(minutes=30)
DEADLINE = timedelta(minutes=20)
TREE = "sha256:7"
ROLLING = RolloutState(stable=V1, candidate=V2, started_at=T0, progressed_at=T0, trigger=Trigger.ALIAS_MOVED)
FIRST = RolloutState(candidate=V2, started_at=T0, progressed_at=T0, trigger=Trigger.FIRST_ROLLOUT)
OUT = Observed(workload=workload(V2), pods=(pod(V2, "p0"), pod(V2, "p1")))
HALF = Observed(workload=workload(V2, updated=1, total=3), pods=(pod(V2, "p0"),))
WRONG = FetchFacts(attempts=3, problem="wrong bytes", permanent=True)
CORRUPT = Observed(workload=workload(V2, available=0), pods=(pod(V2, "p0", ready=False, fetch=WRONG),))
DIFFERENT = Observed(workload=workload(V2), pods=(pod(V2, "p0"), pod(V2, "p1", "8")))


def known(state, desired=None, history=(), observed_generation=1, **spec):
    status = ModelDeploymentStatus(
        observed_generation=observed_generation, rollout=state, desired=desired, history=history
    )
    return replace(deployment(**spec), status=status)


def planned(asked, wanted, observed, now=LATER, *, pinned=False):
    return plan_rollout(asked, wanted and Target(revision=wanted, pinned=pinned), observed, now)


def whole(of, replicas=2):
    return Stage(tracks=(Track(role=Role.STABLE, release=of, workload="churn", replicas=replicas),))


def trying(of, replicas=2):
    return Stage(tracks=(Track(role=Role.CANDIDATE, release=of, workload="churn", replicas=replicas),))


def ended(of, outcome, trigger=Trigger.ALIAS_MOVED, message=None):
    return HistoryEntry(
        revision=of, outcome=outcome, trigger=trigger, started_at=T0, finished_at=LATER, message=message
    )


def failed(of, reason=Reason.FETCH_FAILED, message="pod p0 could not fetch it: wrong bytes"):
    return Failure(revision=of, recipe=recipe_of(deployment(), of), reason=reason, message=message)


def begun(stable, candidate, trigger, **more):
    return RolloutState(
        stable=stable, candidate=candidate, started_at=LATER, progressed_at=LATER, trigger=trigger, **more
    )


@pytest.mark.parametrize(
    ("asked", "wanted", "pinned", "state"),
    [
        pytest.param(
            known(RolloutState()), V2, False, begun(None, V2, Trigger.FIRST_ROLLOUT), id="the first of all"
        ),
        pytest.param(
            known(RolloutState(stable=V1)),
            V2,
            False,
            begun(V1, V2, Trigger.ALIAS_MOVED),
            id="the alias moved",
        ),
        pytest.param(known(RolloutState(stable=V1)), V2, True, begun(V1, V2, Trigger.PINNED), id="pinned"),
        pytest.param(
            known(RolloutState(stable=V1), observed_generation=0),
            V2,
            False,
            begun(V1, V2, Trigger.SPEC_CHANGED),
            id="the spec changed",
        ),
        pytest.param(
            known(RolloutState(stable=V1), observed_generation=0),
            V2,
            True,
            begun(V1, V2, Trigger.PINNED),
            id="a pin is a change of the spec, and says more",
        ),
        pytest.param(
            known(RolloutState(stable=V1, failed=(replace(failed(V2), recipe="other"),))),
            V2,
            False,
            begun(V1, V2, Trigger.RETRIED, failed=(replace(failed(V2), recipe="other"),)),
            id="tried again",
        ),
        pytest.param(
            known(RolloutState(stable=V1, failed=(failed(V3),))),
            V2,
            False,
            begun(V1, V2, Trigger.ALIAS_MOVED, failed=(failed(V3),)),
            id="another one had failed",
        ),
        pytest.param(
            known(RolloutState(failed=(failed(V3),))),
            V2,
            False,
            begun(None, V2, Trigger.ALIAS_MOVED, failed=(failed(V3),)),
            id="the second of all, after a first that failed",
        ),
    ],
)
def test_a_rollout_begins_and_says_by_what(asked, wanted, pinned, state):
    plan = planned(asked, wanted, Observed(), pinned=pinned)
    assert (plan.state, plan.finished, plan.wake, plan.steps) == (state, (), LATER, 1)
    assert plan.stage == trying(V2)


def test_an_edit_of_the_runtime_alone_is_what_begins_a_rollout():
    before = release_of(deployment(), revision(1), parse_model_runtime(runtime_object()))
    edit = parse_model_runtime(runtime_object(env=[{"name": "A", "value": "1"}]))
    after = release_of(deployment(), revision(1), edit)
    for state in (RolloutState(stable=before), RolloutState(stable=V2, candidate=before)):
        plan = planned(known(state), after, Observed(), pinned=True)
        assert plan.state.trigger is Trigger.RUNTIME_CHANGED


def test_a_version_begins_with_what_pods_proved_of_it_before():
    seen = replace(V2, release="f" * 8, tree=TREE)
    history = (
        ended(replace(V3, tree="sha256:3"), Outcome.PROMOTED),
        ended(replace(V2, tree=None), Outcome.ABORTED),
        ended(seen, Outcome.PROMOTED),
        ended(replace(seen, tree="sha256:other"), Outcome.ABORTED),
    )
    plan = planned(known(RolloutState(stable=V1), history=history), V2, Observed())
    assert plan.state.candidate == replace(V2, tree=TREE)


def test_a_version_that_nobody_proved_begins_with_no_tree():
    plan = planned(known(RolloutState(stable=V1)), replace(V2, tree="sha256:claimed"), Observed())
    assert plan.state.candidate == V2


@pytest.mark.parametrize(
    ("state", "wanted", "after", "course"),
    [
        pytest.param(ROLLING, V3, begun(V1, V3, Trigger.ALIAS_MOVED), Course.ROLLING_OUT, id="a newer one"),
        pytest.param(ROLLING, V1, RolloutState(stable=V1), Course.AT_REST, id="back to what serves"),
        pytest.param(
            replace(ROLLING, failed=(failed(V3),)),
            V3,
            RolloutState(stable=V1, failed=(failed(V3),)),
            Course.ABORTED,
            id="one that failed before",
        ),
    ],
)
def test_what_is_superseded_is_history(state, wanted, after, course):
    plan = planned(known(state), wanted, HALF)
    message = f"superseded by {wanted.version}"
    assert plan.finished == (ended(V2, Outcome.SUPERSEDED, message=message),)
    assert (plan.state, plan.wake, plan.decision.course) == (after, LATER, course)


def test_what_serves_keeps_what_it_is_made_of_when_it_is_reached_another_way():
    proved = replace(V1, tree=TREE, size=7)
    reached = replace(V1, alias=None, model="model/other", size=8)
    plan = planned(known(RolloutState(stable=proved)), reached, Observed())
    assert plan.state == RolloutState(stable=replace(proved, alias=None, model="model/other"))
    assert (plan.finished, plan.wake, plan.decision.course) == ((), LATER, Course.AT_REST)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        pytest.param(ROLLING, V2, id="of the candidate itself"),
        pytest.param(ROLLING, None, id="while nobody answers"),
        pytest.param(
            ROLLING, replace(V2, digest="wandb-md5:" + "f" * 32), id="of other bytes of the candidate"
        ),
        pytest.param(ROLLING, replace(V1, digest="wandb-md5:" + "f" * 32), id="of other bytes of stable"),
    ],
)
def test_a_candidate_goes_on_when_asked_for_nothing_else(state, wanted):
    plan = planned(known(state), wanted, HALF, T0 + timedelta(seconds=1))
    assert (plan.state, plan.finished, plan.stage) == (state, (), trying(V2))
    assert plan.wake == T0 + timedelta(seconds=1) + DEADLINE


@pytest.mark.parametrize(
    ("unmoved", "after"),
    [
        pytest.param(timedelta(0), DEADLINE, id="it moved just now"),
        pytest.param(timedelta(minutes=19), timedelta(minutes=1), id="its time is nearly up"),
        pytest.param(DEADLINE - timedelta(milliseconds=1), timedelta(seconds=1), id="never at once"),
    ],
)
def test_a_candidate_is_looked_at_when_its_time_is_up(unmoved, after):
    plan = planned(known(ROLLING), V2, replace(HALF, unmoved=unmoved))
    assert plan.wake == LATER + after


def test_progress_that_is_worth_a_write_is_in_the_state():
    plan = planned(known(ROLLING), V2, replace(HALF, unmoved=timedelta(minutes=1)))
    assert plan.state == replace(ROLLING, progressed_at=LATER - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("state", "trigger"),
    [
        pytest.param(ROLLING, Trigger.ALIAS_MOVED, id="over another one"),
        pytest.param(FIRST, Trigger.FIRST_ROLLOUT, id="the first one"),
    ],
)
def test_a_candidate_that_is_out_is_stable_with_what_its_pods_proved(state, trigger):
    proved = replace(V2, tree=TREE)
    other = failed(V3)
    plan = planned(known(replace(state, failed=(failed(V2), other))), V2, OUT)
    assert plan.state == RolloutState(stable=proved, failed=(other,))
    assert plan.finished == (ended(proved, Outcome.PROMOTED, trigger),)
    assert (plan.stage, plan.wake, plan.decision.course) == (whole(proved), None, Course.AT_REST)


EMPTY = Observed(workload=workload(V2, 0))


@pytest.mark.parametrize(
    ("state", "fallback"),
    [
        pytest.param(ROLLING, V1, id="over one that was proved"),
        pytest.param(replace(ROLLING, unproven=True, fallback=V3), V3, id="over one that was not"),
        pytest.param(replace(ROLLING, unproven=True), None, id="over one that was not, with no way back"),
    ],
)
def test_a_candidate_without_pods_is_stable_and_unproven_with_the_way_back(state, fallback):
    plan = planned(known(replace(state, failed=(failed(V2),)), replicas=0), V2, EMPTY)
    after = RolloutState(stable=V2, failed=(failed(V2),), unproven=True, fallback=fallback)
    assert (plan.state, plan.stage) == (after, whole(V2, 0))


def test_a_candidate_without_pods_that_is_the_way_back_is_proved_already():
    state = replace(ROLLING, unproven=True, fallback=V2)
    plan = planned(known(state, replicas=0), V2, EMPTY)
    assert plan.state == RolloutState(stable=V2)


@pytest.mark.parametrize(
    ("asked", "wanted", "after"),
    [
        pytest.param(
            known(RolloutState(stable=V2, unproven=True, fallback=V1)),
            V2,
            begun(V1, V2, Trigger.SPEC_CHANGED),
            id="it is a candidate",
        ),
        pytest.param(
            known(RolloutState(stable=V2, unproven=True)),
            None,
            begun(None, V2, Trigger.SPEC_CHANGED),
            id="also while nobody answers",
        ),
        pytest.param(
            known(RolloutState(stable=V2, unproven=True, fallback=V1)),
            V3,
            begun(V1, V3, Trigger.ALIAS_MOVED),
            id="unless another one is wanted by now",
        ),
        pytest.param(
            known(RolloutState(stable=V2, unproven=True, fallback=V1, failed=(failed(V2),))),
            V2,
            RolloutState(stable=V1, failed=(failed(V2),)),
            id="unless it has failed",
        ),
    ],
)
def test_once_pods_are_asked_for_what_none_ever_ran_has_to_prove_itself(asked, wanted, after):
    plan = planned(asked, wanted, Observed())
    assert (plan.state, plan.finished) == (after, ()), "and nothing has ended by that"


def test_a_candidate_over_what_none_ever_ran_is_superseded_by_that():
    state = replace(ROLLING, stable=V3, unproven=True, fallback=V1)
    plan = planned(known(state), V3, HALF)
    assert plan.state == begun(V1, V3, Trigger.ALIAS_MOVED)
    assert [entry.revision for entry in plan.finished] == [V2]


def test_a_candidate_over_what_none_ever_ran_goes_on_over_the_way_back():
    state = replace(ROLLING, stable=V3, unproven=True, fallback=V1)
    assert planned(known(state), V2, HALF, T0).state == ROLLING


def test_without_pods_what_none_ever_ran_stays_stable():
    state = RolloutState(stable=V2, unproven=True, fallback=V1)
    plan = planned(known(state, replicas=0), V2, EMPTY)
    assert (plan.state, plan.stage, plan.finished) == (state, whole(V2, 0), ())


@pytest.mark.parametrize(
    ("observed", "reason", "why"),
    [
        pytest.param(
            CORRUPT, Reason.FETCH_FAILED, "pod p0 could not fetch it: wrong bytes", id="its bytes are wrong"
        ),
        pytest.param(
            replace(HALF, unmoved=DEADLINE),
            Reason.PROGRESS_DEADLINE_EXCEEDED,
            "it came no further for 1200 s",
            id="it is late",
        ),
        pytest.param(
            DIFFERENT,
            Reason.DIGEST_CHANGED,
            "its pods were given different files under one digest",
            id="its files differ",
        ),
    ],
)
@pytest.mark.parametrize("wanted", [V2, None], ids=["wanted", "while nobody answers"])
def test_a_candidate_that_fails_is_given_up_and_remembered(wanted, observed, reason, why):
    plan = planned(known(replace(ROLLING, failed=(failed(V3),))), wanted, observed)
    assert plan.state == RolloutState(stable=V1, failed=(failed(V2, reason, why), failed(V3)))
    assert plan.finished == (ended(V2, Outcome.ABORTED, message=why),)
    assert (plan.stage, plan.wake, plan.decision.course) == (whole(V1), LATER, Course.ABORTED)


@pytest.mark.parametrize("wanted", [V2, None], ids=["wanted", "while nobody answers"])
def test_a_first_version_with_wrong_bytes_is_taken_out(wanted):
    plan = planned(known(FIRST), wanted, CORRUPT)
    assert plan.state == RolloutState(failed=(failed(V2),))
    assert (plan.stage, plan.decision.course) == (whole(V2, 0), Course.STALLED)
    assert plan.decision.reason is Reason.FETCH_FAILED


SERVES_IN_PART = replace(CORRUPT, pods=(*CORRUPT.pods, pod(V2, "p1")))


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        pytest.param(replace(HALF, unmoved=DEADLINE), Reason.PROGRESS_DEADLINE_EXCEEDED, id="it is late"),
        pytest.param(
            SERVES_IN_PART, Reason.FETCH_FAILED, id="one pod has wrong bytes and another one serves"
        ),
    ],
)
def test_a_first_version_is_tried_on_where_there_is_nothing_to_go_back_to(observed, reason):
    plan = planned(known(FIRST), V2, observed, T0)
    assert (plan.state, plan.stage, plan.finished, plan.wake) == (FIRST, trying(V2), (), None)
    assert (plan.decision.course, plan.decision.reason) == (Course.STALLED, reason)


def test_a_first_version_of_different_files_is_taken_out_though_it_serves():
    assert planned(known(FIRST), V2, DIFFERENT).decision.reason is Reason.DIGEST_CHANGED
    assert planned(known(FIRST), V2, DIFFERENT).stage == whole(V2, 0)


@pytest.mark.parametrize(
    ("desired", "state", "course"),
    [
        pytest.param(
            V2, RolloutState(stable=V1, failed=(failed(V2),)), Course.ABORTED, id="of what is desired"
        ),
        pytest.param(None, RolloutState(stable=V1, failed=(failed(V2),)), Course.AT_REST, id="of nothing"),
        pytest.param(
            None, RolloutState(failed=(failed(V2), failed(V3))), Course.STALLED, id="of the last try"
        ),
        pytest.param(None, RolloutState(), Course.NOTHING_TO_SERVE, id="of nothing at all"),
    ],
)
def test_while_nobody_answers_the_verdict_speaks(desired, state, course):
    plan = planned(known(state, desired), None, Observed())
    assert (plan.state, plan.decision.course) == (state, course)
    if course is Course.STALLED:
        assert plan.decision.message.startswith("v2 cannot be served")
        assert plan.stage == whole(V2, 0)


PAUSED = Stage(tracks=(Track(role=Role.STABLE, release=V2, workload="churn", replicas=3, paused=True),))


@pytest.mark.parametrize(
    ("state", "there", "stage"),
    [
        pytest.param(ROLLING, workload(V2, 3, updated=1, total=4), PAUSED, id="amid a rollout"),
        pytest.param(ROLLING, workload(V2, 3), PAUSED, id="with a candidate"),
        pytest.param(RolloutState(stable=V2), workload(V2, 3, total=4), PAUSED, id="with pods of before"),
        pytest.param(
            RolloutState(stable=V2), workload(V2, 3, generation_observed=False), PAUSED, id="unseen as yet"
        ),
        pytest.param(RolloutState(stable=V2), workload(V2, 3), None, id="at rest"),
        pytest.param(
            RolloutState(stable=V2), workload(V2, 3, available=1), None, id="with a pod that is down"
        ),
        pytest.param(ROLLING, workload(V2, 3, updated=1, paused=True), None, id="paused already"),
        pytest.param(ROLLING, workload(None, 3, updated=1), None, id="of nobody knows what"),
        pytest.param(ROLLING, None, None, id="nothing there"),
    ],
)
def test_what_is_suspended_stands_still_with_the_pods_that_it_has(state, there, stage):
    plan = planned(known(state, suspend=True), V3, Observed(workload=there))
    assert (plan.stage, plan.wake, plan.finished) == (stage, None, ())
    assert plan.state == replace(state, progressed_at=None)


def test_a_rollout_that_nobody_was_told_the_end_of_is_told_before_anything_begins():
    plan = planned(known(RolloutState()), V3, OUT)
    (told,) = plan.finished
    proved = replace(V2, tree=TREE)
    assert (told.revision, told.outcome, told.finished_at) == (proved, Outcome.PROMOTED, LATER)
    assert (plan.state, plan.stage, plan.wake) == (RolloutState(stable=proved), whole(proved), LATER)
    suspended = planned(known(RolloutState(), suspend=True), V3, OUT)
    assert (suspended.finished, suspended.stage) == ((told,), None)


def test_without_a_status_what_serves_is_the_way_back_for_what_is_wanted():
    plan = planned(known(RolloutState()), V3, replace(OUT, workload=workload(V2, available=1)))
    assert plan.state == begun(V2, V3, Trigger.ALIAS_MOVED)


def test_without_a_status_what_is_wanted_takes_the_place_of_what_runs_with_different_files():
    plan = planned(known(RolloutState()), V3, DIFFERENT)
    assert (plan.state.stable, plan.state.candidate) == (None, V3)


def test_without_a_status_what_runs_with_different_files_is_left_alone():
    plan = planned(known(RolloutState()), V2, DIFFERENT)
    assert (plan.state, plan.stage, plan.finished) == (RolloutState(), None, ())


def test_one_pod_that_proved_itself_is_enough_where_one_is_asked_for():
    plan = planned(known(ROLLING, replicas=1), V2, Observed(workload=workload(V2, 1), pods=(pod(V2),)))
    assert plan.state == RolloutState(stable=replace(V2, tree=TREE))


@pytest.mark.parametrize("observed", [OUT, CORRUPT], ids=["is out", "fails"])
def test_when_a_candidate_ends_while_nobody_answers_the_verdict_is_of_what_was_wanted_last(observed):
    plan = planned(known(replace(ROLLING, failed=(failed(V3),)), desired=V3), None, observed)
    assert plan.decision.course is Course.ABORTED
    assert plan.decision.message.startswith("v3 was aborted")


def test_what_was_wanted_last_and_never_began_is_not_resolved_yet():
    plan = planned(known(RolloutState(), desired=V2), None, Observed())
    assert (plan.decision.course, plan.stage) == (Course.NOTHING_TO_SERVE, None)
