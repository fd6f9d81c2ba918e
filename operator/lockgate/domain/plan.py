"""What a plan says: the state to remember, all that the cluster should look like, the verdict.

A strategy yields steps, which are relative; a step and its releases make a stage, which names
everything that should be there. Values only; the planner makes them, backends and report read them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lockgate.api.status import HistoryEntry, Revision, Role, RolloutState
from lockgate.domain.gate import Gate
from lockgate.names import Reason

Weights = tuple[tuple[str, int], ...]
"""Percent of the traffic by the name of the track that gets it, in the order of the tracks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One entry of a strategy: how much of the candidate there is, and what it gets.

    `replicas` is percent of all pods, `weight` percent of the traffic, or None where the traffic
    follows the pods. In place, the candidate's pods take the places of those of stable.
    """

    replicas: int
    weight: int | None
    in_place: bool
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One group of pods: a release, the workload that runs it, how many, and whether they stay as they are.

    `replicas` is None where an autoscaler decides.
    """

    role: Role
    release: Revision
    workload: str
    replicas: int | None
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSplit:
    """How the traffic is split between tracks; ValueError unless the weights make a hundred."""

    weights: Weights

    def __post_init__(self) -> None:
        parts = [weight for _, weight in self.weights]
        if sum(parts) != 100 or min(parts) < 0 or len(dict(self.weights)) != len(parts):
            raise ValueError(f"weights that make no hundred: {self.weights}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """All that should be there; what is not named should not be. Without a split traffic follows the pods."""

    tracks: tuple[Track, ...]
    split: TrafficSplit | None = None


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

    Without a stage nothing in the cluster is touched. `wake` is when to look again although nothing
    happens; `finished` are rollouts that ended in this step.
    """

    state: RolloutState
    decision: Decision
    stage: Stage | None = None
    steps: int = 1
    finished: tuple[HistoryEntry, ...] = ()
    wake: datetime | None = None
