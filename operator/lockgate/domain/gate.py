"""What must hold before the next step: a pure question to evidence that was gathered before.

The gates of a step are asked in their order; the first that does not say yes speaks for all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lockgate.api.status import Revision
from lockgate.domain.observed import Observed


class Holds(StrEnum):
    """What a gate says."""

    YES = "Yes"
    NOT_YET = "NotYet"
    NO = "No"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What gates look at: the candidate, how many pods it should have, what is there, what it may get."""

    candidate: Revision
    replicas: int
    observed: Observed
    split: tuple[tuple[str, int], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What a gate found; `sentence` says why it does not hold yet.

    `again_at` is when it is worth asking again although nothing happens, where that is known.
    """

    holds: Holds
    sentence: str = ""
    again_at: datetime | None = None


Gate = Callable[[Evidence, datetime], GateVerdict]
YES = GateVerdict(holds=Holds.YES)


def judge(gates: Iterable[Gate], evidence: Evidence, now: datetime) -> GateVerdict:
    """The verdict of the first gate that does not say yes, else yes."""
    verdicts = (gate(evidence, now) for gate in gates)
    return next((verdict for verdict in verdicts if verdict.holds is not Holds.YES), YES)
