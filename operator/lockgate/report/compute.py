"""The whole status from everything a pass found out; pure, and the only maker of statuses."""

from datetime import datetime

from lockgate.api.conditions import ConditionStatus, Verdict, transition
from lockgate.api.status import HistoryEntry, ModelDeploymentStatus, Phase, Revision
from lockgate.domain.plan import Course
from lockgate.names import ConditionType
from lockgate.report.verdicts import (
    Findings,
    available,
    paused,
    progressing,
    proof_of,
    ready,
    resolved,
    stalled,
    verified,
)


def compute_status(found: Findings, now: datetime) -> ModelDeploymentStatus:
    """The status after this pass; equal to the previous one when nothing changed."""
    deployment, previous, state = found.deployment, found.previous, found.state
    proof = proof_of(found, state.stable)
    stalled_verdict = stalled(found)
    ready_verdict = ready(found, stalled_verdict)
    verdicts = [ready_verdict]
    reconciling = _reconciling(ready_verdict, stalled_verdict)
    verdicts += [verdict for verdict in (reconciling, stalled_verdict) if verdict]
    verdicts += [resolved(found), available(found), progressing(found), paused(found), verified(found, proof)]
    return ModelDeploymentStatus(
        observed_generation=deployment.generation,
        phase=_phase(found, ready_verdict, stalled_verdict),
        step=f"{state.step + 1}/{found.plan.steps}" if state.candidate and found.plan else None,
        desired=_desired(found),
        stable=state.stable,
        proof=proof,
        candidate=state.candidate,
        previous=_previous(found),
        traffic=found.plan.traffic if found.plan else previous.traffic,
        rollout=state,
        history=_history(found),
        conditions=transition(previous.conditions, verdicts, generation=deployment.generation, now=now),
    )


def _reconciling(ready_verdict: Verdict, stalled_verdict: Verdict | None) -> Verdict | None:
    if ready_verdict.status is ConditionStatus.TRUE or stalled_verdict is not None:
        return None
    return Verdict(
        type=ConditionType.RECONCILING,
        status=ConditionStatus.TRUE,
        reason=ready_verdict.reason,
        message=ready_verdict.message,
    )


def _desired(found: Findings) -> Revision | None:
    if found.target is not None:
        return found.target.revision
    known = found.previous.desired
    return known if known is not None and found.asked_for_stable else None


def _previous(found: Findings) -> Revision | None:
    before = found.previous.rollout.stable
    after = found.state.stable
    replaced = before is not None and after is not None and not after.is_same(before)
    return before if replaced else found.previous.previous


def _history(found: Findings) -> tuple[HistoryEntry, ...]:
    finished = found.plan.finished if found.plan else ()
    return (*reversed(finished), *found.previous.history)[: found.deployment.revision_history_limit]


def _phase(found: Findings, ready_verdict: Verdict, stalled_verdict: Verdict | None) -> Phase:
    serving = found.state.stable is not None
    if found.course is Course.SUSPENDED:
        return Phase.SUSPENDED
    if stalled_verdict is not None:
        return Phase.DEGRADED if serving else Phase.FAILED
    if found.state.candidate is not None and found.failure is None:
        return Phase.ROLLING_OUT
    if not serving:
        return Phase.PENDING
    return Phase.DEGRADED if ready_verdict.status is ConditionStatus.FALSE else Phase.SERVING
