"""Every sentence that a plan says to people, word by word, with the verdict that it comes with."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0, deployment
from tests.fakes.facts import pod, release, workload

from lockgate.api.status import Failure, ModelDeploymentStatus, RolloutState
from lockgate.domain.observed import FetchFacts, Observed, Target
from lockgate.domain.plan import Course
from lockgate.names import Reason
from lockgate.plan.failures import recipe_of
from lockgate.plan.planner import plan_rollout
from lockgate.plan.troubles import failure

V1, V2 = release(1), release(2)
DEADLINE = timedelta(minutes=20)
HOW_TO_RETRY = (
    "move the alias to another version, change its runtime or resources, or give the annotation "
    "lockgate.dev/retry a new value to try it again"
)
SUSPENDED = "spec.suspend is true: what serves goes on serving and nothing else changes"
TORN = (
    "its pods were given different files under one digest, and no status tells whether it served before: "
    "what runs is left as it is; delete the pods with the wrong files, or move the alias"
)
DIFFERENT_FILES = Observed(workload=workload(V1), pods=(pod(V1, "p0"), pod(V1, "p1", "8")))
LATE = Observed(workload=workload(V1, available=0), unmoved=DEADLINE)


def failed(of, why):
    return Failure(revision=of, recipe=recipe_of(deployment(), of), reason=Reason.FETCH_FAILED, message=why)


@pytest.mark.parametrize(
    ("state", "spec", "wanted", "observed", "course", "reason", "message"),
    [
        pytest.param(
            RolloutState(),
            {},
            None,
            Observed(),
            Course.NOTHING_TO_SERVE,
            Reason.WAITING_FOR_REGISTRY,
            "no version has been resolved yet",
            id="nothing yet",
        ),
        pytest.param(
            RolloutState(),
            {},
            V1,
            Observed(),
            Course.ROLLING_OUT,
            Reason.ROLLING_OUT,
            "rolling out v1",
            id="a first version",
        ),
        pytest.param(
            RolloutState(stable=V1),
            {},
            V2,
            Observed(),
            Course.ROLLING_OUT,
            Reason.ROLLING_OUT,
            "rolling out v2 over v1",
            id="another version",
        ),
        pytest.param(
            RolloutState(stable=V1),
            {},
            replace(V1, release="f" * 8, runtime="onnx@2"),
            Observed(),
            Course.ROLLING_OUT,
            Reason.ROLLING_OUT,
            "rolling out v1 over what it runs on",
            id="another runtime",
        ),
        pytest.param(
            RolloutState(stable=V1),
            {},
            replace(V1, release="f" * 8),
            Observed(),
            Course.ROLLING_OUT,
            Reason.ROLLING_OUT,
            "rolling out v1 over other resources of it",
            id="other resources",
        ),
        pytest.param(
            RolloutState(stable=V1),
            {},
            V1,
            Observed(),
            Course.AT_REST,
            Reason.ROLLED_OUT,
            "v1 is rolled out",
            id="at rest",
        ),
        pytest.param(
            RolloutState(stable=V1, unproven=True),
            {"replicas": 0},
            V1,
            Observed(),
            Course.AT_REST,
            Reason.ROLLED_OUT,
            "v1 is rolled out, with no replicas, so no pod has proved it yet",
            id="at rest without pods",
        ),
        pytest.param(
            RolloutState(stable=V1, failed=(failed(V2, "its bytes are wrong"),)),
            {},
            V2,
            Observed(),
            Course.ABORTED,
            Reason.ROLLOUT_ABORTED,
            f"v2 was aborted and v1 serves on: its bytes are wrong; {HOW_TO_RETRY}",
            id="aborted",
        ),
        pytest.param(
            RolloutState(stable=V1, failed=(failed(V1, "it was late"),)),
            {},
            V1,
            Observed(),
            Course.AT_REST,
            Reason.ROLLED_OUT,
            "v1 is rolled out",
            id="what serves may have failed before",
        ),
        pytest.param(
            RolloutState(failed=(failed(V1, "its bytes are wrong"),)),
            {},
            V1,
            Observed(),
            Course.STALLED,
            Reason.FETCH_FAILED,
            f"v1 cannot be served: its bytes are wrong; {HOW_TO_RETRY}",
            id="a first version that failed",
        ),
        pytest.param(
            RolloutState(candidate=V1),
            {},
            V1,
            LATE,
            Course.STALLED,
            Reason.PROGRESS_DEADLINE_EXCEEDED,
            "v1 cannot be rolled out: it came no further for 1200 s",
            id="a first version that is late",
        ),
        pytest.param(
            RolloutState(), {}, V1, DIFFERENT_FILES, Course.STALLED, Reason.DIGEST_CHANGED, TORN, id="torn"
        ),
        pytest.param(
            RolloutState(stable=V1),
            {"suspend": True},
            V2,
            Observed(),
            Course.SUSPENDED,
            Reason.SUSPENDED,
            SUSPENDED,
            id="suspended",
        ),
    ],
)
def test_a_plan_says_in_one_sentence_where_things_stand(
    state, spec, wanted, observed, course, reason, message
):
    asked = replace(deployment(**spec), status=ModelDeploymentStatus(observed_generation=1, rollout=state))
    target = wanted and Target(revision=wanted, pinned=False)
    decision = plan_rollout(asked, target, observed, T0).decision
    assert (decision.course, decision.reason, decision.message) == (course, reason, message)


def fetching(name, attempts, problem="wrong bytes", *, permanent=True):
    fetch = FetchFacts(attempts=attempts, problem=problem, permanent=permanent)
    return pod(V2, name, ready=False, fetch=fetch)


CAME_NO_FURTHER = "it came no further for 1200 s"


@pytest.mark.parametrize(
    ("observed", "reason", "message"),
    [
        pytest.param(
            Observed(pods=(pod(V2, "p0", "7"), pod(V2, "p1", "8"))),
            Reason.DIGEST_CHANGED,
            "its pods were given different files under one digest",
            id="different files",
        ),
        pytest.param(
            Observed(pods=(pod(V2, "p0"), fetching("p1", 3))),
            Reason.FETCH_FAILED,
            "pod p1 could not fetch it: wrong bytes",
            id="wrong bytes three times",
        ),
        pytest.param(
            Observed(pods=(pod(V2, "p0", "7"), pod(V2, "p1", "8"), fetching("p2", 3)), unmoved=DEADLINE),
            Reason.DIGEST_CHANGED,
            "its pods were given different files under one digest",
            id="different files speak before all else",
        ),
        pytest.param(
            Observed(pods=(fetching("p0", 3),), unmoved=DEADLINE),
            Reason.FETCH_FAILED,
            "pod p0 could not fetch it: wrong bytes",
            id="wrong bytes speak before lateness",
        ),
        pytest.param(
            Observed(unmoved=DEADLINE), Reason.PROGRESS_DEADLINE_EXCEEDED, CAME_NO_FURTHER, id="late"
        ),
        pytest.param(
            Observed(
                workload=workload(V2, problem="exceeded quota"),
                pods=(pod(V2, "p0"), pod(V2, "p1", None), fetching("p2", 2, "the registry is away")),
                unmoved=DEADLINE,
            ),
            Reason.PROGRESS_DEADLINE_EXCEEDED,
            f"{CAME_NO_FURTHER}; pod p2: the registry is away",
            id="late by a pod in trouble",
        ),
        pytest.param(
            Observed(
                workload=workload(V2, problem="exceeded quota"),
                pods=(pod(V2, "p0"), pod(V2, "p1", None, ready=False), pod(V2, "p2", None)),
                unmoved=DEADLINE,
            ),
            Reason.PROGRESS_DEADLINE_EXCEEDED,
            f"{CAME_NO_FURTHER}; pod p2 is ready but has not proved its files",
            id="late by a pod without a proof",
        ),
        pytest.param(
            Observed(
                workload=workload(V2, problem="exceeded quota"),
                pods=(pod(V2, "p0"), pod(V2, "p1", ended="Evicted")),
                unmoved=DEADLINE,
            ),
            Reason.PROGRESS_DEADLINE_EXCEEDED,
            f"{CAME_NO_FURTHER}; exceeded quota",
            id="late by a quota",
        ),
        pytest.param(
            Observed(
                workload=workload(V2),
                pods=(
                    pod(V2, "p0", ended="NodeLost"),
                    pod(V2, "p1", ended="Evicted"),
                    pod(V2, "p2", ended="Evicted"),
                    pod(V1, "p3", ended="UnexpectedAdmissionError"),
                    pod(V2, "p4"),
                ),
                unmoved=DEADLINE,
            ),
            Reason.PROGRESS_DEADLINE_EXCEEDED,
            f"{CAME_NO_FURTHER}; its pods were ended by the cluster: Evicted and NodeLost",
            id="late by what the cluster does",
        ),
    ],
)
def test_what_fails_a_candidate_is_said_with_what_stands_in_its_way(observed, reason, message):
    assert failure(deployment(), V2, observed) == (reason, message)


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param(Observed(pods=(fetching("p0", 2),)), id="wrong bytes twice"),
        pytest.param(Observed(pods=(fetching("p0", 9, permanent=False),)), id="what may pass"),
        pytest.param(Observed(pods=(fetching("p0", 9, problem=None),)), id="no problem"),
        pytest.param(Observed(pods=(pod(V1, "p0", "7"), pod(V1, "p1", "8"))), id="pods of another release"),
        pytest.param(Observed(unmoved=DEADLINE - timedelta(seconds=1)), id="a second before its time is up"),
        pytest.param(Observed(pods=(pod(V2, "p0", fetch=None), fetching("p1", 1))), id="no fetch yet"),
    ],
)
def test_a_candidate_is_waited_for_while_it_may_still_come(observed):
    assert failure(deployment(), V2, observed) is None
