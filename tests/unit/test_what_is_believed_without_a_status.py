"""What is taken for stable when no status can be read, case by case."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0, deployment
from tests.fakes.facts import pod, release, workload

from lockgate.api.status import (
    Failure,
    HistoryEntry,
    ModelDeploymentStatus,
    Outcome,
    RolloutState,
    Trigger,
)
from lockgate.domain.observed import Observed, Target
from lockgate.names import Reason
from lockgate.plan.recovery import completed, is_torn, recovered, serving_by_itself

V1, V2, V3 = release(1), release(2), release(3)
NOTHING = RolloutState()
TREE = "sha256:7"
PROVED = replace(V1, tree=TREE)
UNTOLD = HistoryEntry(
    revision=PROVED,
    outcome=Outcome.PROMOTED,
    trigger=Trigger.FIRST_ROLLOUT,
    finished_at=T0,
    message="found complete and proved; no status told of its rollout",
)
BOTH = (pod(V1, "p0"), pod(V1, "p1"))
COMPLETE = workload(V1)
UNDER_WAY = workload(V2, updated=1, total=3)
FIRST = RolloutState(candidate=V1, started_at=T0, progressed_at=T0, trigger=Trigger.FIRST_ROLLOUT)


def aims_at(revision):
    return Target(revision=revision, pinned=False)


def known(state=NOTHING, history=(), **spec):
    return replace(deployment(**spec), status=ModelDeploymentStatus(rollout=state, history=history))


@pytest.mark.parametrize(
    ("target", "there", "pods", "state", "told"),
    [
        pytest.param(V1, None, BOTH, NOTHING, (), id="no workload"),
        pytest.param(V1, workload(None), BOTH, NOTHING, (), id="a workload of nobody knows what"),
        pytest.param(V1, COMPLETE, BOTH, RolloutState(stable=PROVED), (UNTOLD,), id="complete and proved"),
        pytest.param(V2, COMPLETE, BOTH, RolloutState(stable=PROVED), (UNTOLD,), id="and the alias moved"),
        pytest.param(None, COMPLETE, BOTH, RolloutState(stable=PROVED), (UNTOLD,), id="and nobody answers"),
        pytest.param(V1, COMPLETE, BOTH[:1], NOTHING, (), id="a pod is not seen"),
        pytest.param(V1, workload(V1, 1), (), NOTHING, (), id="the only pod is not seen"),
        pytest.param(V1, COMPLETE, (BOTH[0], pod(V1, "p1", None)), NOTHING, (), id="a pod proved nothing"),
        pytest.param(
            V1,
            COMPLETE,
            (*BOTH, pod(V1, "p2", None, ready=False)),
            RolloutState(stable=PROVED),
            (UNTOLD,),
            id="a pod that is not ready need prove nothing",
        ),
        pytest.param(
            V1, COMPLETE, (BOTH[0], pod(V1, "p1", "8")), NOTHING, (), id="pods proved different files"
        ),
        pytest.param(None, COMPLETE, BOTH[:1], FIRST, (), id="a pod is not seen, and nobody answers"),
        pytest.param(
            V2, COMPLETE, BOTH[:1], RolloutState(stable=V1), (), id="a pod is not seen, and the alias moved"
        ),
        pytest.param(
            V2,
            COMPLETE,
            (BOTH[0], pod(V1, "p1", None)),
            NOTHING,
            (),
            id="a pod proved nothing, and the alias moved",
        ),
        pytest.param(
            V2,
            COMPLETE,
            (BOTH[0], pod(V1, "p1", "8")),
            NOTHING,
            (),
            id="pods proved different files, and the alias moved",
        ),
        pytest.param(
            V2, UNDER_WAY, BOTH, RolloutState(stable=V1), (), id="amid a rollout, what is being replaced"
        ),
        pytest.param(
            V2,
            UNDER_WAY,
            (*BOTH, pod(V2, "p2"), pod(V2, "p3"), pod(V2, "p4")),
            RolloutState(stable=V1),
            (),
            id="amid a rollout, however few of the old pods are left",
        ),
        pytest.param(
            V2, UNDER_WAY, (pod(V1, "p0", ready=False),), NOTHING, (), id="amid a rollout, and nothing serves"
        ),
    ],
)
def test_what_serves_and_has_proved_itself_is_stable_and_nothing_more(target, there, pods, state, told):
    aim = target and aims_at(target)
    assert recovered(known(), aim, Observed(workload=there, pods=pods), T0) == (state, told)


def test_a_status_that_says_something_is_believed():
    state = RolloutState(stable=V3)
    there = Observed(workload=COMPLETE, pods=BOTH)
    assert recovered(known(state), aims_at(V1), there, T0) == (state, ())


@pytest.mark.parametrize(
    ("replicas", "unproven", "told"),
    [
        pytest.param(0, True, (replace(UNTOLD, revision=V1),), id="none is asked for"),
        pytest.param(2, True, (), id="some are asked for now"),
    ],
)
def test_a_workload_without_pods_is_stable_though_unproven(replicas, unproven, told):
    there = Observed(workload=workload(V1, 0))
    state = RolloutState(stable=V1, unproven=unproven)
    assert recovered(known(replicas=replicas), aims_at(V1), there, T0) == (state, told)


@pytest.mark.parametrize(
    ("history", "told"),
    [
        pytest.param((UNTOLD,), (), id="of just this"),
        pytest.param(
            (replace(UNTOLD, revision=V2, outcome=Outcome.ABORTED), UNTOLD),
            (),
            id="of what was aborted since",
        ),
        pytest.param((replace(UNTOLD, revision=V2), UNTOLD), (UNTOLD,), id="of another one since"),
        pytest.param((replace(UNTOLD, outcome=Outcome.ABORTED),), (UNTOLD,), id="of its abort"),
    ],
)
def test_a_history_that_tells_of_its_promotion_is_told_nothing_twice(history, told):
    there = Observed(workload=COMPLETE, pods=BOTH)
    assert recovered(known(history=history), aims_at(V1), there, T0)[1] == told


def test_a_rollout_that_nobody_was_told_the_end_of_ended_when_it_was_found():
    later = T0 + timedelta(hours=1)
    (entry,) = recovered(known(), None, Observed(workload=COMPLETE, pods=BOTH), later)[1]
    assert entry.finished_at == later


@pytest.mark.parametrize(
    ("there", "pods", "serves"),
    [
        pytest.param(None, BOTH, None, id="no workload"),
        pytest.param(workload(None), BOTH, None, id="a workload of nobody knows what"),
        pytest.param(COMPLETE, (), V1, id="a workload that is complete"),
        pytest.param(UNDER_WAY, (), None, id="no pods"),
        pytest.param(UNDER_WAY, (pod(V2, "p0"),), V2, id="pods of the new one alone"),
        pytest.param(UNDER_WAY, (pod(V2, "p0"), pod(V1, "p1")), V1, id="one of the old ones is left"),
        pytest.param(
            UNDER_WAY, (pod(V3, "p0"), pod(V1, "p1"), pod(V1, "p2")), V1, id="the most pods of those before"
        ),
        pytest.param(UNDER_WAY, (pod(V2, "p0"), pod(V1, "p1", deleting=True)), V2, id="pods that go do not"),
        pytest.param(UNDER_WAY, (pod(V2, "p0"), pod(V1, "p1", ready=False)), V2, id="pods not ready do not"),
        pytest.param(
            UNDER_WAY, (pod(V2, "p0"), pod(V1, "p1", revision=None)), V2, id="pods of nobody do not"
        ),
    ],
)
def test_amid_a_rollout_what_is_being_replaced_is_what_serves(there, pods, serves):
    assert serving_by_itself(Observed(workload=there, pods=pods)) == serves


DIFFERENT = (pod(V1, "p0"), pod(V1, "p1", "8"))


@pytest.mark.parametrize(
    ("state", "target", "there", "pods", "torn"),
    [
        pytest.param(NOTHING, V1, COMPLETE, DIFFERENT, True, id="different files"),
        pytest.param(NOTHING, None, COMPLETE, DIFFERENT, True, id="different files, and nobody answers"),
        pytest.param(NOTHING, V2, COMPLETE, DIFFERENT, False, id="the alias has moved"),
        pytest.param(RolloutState(stable=V1), V1, COMPLETE, DIFFERENT, False, id="a status tells"),
        pytest.param(NOTHING, V1, COMPLETE, BOTH, False, id="the same files"),
        pytest.param(NOTHING, V1, None, DIFFERENT, False, id="nothing runs"),
    ],
)
def test_hands_are_off_what_runs_with_different_files_and_no_status(state, target, there, pods, torn):
    aim = target and aims_at(target)
    assert is_torn(known(state), aim, Observed(workload=there, pods=pods)) is torn


BARE = replace(V1, release=None, runtime=None)


@pytest.mark.parametrize(
    ("stable", "runs", "completed_by"),
    [
        pytest.param(BARE, V1, V1, id="a version of before releases"),
        pytest.param(None, V1, None, id="nothing is stable"),
        pytest.param(replace(V1, release="f" * 8), V1, replace(V1, release="f" * 8), id="a release is known"),
        pytest.param(BARE, None, BARE, id="nothing runs"),
        pytest.param(BARE, replace(V1, release=None), BARE, id="what runs names no release"),
        pytest.param(BARE, V2, BARE, id="another version runs"),
    ],
)
def test_a_version_of_before_releases_takes_the_release_of_what_runs(stable, runs, completed_by):
    state = RolloutState(stable=stable, step=1)
    there = Observed(workload=runs and workload(runs))
    assert completed(state, there) == replace(state, stable=completed_by)


def test_a_status_of_before_releases_is_no_obstacle_where_nothing_runs():
    state = RolloutState(
        stable=BARE, failed=(Failure(revision=V2, recipe="", reason=Reason.FETCH_FAILED, message="bad"),)
    )
    assert completed(state, Observed()) == state
