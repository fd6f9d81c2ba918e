"""What must hold before the next step: a pure question to evidence that was gathered before.

The gates of a step are asked in their order; the first that does not say yes speaks for all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lockgate.api.status import Revision
from lockgate.domain.observed import Observed, WorkloadFacts
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason


class Holds(StrEnum):
    """What a gate says."""

    YES = "Yes"
    NOT_YET = "NotYet"
    NO = "No"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What a gate found: `sentence` why it does not hold yet, `again_at` when that may change by itself."""

    holds: Holds
    sentence: str = ""
    reason: Reason | None = None
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What gates look at: the candidate, how many pods it should have, what is there, what it may get.

    `split` and `front` are by which ways requests are to come, `workload` is that of the candidate.

    `reached_at` is since when the step is as it should be; `approved` whether a person let the candidate
    go on from it, `hurried` whether one wants no step held at all. `analysis` is what was measured.
    """

    candidate: Revision
    replicas: int
    observed: Observed
    split: TrafficSplit | None = None
    front: str | None = None
    workload: str | None = None
    reached_at: datetime | None = None
    approved: bool = False
    hurried: bool = False
    analysis: GateVerdict | None = None

    @property
    def home(self) -> WorkloadFacts | None:
        """The workload that is to run the candidate."""
        return self.observed.workload if self.workload is None else self.observed.named(self.workload)


Gate = Callable[[Evidence, datetime], GateVerdict]
YES = GateVerdict(holds=Holds.YES)


def judge(gates: Iterable[Gate], evidence: Evidence, now: datetime) -> GateVerdict:
    """The verdict of the first gate that does not say yes, else yes."""
    verdicts = (gate(evidence, now) for gate in gates)
    return next((verdict for verdict in verdicts if verdict.holds is not Holds.YES), YES)
