"""Every condition of a ModelDeployment, each computed by one pure function.

Messages never carry a count or a time that moves while nothing happens: an unchanged world
gives an unchanged status, and so no write.
"""

from dataclasses import dataclass

from lockgate.api.conditions import ConditionStatus, Verdict, find
from lockgate.api.spec import ModelDeployment, OnAliasMissing
from lockgate.api.status import ModelDeploymentStatus, Proof, Revision, RolloutState
from lockgate.domain.observed import Applied, Observed, Target
from lockgate.domain.plan import Course, Plan
from lockgate.errors import LockgateError, NotReadyYet, Terminal, Transient
from lockgate.names import ConditionType, Reason

_RESOLVE_REASONS = frozenset(
    {
        Reason.ALIAS_NOT_FOUND,
        Reason.VERSION_NOT_FOUND,
        Reason.REGISTRY_NOT_FOUND,
        Reason.ACCESS_DENIED,
        Reason.REGISTRY_UNAVAILABLE,
        Reason.REGISTRY_CLIENT_FAILED,
        Reason.ARTIFACT_PENDING,
        Reason.ARTIFACT_REJECTED,
        Reason.DIGEST_CHANGED,
        Reason.FORMAT_NOT_ACCEPTED,
    }
)
_MISSING_REASONS = frozenset({Reason.ALIAS_NOT_FOUND, Reason.VERSION_NOT_FOUND, Reason.REGISTRY_NOT_FOUND})
TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that one pass found out; what a stage did not reach is None."""

    deployment: ModelDeployment
    target: Target | None = None
    observed: Observed | None = None
    plan: Plan | None = None
    applied: Applied | None = None
    failure: LockgateError | None = None

    @property
    def previous(self) -> ModelDeploymentStatus:
        """The status before this pass."""
        return self.deployment.status

    @property
    def state(self) -> RolloutState:
        """Where the rollout stands after this pass."""
        return self.plan.state if self.plan else self.previous.rollout

    @property
    def course(self) -> Course | None:
        """Where the plan says the deployment stands."""
        return self.plan.decision.course if self.plan else None

    @property
    def resolve_failed(self) -> bool:
        """Whether what failed is the registry's answer."""
        return self.failure is not None and self.failure.reason in _RESOLVE_REASONS

    @property
    def rolls_on(self) -> bool:
        """Whether a rollout moves: one under way needs no further answer of the registry."""
        return self.course is Course.ROLLING_OUT and (self.failure is None or self.resolve_failed)

    @property
    def settled(self) -> bool:
        """Whether what runs is exactly what this spec asks of the stable version."""
        workload = self.observed.workload if self.observed else None
        written = self.applied is not None and self.applied.changed
        return (
            self.state.stable is not None
            and self.state.candidate is None
            and not written
            and workload is not None
            and self.state.stable.is_same(workload.revision)
            and workload.replicas == self.deployment.replicas
            and workload.is_complete
        )

    @property
    def asked_for_stable(self) -> bool:
        """Whether the stable version was reached by what the spec asks for now."""
        stable, spec = self.state.stable, self.deployment
        if stable is None or stable.reference is None:
            return False
        collection = stable.reference.rpartition(":")[0].split("/", 1)[-1]
        same_collection = collection == f"wandb-registry-{spec.registry}/{spec.collection}"
        if stable.alias is None:
            return same_collection and spec.pin is not None and spec.pin.version == stable.version
        return same_collection and stable.alias == spec.alias


def resolved(found: Findings) -> Verdict:
    """Whether the alias led to a version that may be served."""
    kind = ConditionType.RESOLVED
    if found.target is not None:
        revision, spec = found.target.revision, found.deployment
        if found.target.pinned and spec.pin:
            said = f"pinned to {revision.version}: {spec.pin.reason}"
            return Verdict(type=kind, status=TRUE, reason=Reason.PINNED, message=said)
        said = f"alias {spec.alias} of {spec.registry}/{spec.collection} is {revision.version}"
        return Verdict(type=kind, status=TRUE, reason=Reason.RESOLVED, message=said)
    if found.failure is not None and found.resolve_failed:
        status = UNKNOWN if isinstance(found.failure, Transient) else FALSE
        return Verdict(type=kind, status=status, reason=found.failure.reason, message=found.failure.message)
    before = find(found.previous.conditions, kind)
    if before is not None and before.observed_generation == found.deployment.generation:
        return Verdict(type=kind, status=before.status, reason=before.reason, message=before.message)
    reason = found.failure.reason if found.failure else Reason.WAITING_FOR_REGISTRY
    return Verdict(type=kind, status=UNKNOWN, reason=reason, message="the registry was not asked yet")


def available(found: Findings) -> Verdict:
    """Whether enough replicas serve, of whichever version."""
    kind = ConditionType.AVAILABLE
    workload = found.observed.workload if found.observed else None
    if workload is None:
        before = find(found.previous.conditions, kind)
        if found.observed is None and before is not None:
            return Verdict(type=kind, status=before.status, reason=before.reason, message=before.message)
        return Verdict(type=kind, status=FALSE, reason=Reason.NOT_DEPLOYED, message="nothing is deployed yet")
    if workload.minimum_available:
        said = "enough replicas are available"
        return Verdict(type=kind, status=TRUE, reason=Reason.MINIMUM_REPLICAS_AVAILABLE, message=said)
    said = f"fewer replicas are available than are needed{_first_problem(found)}"
    return Verdict(type=kind, status=FALSE, reason=Reason.MINIMUM_REPLICAS_UNAVAILABLE, message=said)


def progressing(found: Findings) -> Verdict:
    """Whether a rollout moves."""
    kind = ConditionType.PROGRESSING
    if found.plan is None:
        reason = found.failure.reason if found.failure else Reason.WAITING_FOR_REGISTRY
        said = found.failure.message if found.failure else "nothing was planned yet"
        return Verdict(type=kind, status=FALSE, reason=reason, message=said)
    decision = found.plan.decision
    status = TRUE if found.rolls_on else FALSE
    if found.failure is not None and not found.rolls_on and decision.course is not Course.AT_REST:
        return Verdict(type=kind, status=status, reason=found.failure.reason, message=found.failure.message)
    return Verdict(type=kind, status=status, reason=decision.reason, message=decision.message)


def paused(found: Findings) -> Verdict:
    """Whether a human holds the rollout."""
    if found.deployment.suspend:
        said = "spec.suspend is true"
        return Verdict(type=ConditionType.PAUSED, status=TRUE, reason=Reason.SUSPENDED, message=said)
    said = "nobody holds the rollout"
    return Verdict(type=ConditionType.PAUSED, status=FALSE, reason=Reason.NOT_SUSPENDED, message=said)


def verified(found: Findings, proof: Proof | None) -> Verdict:
    """Whether the pods proved the files of what they serve."""
    kind = ConditionType.VERIFIED
    newest = found.state.candidate or found.state.stable
    pods = found.observed.pods_of(newest) if found.observed and newest else ()
    for pod in pods:
        if pod.fetch and pod.fetch.problem and newest:
            said = f"pod {pod.name} could not fetch {newest.version}: {pod.fetch.problem}"
            return Verdict(type=kind, status=FALSE, reason=Reason.FETCH_FAILED, message=said)
    trees = {pod.fetch.proof.tree_digest for pod in pods if pod.fetch and pod.fetch.proof}
    if len(trees) > 1 and newest:
        said = f"pods proved different files for {newest.version}: {', '.join(sorted(trees))}"
        return Verdict(type=kind, status=FALSE, reason=Reason.DIGEST_CHANGED, message=said)
    if proof is not None and found.state.stable:
        files = f"{proof.files} file" + ("" if proof.files == 1 else "s")
        said = f"{found.state.stable.version}: {files}, {proof.size} bytes, tree {proof.tree_digest}"
        return Verdict(type=kind, status=TRUE, reason=Reason.FILES_VERIFIED, message=said)
    said = "no pod has fetched the model yet"
    return Verdict(type=kind, status=UNKNOWN, reason=Reason.AWAITING_PODS, message=said)


def stalled(found: Findings) -> Verdict | None:
    """Present only while a human must act."""
    kind = ConditionType.STALLED
    if isinstance(found.failure, Terminal):
        return Verdict(type=kind, status=TRUE, reason=found.failure.reason, message=found.failure.message)
    if found.plan and found.course in (Course.ABORTED, Course.STALLED):
        decision = found.plan.decision
        return Verdict(type=kind, status=TRUE, reason=decision.reason, message=decision.message)
    workload = found.observed.workload if found.observed else None
    if found.course is Course.AT_REST and workload and workload.deadline_exceeded and not found.settled:
        said = f"the change was not available in time{_first_problem(found)}"
        return Verdict(type=kind, status=TRUE, reason=Reason.PROGRESS_DEADLINE_EXCEEDED, message=said)
    return None


def ready(found: Findings, stalled_verdict: Verdict | None) -> Verdict:
    """The summary: this generation and the desired version are fully out and available."""
    kind = ConditionType.READY
    if stalled_verdict is not None:
        return Verdict(
            type=kind, status=FALSE, reason=stalled_verdict.reason, message=stalled_verdict.message
        )
    if found.plan is not None and found.rolls_on:
        decision = found.plan.decision
        return Verdict(type=kind, status=UNKNOWN, reason=decision.reason, message=decision.message)
    if found.failure is not None:
        return _ready_despite(found, found.failure)
    assert found.plan is not None
    decision = found.plan.decision
    if found.settled:
        return Verdict(type=kind, status=TRUE, reason=decision.reason, message=decision.message)
    if found.course is Course.SUSPENDED or found.course is Course.NOTHING_TO_SERVE:
        return Verdict(type=kind, status=FALSE, reason=decision.reason, message=decision.message)
    return _settling(found)


def _settling(found: Findings) -> Verdict:
    kind = ConditionType.READY
    workload = found.observed.workload if found.observed else None
    rolled = workload and workload.generation_observed and workload.updated == workload.total
    if workload and rolled and workload.available < workload.replicas <= workload.total:
        said = f"fewer replicas are available than were asked for{_first_problem(found)}"
        return Verdict(type=kind, status=FALSE, reason=Reason.MINIMUM_REPLICAS_UNAVAILABLE, message=said)
    version = found.state.stable.version if found.state.stable else ""
    said = f"the pods of {version} are being brought in line with the spec"
    return Verdict(type=kind, status=UNKNOWN, reason=Reason.ROLLING_OUT, message=said)


def _ready_despite(found: Findings, failure: LockgateError) -> Verdict:
    """A registry that is silent or has lost the alias does not make a served model unready."""
    kind = ConditionType.READY
    missing = failure.reason in _MISSING_REASONS
    fails = missing and found.deployment.on_alias_missing is OnAliasMissing.FAIL
    holds = found.resolve_failed and isinstance(failure, Transient | NotReadyYet) and not fails
    if holds and found.settled and found.asked_for_stable and found.state.stable:
        said = f"{found.state.stable.version} serves on: {failure.message}"
        return Verdict(type=kind, status=TRUE, reason=failure.reason, message=said)
    return Verdict(type=kind, status=FALSE, reason=failure.reason, message=failure.message)


def _first_problem(found: Findings) -> str:
    for pod in found.observed.pods if found.observed else ():
        problem = (pod.fetch.problem if pod.fetch else None) or pod.problem
        if problem and not pod.deleting:
            return f"; pod {pod.name}: {problem}"
    return ""


def proof_of(found: Findings, stable: Revision | None) -> Proof | None:
    """What the pods of the stable version proved; what was proved before holds without pods."""
    if stable is None:
        return None
    for pod in found.observed.pods_of(stable) if found.observed else ():
        if pod.fetch and pod.fetch.proof:
            return pod.fetch.proof
    return found.previous.proof if stable.is_same(found.previous.stable) else None
