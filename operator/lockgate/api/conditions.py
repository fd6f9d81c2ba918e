"""Conditions in the sense of kstatus: a type, a verdict, a reason, a sentence.

`transition` keeps lastTransitionTime still unless the verdict flips, so that an unchanged
world gives an unchanged status. Pure; time is an argument.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lockgate.names import ConditionType, Reason
from lockgate.sentences import sentence


class ConditionStatus(StrEnum):
    """The three verdicts of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A condition before it knows its time: what is claimed, why, in one sentence."""

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", sentence(self.message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition as the status carries it."""

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str
    last_transition_time: datetime
    observed_generation: int


def transition(
    previous: Iterable[Condition], verdicts: Iterable[Verdict], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Turn verdicts into conditions in their order; the clock moves only where a status flips."""
    known = {condition.type: condition for condition in previous}
    result = []
    for verdict in verdicts:
        before = known.get(verdict.type)
        unchanged = before is not None and before.status == verdict.status
        result.append(
            Condition(
                type=verdict.type,
                status=verdict.status,
                reason=verdict.reason,
                message=verdict.message,
                last_transition_time=before.last_transition_time if before and unchanged else now,
                observed_generation=generation,
            )
        )
    return tuple(result)


def find(conditions: Iterable[Condition], type_: ConditionType) -> Condition | None:
    """The condition of that type, if present."""
    return next((condition for condition in conditions if condition.type == type_), None)
