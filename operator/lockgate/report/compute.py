"""The whole status from everything a pass found out, or from why it found nothing out.

Pure, and the only maker of statuses: whatever a pass meets, one of these two is written.
"""

from dataclasses import replace
from datetime import datetime

from lockgate.api.conditions import Condition, ConditionStatus, Verdict, transition
from lockgate.api.gates import Refusal
from lockgate.api.status import HistoryEntry, ModelDeploymentStatus, Phase, Revision
from lockgate.domain.findings import Findings
from lockgate.domain.plan import Course
from lockgate.errors import GateRefused, GateWaiting, LockgateError
from lockgate.names import LABEL_MODEL_DEPLOYMENT, ConditionType
from lockgate.report.traffic import traffic, variants
from lockgate.report.verdicts import (
    available,
    paused,
    progressing,
    proof_of,
    ready,
    resolved,
    stalled,
    stalled_by,
    summary_of,
    verified,
)

_SUMMARY = frozenset({ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED})


def compute_status(found: Findings, now: datetime) -> ModelDeploymentStatus:
    """The status after this pass; equal to the previous one when nothing changed."""
    deployment, previous, state = found.deployment, found.previous, found.state
    proof = proof_of(found, state.stable)
    stalled_verdict = stalled(found)
    ready_verdict = ready(found, stalled_verdict)
    verdicts = _summary(ready_verdict, stalled_verdict)
    verdicts += [resolved(found), available(found), progressing(found), paused(found), verified(found, proof)]
    return ModelDeploymentStatus(
        observed_generation=deployment.generation,
        phase=_phase(found, ready_verdict, stalled_verdict),
        replicas=found.replicas,
        selector=f"{LABEL_MODEL_DEPLOYMENT}={deployment.name}",
        step=f"{state.step + 1}/{found.plan.steps}" if state.candidate and found.plan else None,
        desired=_desired(found),
        stable=state.stable,
        proof=proof,
        candidate=state.candidate,
        previous=_previous(found),
        traffic=traffic(found),
        variants=variants(found),
        rollout=state,
        history=_history(found),
        refused=_refused(found),
        last_request=(found.plan.answer if found.plan else None) or previous.last_request,
        conditions=transition(previous.conditions, verdicts, generation=deployment.generation, now=now),
    )


def refused_status(
    previous: ModelDeploymentStatus, *, generation: int, error: LockgateError, now: datetime
) -> ModelDeploymentStatus:
    """The status after a pass that could judge nothing: only the summary changes, and says why.

    What serves, what is remembered of the rollout and what is past were true before, and nothing
    was found out that could make them untrue. Conditions that are kept keep the generation that
    they speak of.
    """
    verdicts = _summary(summary_of(error), stalled_by(error))
    phase = Phase.DEGRADED if previous.rollout.stable or previous.stable else Phase.FAILED
    return replace(
        previous,
        observed_generation=generation,
        phase=phase if stalled_by(error) else previous.phase or Phase.PENDING,
        conditions=(
            *transition(previous.conditions, verdicts, generation=generation, now=now),
            *_kept(previous.conditions, generation),
        ),
    )


def _kept(known: tuple[Condition, ...], generation: int) -> list[Condition]:
    kept = {condition.type: condition for condition in known if condition.type not in _SUMMARY}
    return [replace(c, observed_generation=min(c.observed_generation, generation)) for c in kept.values()]


def _summary(ready_verdict: Verdict, stalled_verdict: Verdict | None) -> list[Verdict]:
    """Ready, and beside it the one of Reconciling and Stalled that is true, if either is."""
    found = (ready_verdict, _reconciling(ready_verdict, stalled_verdict), stalled_verdict)
    return [verdict for verdict in found if verdict is not None]


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
    if found.failure is None:
        return known
    return known if known is not None and found.asked_for_stable else None


def _previous(found: Findings) -> Revision | None:
    before = found.previous.rollout.stable
    after = found.state.stable
    replaced = before is not None and after is not None and not after.is_same(before)
    return before if replaced else found.previous.previous


def _history(found: Findings) -> tuple[HistoryEntry, ...]:
    finished = found.plan.finished if found.plan else ()
    return (*reversed(finished), *found.previous.history)[: found.deployment.revision_history_limit]


def _refused(found: Findings) -> Refusal | None:
    failure = found.failure
    if isinstance(failure, GateRefused):
        if not failure.recipe:
            return None
        return Refusal(version=failure.version, recipe=failure.recipe, message=failure.message)
    is_asked_anew = found.target is not None or isinstance(failure, GateWaiting)
    return None if is_asked_anew else found.previous.refused


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
