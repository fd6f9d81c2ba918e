"""What a plan says: the state to remember, all that the cluster should look like, the verdict.

A strategy yields steps, which are relative; a step and its releases make a stage, which names
everything that should be there. Values only; the planner makes them, backends and report read them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lockgate.api.requests import LastRequest
from lockgate.api.shares import Role
from lockgate.api.status import HistoryEntry, Revision, RolloutState
from lockgate.domain.gate import Gate
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One entry of a strategy: how much of the candidate there is, and what it gets.

    `replicas` is percent of all pods, `weight` percent of the traffic, or None where the traffic
    follows the pods. In place, the candidate's pods take the places of those of stable. `match` and
    `mirror` are as in TrafficSplit. `gives_way`: stable gives up pods as the candidate gets traffic.
    """

    replicas: int
    weight: int | None
    in_place: bool
    gates: tuple[Gate, ...]
    match: tuple[tuple[str, str], ...] = ()
    mirror: int = 0
    gives_way: bool = False


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
class Stage:
    """All that should be there; what is not named should not be.

    `split` is the route through the gateway; without one there is no route. `front` is the workload
    whose pods alone answer at the address of the ModelDeployment itself, None when all pods do.
    `preview` is the workload that answers at the address for a look beforehand, if there is one.
    """

    tracks: tuple[Track, ...]
    split: TrafficSplit | None = None
    front: str | None = None
    preview: str | None = None


class Course(StrEnum):
    """Where the deployment stands after a plan."""

    NOTHING_TO_SERVE = "nothing to serve"
    AT_REST = "at rest"
    SETTLING = "settling"
    ROLLING_OUT = "rolling out"
    ABORTED = "aborted"
    FROZEN = "frozen"
    QUARANTINED = "quarantined"
    STALLED = "stalled"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict of a plan: where things stand, why, in one sentence.

    `waits` says that a rollout goes on only when a person or a clock lets it, or more is measured.
    """

    course: Course
    reason: Reason
    message: str
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer of the planner.

    Without a stage nothing in the cluster is touched. `wake` is when to look again although nothing
    happens; `finished` are rollouts that ended in this step, `answer` is to a request of a person.
    """

    state: RolloutState
    decision: Decision
    stage: Stage | None = None
    steps: int = 1
    finished: tuple[HistoryEntry, ...] = ()
    wake: datetime | None = None
    answer: LastRequest | None = None
