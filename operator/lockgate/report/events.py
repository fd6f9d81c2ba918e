"""Which Events a pass owes: one for each transition, none for standing still. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from lockgate.api.conditions import ConditionStatus, find
from lockgate.api.status import ModelDeploymentStatus, Outcome
from lockgate.domain.findings import Findings
from lockgate.names import ConditionType, Reason
from lockgate.sentences import note


class Severity(StrEnum):
    """The two types of a Kubernetes Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An Event to be written, unless one of `needless_after` follows so soon that it tells nothing more."""

    severity: Severity
    reason: Reason
    note: str
    needless_after: Reason | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "note", note(self.note))


_OUTCOMES = {
    Outcome.PROMOTED: (Severity.NORMAL, Reason.ROLLED_OUT, "is rolled out and serves"),
    Outcome.ABORTED: (Severity.WARNING, Reason.ROLLOUT_ABORTED, "was aborted"),
    Outcome.SUPERSEDED: (Severity.NORMAL, Reason.ROLLOUT_SUPERSEDED, "was superseded"),
}


def notices(found: Findings, status: ModelDeploymentStatus) -> tuple[Notice, ...]:
    """The Events of one pass, in the order in which things happened."""
    return (*_ended(found), *_started(found), *_repaired(found), *turns(found.previous, status))


def _ended(found: Findings) -> list[Notice]:
    result = []
    for entry in found.plan.finished if found.plan else ():
        severity, reason, said = _OUTCOMES[entry.outcome]
        words = f"{entry.revision.version} {said}" + (f": {entry.message}" if entry.message else "")
        result.append(Notice(severity=severity, reason=reason, note=words))
    return result


def _started(found: Findings) -> list[Notice]:
    candidate, before = found.state.candidate, found.previous.rollout.candidate
    if candidate is None or candidate.is_same(before):
        return []
    stable = found.state.stable
    over = f" over {stable.version}" if stable else ""
    words = f"{candidate.version} is being rolled out{over} ({found.state.trigger})"
    # Nothing served before that a reader might look for.
    needless_after = None if stable else Reason.ROLLED_OUT
    started = Notice(
        severity=Severity.NORMAL, reason=Reason.ROLLOUT_STARTED, note=words, needless_after=needless_after
    )
    warning = found.target.warning if found.target else None
    if warning is None:
        return [started]
    return [Notice(severity=Severity.WARNING, reason=Reason.GATE_WARNED, note=warning), started]


def _repaired(found: Findings) -> list[Notice]:
    applied = found.applied
    if applied is None:
        return []
    names = applied.repaired
    is_known = found.deployment.generation == found.previous.observed_generation
    if found.previous.rollout.stable is not None and found.state.candidate is None and is_known:
        # Created although a version is stable and nothing new is asked for: somebody had deleted it.
        names = (*names, *applied.created)
    return [
        Notice(severity=Severity.WARNING, reason=Reason.DRIFT_REPAIRED, note=f"{name} was put right again")
        for name in names
    ]


def turns(previous: ModelDeploymentStatus, status: ModelDeploymentStatus) -> list[Notice]:
    """The Events for conditions that turned."""
    result = []
    for type_ in (ConditionType.RESOLVED, ConditionType.STALLED, ConditionType.PAUSED):
        before, after = find(previous.conditions, type_), find(status.conditions, type_)
        if after is None or (before is not None and before.reason == after.reason):
            continue
        if type_ is ConditionType.RESOLVED and before is None and status.candidate is not None:
            continue  # that a rollout started says as much
        if type_ is ConditionType.STALLED and after.reason is Reason.ROLLOUT_ABORTED:
            continue
        if type_ is ConditionType.PAUSED and after.reason is Reason.FROZEN:
            continue  # that it stalls says as much
        good = (type_ is not ConditionType.STALLED) and after.status is ConditionStatus.TRUE
        if type_ is ConditionType.PAUSED and not good:
            continue
        severity = Severity.NORMAL if good else Severity.WARNING
        result.append(Notice(severity=severity, reason=after.reason, note=after.message))
    return result
