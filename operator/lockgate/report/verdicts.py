"""Every condition of a ModelDeployment, each computed by one pure function.

Messages never carry a count or a time that moves while nothing happens: an unchanged world
gives an unchanged status, and so no write.
"""

from dataclasses import replace

from lockgate.api.conditions import ConditionStatus, Verdict, find
from lockgate.api.gates import WARNED
from lockgate.api.spec import OnAliasMissing
from lockgate.api.status import Proof, Revision
from lockgate.domain.findings import Findings
from lockgate.domain.plan import Course, Decision
from lockgate.errors import (
    GateWaiting,
    InternalError,
    LockgateError,
    Missing,
    Terminal,
    Transient,
    Unanswered,
)
from lockgate.names import ConditionType, Reason
from lockgate.sentences import listed

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN

# Where these lead to, nothing goes on by itself.
_FOR_PEOPLE = (Course.ABORTED, Course.FROZEN, Course.QUARANTINED, Course.STALLED)


def resolved(found: Findings) -> Verdict:
    """Whether the alias led to a version that may be served."""
    kind = ConditionType.RESOLVED
    if found.target is not None:
        revision, spec = found.target.revision, found.deployment
        if found.target.pinned and spec.pin:
            said = f"pinned to {revision.version}: {spec.pin.reason}"
            return Verdict(type=kind, status=TRUE, reason=Reason.PINNED, message=said)
        said = f"alias {spec.alias} of {spec.registry}/{spec.collection} is {revision.version}"
        said += _warning(found, said)
        return Verdict(type=kind, status=TRUE, reason=Reason.RESOLVED, message=said)
    if found.failure is not None and found.resolve_failed:
        status = UNKNOWN if isinstance(found.failure, Transient | Unanswered | GateWaiting) else FALSE
        return Verdict(type=kind, status=status, reason=found.failure.reason, message=found.failure.message)
    before = find(found.previous.conditions, kind)
    if before is not None and before.observed_generation == found.deployment.generation:
        return Verdict(type=kind, status=before.status, reason=before.reason, message=before.message)
    reason = found.failure.reason if found.failure else Reason.WAITING_FOR_REGISTRY
    return Verdict(type=kind, status=UNKNOWN, reason=reason, message="the registry was not asked yet")


def _warning(found: Findings, said: str) -> str:
    """What a gate warned of: it is asked before a rollout begins, and told until that has ended."""
    if found.target is None or found.target.warning is not None:
        return f"{WARNED}{found.target.warning}" if found.target else ""
    before = find(found.previous.conditions, ConditionType.RESOLVED)
    is_under_way = found.target.revision.is_same(found.state.candidate)
    if before is None or not is_under_way or not before.message.startswith(said + WARNED):
        return ""
    return before.message.removeprefix(said)


def available(found: Findings) -> Verdict:
    """Whether enough replicas serve, of whichever version."""
    kind = ConditionType.AVAILABLE
    workload = found.serving
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
    """Whether the rollout is held: by a person, or in a step."""
    if found.deployment.suspend:
        said = "spec.suspend is true"
        return Verdict(type=ConditionType.PAUSED, status=TRUE, reason=Reason.SUSPENDED, message=said)
    waits = found.plan is not None and found.plan.decision.waits and found.rolls_on
    if found.plan is not None and (waits or found.course is Course.FROZEN):
        decision = found.plan.decision
        return Verdict(
            type=ConditionType.PAUSED, status=TRUE, reason=decision.reason, message=decision.message
        )
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
    trees = found.observed.trees_of(newest) if found.observed and newest else frozenset()
    if proof is not None and newest is not None and newest.is_same_version(found.state.stable):
        trees |= {proof.tree_digest}
    if len(trees) > 1 and newest:
        said = f"pods proved different files for {newest.version}: {listed(sorted(trees))}"
        return Verdict(type=kind, status=FALSE, reason=Reason.DIGEST_CHANGED, message=said)
    if proof is not None and found.state.stable and proof.tree_digest == found.state.stable.digest:
        # A place that tells no more of a fetch than its end tells no tree.
        said = f"{found.state.stable.version}: every task checked that it has what {proof.tree_digest} claims"
        return Verdict(type=kind, status=TRUE, reason=Reason.FILES_VERIFIED, message=said)
    if proof is not None and found.state.stable:
        files = f"{proof.files} file" + ("" if proof.files == 1 else "s")
        said = f"{found.state.stable.version}: {files}, {proof.size} bytes, tree {proof.tree_digest}"
        return Verdict(type=kind, status=TRUE, reason=Reason.FILES_VERIFIED, message=said)
    said = "no pod has fetched the model yet"
    return Verdict(type=kind, status=UNKNOWN, reason=Reason.AWAITING_PODS, message=said)


def stalled(found: Findings) -> Verdict | None:
    """Present only while a human must act."""
    kind = ConditionType.STALLED
    by_failure = stalled_by(found.failure)
    if by_failure is not None:
        return by_failure
    if found.plan and found.course in _FOR_PEOPLE:
        decision = found.plan.decision
        said = decision.message + (_not_made(found) if found.course is Course.STALLED else "")
        return Verdict(type=kind, status=TRUE, reason=decision.reason, message=said)
    workload = found.serving
    if found.course is Course.AT_REST and workload and workload.deadline_exceeded and not found.settled:
        said = f"the change was not available in time{_first_problem(found)}"
        return Verdict(type=kind, status=TRUE, reason=Reason.PROGRESS_DEADLINE_EXCEEDED, message=said)
    return None


def ready(found: Findings, stalled_verdict: Verdict | None) -> Verdict:
    """The summary: this generation and the desired version are fully out and available.

    The first of these that applies speaks; their order is the meaning.
    """
    chain = (
        _summary(FALSE, stalled_verdict),
        _on_its_way(found),
        _serves_on(found),
        _in_the_way(found),
        _awaited(found),
        _settled(found),
        _held(found),
        _too_few(found),
        _settling(found),
    )
    return next(filter(None, chain))


def _summary(status: ConditionStatus, told: Verdict | Decision | LockgateError | None) -> Verdict | None:
    if told is None:
        return None
    return Verdict(type=ConditionType.READY, status=status, reason=told.reason, message=told.message)


def summary_of(failure: LockgateError) -> Verdict:
    """What Ready says of that which stands in the way alone; a defect of ours, or silence, proves nothing."""
    status = UNKNOWN if isinstance(failure, InternalError | GateWaiting) else FALSE
    return Verdict(type=ConditionType.READY, status=status, reason=failure.reason, message=failure.message)


def stalled_by(failure: LockgateError | None) -> Verdict | None:
    """What Stalled says of it: only what a human must mend stalls."""
    if not isinstance(failure, Terminal):
        return None
    return Verdict(type=ConditionType.STALLED, status=TRUE, reason=failure.reason, message=failure.message)


def _on_its_way(found: Findings) -> Verdict | None:
    """A rollout moves, or would if the cluster let it."""
    if found.plan is None or not found.rolls_on:
        return None
    said = found.plan.decision
    return _summary(UNKNOWN, replace(said, message=said.message + _not_made(found)))


def _serves_on(found: Findings) -> Verdict | None:
    """A registry that is silent or has lost the alias does not make a served model unready."""
    failure, stable = found.failure, found.state.stable
    if failure is None or stable is None or not found.resolve_failed or isinstance(failure, GateWaiting):
        return None
    fails = isinstance(failure, Missing) and found.deployment.on_alias_missing is OnAliasMissing.FAIL
    if fails or not (found.settled and found.asked_for_stable):
        return None
    said = f"{stable.version} serves on: {failure.message}"
    return Verdict(type=ConditionType.READY, status=TRUE, reason=failure.reason, message=said)


def _in_the_way(found: Findings) -> Verdict | None:
    """Something kept the pass from its end."""
    return None if found.failure is None else summary_of(found.failure)


def _awaited(found: Findings) -> Verdict | None:
    """The version that is asked for waits for its time."""
    waits = found.course is Course.SETTLING
    return _summary(UNKNOWN, found.plan.decision) if found.plan and waits else None


def _settled(found: Findings) -> Verdict | None:
    """Nothing is left to do."""
    return _summary(TRUE, found.plan.decision) if found.plan and found.settled else None


def _held(found: Findings) -> Verdict | None:
    """A person holds it, or there is nothing to serve."""
    held = found.course in (Course.SUSPENDED, Course.NOTHING_TO_SERVE)
    return _summary(FALSE, found.plan.decision) if found.plan and held else None


def _too_few(found: Findings) -> Verdict | None:
    """Every pod is of the present template, and some of them do not serve."""
    workload = found.serving
    rolled = workload and workload.generation_observed and workload.updated == workload.total
    if not workload or not rolled or not workload.available < workload.replicas <= workload.total:
        return None
    said = f"fewer replicas are available than were asked for{_first_problem(found)}"
    reason = Reason.MINIMUM_REPLICAS_UNAVAILABLE
    return Verdict(type=ConditionType.READY, status=FALSE, reason=reason, message=said)


def _settling(found: Findings) -> Verdict:
    """What runs follows what was written."""
    version = found.state.stable.version if found.state.stable else "the version"
    said = f"the pods of {version} are being brought in line with the spec"
    if found.route_problem:
        said = f"requests do not reach {version} as they should: {found.route_problem}"
    return Verdict(type=ConditionType.READY, status=UNKNOWN, reason=Reason.ROLLING_OUT, message=said)


def _first_problem(found: Findings) -> str:
    for pod in found.observed.pods if found.observed else ():
        if pod.trouble and not pod.deleting and pod.ended is None:
            return f"; pod {pod.name}: {pod.trouble}"
    return _not_made(found)


def _not_made(found: Findings) -> str:
    workload = found.serving
    if workload and workload.problem:
        return f"; {workload.problem}"
    if found.course is Course.ROLLING_OUT and found.observed and found.observed.route:
        refused = found.observed.route.problem
        if refused:
            return f"; the gateway refuses its route: {refused}"
    altered = found.applied.altered if found.applied else ()
    return f"; the cluster holds something else than was asked for in {listed(altered)}" if altered else ""


def proof_of(found: Findings, stable: Revision | None) -> Proof | None:
    """What the pods of the stable version proved first; no later pod can say otherwise."""
    if stable is None:
        return None
    if found.previous.proof is not None and stable.is_same(found.previous.stable):
        return found.previous.proof
    for pod in found.observed.pods_of(stable) if found.observed else ():
        if pod.proof:
            return pod.proof
    return None
