"""What users read, as frozen values: the status of a ModelDeployment.

`RolloutState` is the only part that a later pass reads back; everything else is derived anew
each time. `to_dict` and `parse_*` are the two directions of the schema in crds/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from lockgate.api.conditions import Condition


class Outcome(StrEnum):
    """How a rollout ended."""

    PROMOTED = "Promoted"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"


class Trigger(StrEnum):
    """What started a rollout."""

    FIRST_ROLLOUT = "FirstRollout"
    ALIAS_MOVED = "AliasMoved"
    PINNED = "Pinned"
    SPEC_CHANGED = "SpecChanged"


class Phase(StrEnum):
    """One word for people, derived from the conditions."""

    PENDING = "Pending"
    ROLLING_OUT = "RollingOut"
    SERVING = "Serving"
    SUSPENDED = "Suspended"
    DEGRADED = "Degraded"
    FAILED = "Failed"


class Role(StrEnum):
    """The part that a version plays in a rollout."""

    STABLE = "stable"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A version of a collection as the status names it."""

    version: str
    digest: str
    reference: str | None = None
    alias: str | None = None

    def is_same(self, other: "Revision | None") -> bool:
        """Whether both are the same bytes under the same number, however they were reached."""
        return other is not None and (self.version, self.digest) == (other.version, other.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A version that was aborted, under which generation of the spec, and why."""

    revision: Revision
    generation: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """Where the rollout stands; the planner's memory between passes."""

    stable: Revision | None = None
    candidate: Revision | None = None
    step: int = 0
    started_at: datetime | None = None
    trigger: Trigger | None = None
    failed: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One finished rollout."""

    revision: Revision
    outcome: Outcome
    finished_at: datetime
    started_at: datetime | None = None
    trigger: Trigger | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the pods proved of a version's files: SHA-256 tree digest, number, bytes."""

    tree_digest: str
    files: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficShare:
    """A part of the traffic in percent."""

    role: Role
    version: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDeploymentStatus:
    """The whole status."""

    observed_generation: int | None = None
    phase: Phase | None = None
    step: str | None = None
    desired: Revision | None = None
    stable: Revision | None = None
    proof: Proof | None = None
    candidate: Revision | None = None
    previous: Revision | None = None
    traffic: tuple[TrafficShare, ...] = ()
    rollout: RolloutState = RolloutState()
    history: tuple[HistoryEntry, ...] = ()
    conditions: tuple[Condition, ...] = ()


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC to the second, as Kubernetes writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time with its zone; raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _revision_dict(revision: Revision | None) -> dict[str, Any] | None:
    if revision is None:
        return None
    return _without_none(
        version=revision.version, digest=revision.digest, reference=revision.reference, alias=revision.alias
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _rollout_dict(state: RolloutState) -> dict[str, Any]:
    failed = None
    if state.failed is not None:
        failed = {
            **(_revision_dict(state.failed.revision) or {}),
            "generation": state.failed.generation,
            "message": state.failed.message,
        }
    running = state.candidate is not None
    return _without_none(
        stable=_revision_dict(state.stable),
        candidate=_revision_dict(state.candidate),
        step=state.step if running else None,
        startedAt=_time(state.started_at) if running else None,
        trigger=state.trigger.value if running and state.trigger else None,
        failed=failed,
    )


def _history_dict(entry: HistoryEntry) -> dict[str, Any]:
    return {
        **(_revision_dict(entry.revision) or {}),
        **_without_none(
            outcome=entry.outcome.value,
            trigger=entry.trigger.value if entry.trigger else None,
            startedAt=_time(entry.started_at),
            finishedAt=_time(entry.finished_at),
            message=entry.message,
        ),
    }


def to_dict(status: ModelDeploymentStatus) -> dict[str, Any]:
    """The status as the API server takes it; equal statuses give equal dictionaries."""
    stable = _revision_dict(status.stable)
    if stable is not None and status.proof is not None:
        stable |= {
            "treeDigest": status.proof.tree_digest,
            "files": status.proof.files,
            "bytes": status.proof.size,
        }
    return _without_none(
        observedGeneration=status.observed_generation,
        phase=status.phase.value if status.phase else None,
        step=status.step,
        desired=_revision_dict(status.desired),
        stable=stable,
        candidate=_revision_dict(status.candidate),
        previous=_revision_dict(status.previous),
        traffic=[{"role": t.role.value, "version": t.version, "weight": t.weight} for t in status.traffic]
        or None,
        rollout=_rollout_dict(status.rollout) or None,
        history=[_history_dict(entry) for entry in status.history] or None,
        conditions=[
            {
                "type": c.type.value,
                "status": c.status.value,
                "reason": c.reason.value,
                "message": c.message,
                "lastTransitionTime": format_time(c.last_transition_time),
                "observedGeneration": c.observed_generation,
            }
            for c in status.conditions
        ]
        or None,
    )


def parse_revision(raw: Mapping[str, Any] | None) -> Revision | None:
    """Read a version back; None when absent, KeyError or TypeError when it makes no sense."""
    if raw is None:
        return None
    return Revision(
        version=str(raw["version"]),
        digest=str(raw["digest"]),
        reference=raw.get("reference"),
        alias=raw.get("alias"),
    )
