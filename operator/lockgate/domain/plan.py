"""What a plan says: the state to remember, the objects' sizes, the verdict and the next look.

Values only; the planner makes them, render and report read them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lockgate.api.status import HistoryEntry, Revision, RolloutState, TrafficShare
from lockgate.names import Reason


class Gate(StrEnum):
    """What must hold before the next step."""

    AVAILABLE = "available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the cluster should look like in a step, the same for every strategy.

    Replicas of stable and candidate, the candidate's traffic in percent, and what must hold
    before the next step.
    """

    stable_replicas: int
    candidate_replicas: int
    candidate_weight: int
    gate: Gate = Gate.AVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A version that should run, and with how many replicas."""

    revision: Revision
    replicas: int


class Course(StrEnum):
    """Where the deployment stands after a plan."""

    NOTHING_TO_SERVE = "nothing to serve"
    AT_REST = "at rest"
    ROLLING_OUT = "rolling out"
    ABORTED = "aborted"
    STALLED = "stalled"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict of a plan: where things stand, why, in one sentence."""

    course: Course
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer of the planner.

    `wake` is when to look again although nothing happens; `apply` is False when nothing may be
    written to the cluster; `finished` are rollouts that ended in this step.
    """

    state: RolloutState
    decision: Decision
    workload: Workload | None = None
    steps: int = 1
    traffic: tuple[TrafficShare, ...] = ()
    finished: tuple[HistoryEntry, ...] = ()
    wake: datetime | None = None
    apply: bool = True
