"""Ready, as the table that people read: what speaks first when several things are so."""

from dataclasses import replace

import pytest
from tests.fakes.builders import T0, deployment, revision

from lockgate.api.conditions import ConditionStatus
from lockgate.api.requests import LastRequest, RequestOutcome
from lockgate.api.status import ModelDeploymentStatus, RolloutState
from lockgate.domain.findings import Findings
from lockgate.domain.observed import Applied, Observed, Target, WorkloadFacts
from lockgate.domain.plan import Course, Decision, Plan
from lockgate.errors import (
    AliasNotFound,
    ArtifactRejected,
    ClusterUnavailable,
    InternalError,
    LockgateError,
    RegistryUnavailable,
    RegistryUntrusted,
    RuntimeNotFound,
    Unanswered,
)
from lockgate.names import Reason
from lockgate.report.compute import compute_status
from lockgate.report.verdicts import ready, resolved, stalled

COMPLETE = WorkloadFacts(
    name="churn",
    revision=revision(1),
    replicas=2,
    updated=2,
    total=2,
    available=2,
    generation_observed=True,
    minimum_available=True,
)
AT_REST = RolloutState(stable=revision(1))
ROLLING = RolloutState(stable=revision(1), candidate=revision(2))
DECISIONS = {
    Course.AT_REST: (Reason.ROLLED_OUT, AT_REST),
    Course.ROLLING_OUT: (Reason.ROLLING_OUT, ROLLING),
    Course.ABORTED: (Reason.ROLLOUT_ABORTED, AT_REST),
    Course.SUSPENDED: (Reason.SUSPENDED, ROLLING),
    Course.NOTHING_TO_SERVE: (Reason.WAITING_FOR_REGISTRY, RolloutState()),
}


def found(
    course: Course | None = Course.AT_REST,
    failure: LockgateError | None = None,
    workload: WorkloadFacts | None = COMPLETE,
    *,
    written: bool = False,
    **spec: object,
) -> Findings:
    """What a pass found that ended on this course."""
    plan = None
    status = ModelDeploymentStatus(observed_generation=1, rollout=AT_REST)
    if course is not None:
        reason, state = DECISIONS[course]
        plan = Plan(state=state, decision=Decision(course=course, reason=reason, message="so it is"))
        status = replace(status, rollout=state)
    return Findings(
        deployment=replace(deployment(**spec), status=status),
        target=None if failure else Target(revision=revision(1), pinned=False),
        observed=Observed(workload=workload),
        plan=plan,
        applied=Applied(updated=("Deployment churn",)) if written else None,
        failure=failure,
    )


@pytest.mark.parametrize(
    ("findings", "status", "reason"),
    [
        (found(), "True", "RolledOut"),
        (found(written=True), "Unknown", "RollingOut"),
        (found(Course.ROLLING_OUT), "Unknown", "RollingOut"),
        (found(Course.SUSPENDED), "False", "Suspended"),
        (found(Course.NOTHING_TO_SERVE, workload=None), "False", "WaitingForRegistry"),
        (found(Course.ABORTED), "False", "RolloutAborted"),
        (found(workload=replace(COMPLETE, available=1)), "False", "MinimumReplicasUnavailable"),
        (found(workload=replace(COMPLETE, updated=1)), "Unknown", "RollingOut"),
        (found(failure=RegistryUnavailable("down")), "True", "RegistryUnavailable"),
        (found(failure=RegistryUntrusted("who?")), "True", "RegistryUntrusted"),
        (found(failure=Unanswered("asked")), "True", "WaitingForRegistry"),
        (found(failure=AliasNotFound("gone")), "True", "AliasNotFound"),
        (found(failure=AliasNotFound("gone"), onAliasMissing="Fail"), "False", "AliasNotFound"),
        (found(Course.ROLLING_OUT, failure=RegistryUnavailable("down")), "Unknown", "RollingOut"),
        (found(Course.ROLLING_OUT, failure=RuntimeNotFound("no")), "False", "RuntimeNotFound"),
        (found(failure=ArtifactRejected("no")), "False", "ArtifactRejected"),
        (found(failure=ClusterUnavailable("503")), "False", "ClusterUnavailable"),
        (found(failure=InternalError("a defect")), "Unknown", "InternalError"),
    ],
)
def test_ready_says_the_first_thing_that_is_so(findings, status, reason):
    verdict = ready(findings, stalled(findings))
    assert (verdict.status.value, verdict.reason.value) == (status, reason)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (None, ConditionStatus.TRUE),
        (AliasNotFound("gone"), ConditionStatus.FALSE),
        (ArtifactRejected("no"), ConditionStatus.FALSE),
        (RegistryUnavailable("down"), ConditionStatus.UNKNOWN),
        (RegistryUntrusted("who?"), ConditionStatus.UNKNOWN),
        (Unanswered("asked"), ConditionStatus.UNKNOWN),
    ],
)
def test_resolved_is_unknown_only_while_the_registry_says_nothing(failure, status):
    assert resolved(found(failure=failure)).status is status


@pytest.mark.parametrize("course", [Course.AT_REST, Course.ROLLING_OUT, None])
def test_a_pass_keeps_the_answer_to_the_last_request(course):
    answer = LastRequest(request="abort", outcome=RequestOutcome.ACCEPTED, message="so be it")
    findings = found(course)
    before = replace(findings.deployment.status, last_request=answer)
    findings = replace(findings, deployment=replace(findings.deployment, status=before))
    assert compute_status(findings, T0).last_request == answer
