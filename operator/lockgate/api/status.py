"""What users read, as frozen values: the status of a ModelDeployment.

`RolloutState` is the only part that a later pass reads back; everything else is derived anew
each time. How it is written and read back is said in `status_codec.py`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lockgate.api.conditions import Condition
from lockgate.api.gates import Refusal
from lockgate.api.limits import (
    ALIAS_LIMIT,
    BY_LIMIT,
    DIGEST_LIMIT,
    MODEL_LIMIT,
    RELEASE_LIMIT,
    RUNTIME_LIMIT,
    SOURCE_LIMIT,
    URI_LIMIT,
    VERSION_LIMIT,
    is_count,
)
from lockgate.api.requests import LastRequest
from lockgate.api.shares import TrafficShare, VariantShare
from lockgate.names import DEFAULT_SOURCE, Reason
from lockgate.sentences import CAUSE_LIMIT, cause, is_name, sentence


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
    RUNTIME_CHANGED = "RuntimeChanged"
    RETRIED = "Retried"


class Phase(StrEnum):
    """One word for people, derived from the conditions."""

    PENDING = "Pending"
    ROLLING_OUT = "RollingOut"
    SERVING = "Serving"
    SUSPENDED = "Suspended"
    DEGRADED = "Degraded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A version as the status names it, or a release of it, and what led to it.

    `uri` is its name for ever on the registry server `source`, `digest` what that claims of its bytes,
    None where it claims nothing. `model` (registry and collection) and `alias` are how it was reached.
    `release` names all that its pods are made of, `runtime` the runtime among that (name@state), `backend`
    where they run unless that is plain Deployments; they are absent where only the version is meant. `tree`
    is what pods proved of the version's files before. ValueError for what no status can hold.
    """

    version: str
    uri: str
    digest: str | None
    source: str = DEFAULT_SOURCE
    model: str | None = None
    alias: str | None = None
    size: int | None = None
    release: str | None = None
    runtime: str | None = None
    backend: str | None = None
    tree: str | None = None

    def __post_init__(self) -> None:
        needed = (
            ("number", self.version, VERSION_LIMIT),
            ("uri", self.uri, URI_LIMIT),
            ("source", self.source, SOURCE_LIMIT),
        )
        optional = (
            ("digest", self.digest, DIGEST_LIMIT),
            ("model", self.model, MODEL_LIMIT),
            ("alias", self.alias, ALIAS_LIMIT),
            ("release", self.release, RELEASE_LIMIT),
            ("runtime", self.runtime, RUNTIME_LIMIT),
            ("backend", self.backend, VERSION_LIMIT),
            ("tree", self.tree, DIGEST_LIMIT),
        )
        for name, value, limit in (*needed, *(one for one in optional if one[1] is not None)):
            if not is_name(value, limit):
                raise ValueError(f"its {name} is no printable text of 1 to {limit} characters")
        if self.size is not None and not is_count(self.size):
            raise ValueError("its size is no number of bytes")

    def is_same(self, other: "Revision | None") -> bool:
        """Whether both mean the same pods: one release, or one version where none is named."""
        if other is None or not self.is_same_version(other):
            return False
        return self.release == other.release or None in (self.release, other.release)

    def is_same_version(self, other: "Revision | None") -> bool:
        """Whether both are the same version with the same bytes, however they were reached."""
        return self._is_named_as(other) and other is not None and self.digest == other.digest

    def claims_other_bytes(self, other: "Revision | None") -> bool:
        """Whether a version of this very name was seen with other bytes: one of the two is a lie."""
        return self._is_named_as(other) and other is not None and self.digest != other.digest

    def _is_named_as(self, other: "Revision | None") -> bool:
        return other is not None and (self.source, self.uri) == (other.source, other.uri)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A version that was aborted, what its pods were made of, and why.

    `recipe` is empty in what an earlier release remembered: then the version alone counts.
    """

    revision: Revision
    recipe: str
    reason: Reason
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", cause(self.message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person let the candidate go on from a step; who, as they said themselves, and why."""

    step: int
    by: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        for name, limit in (("by", BY_LIMIT), ("reason", CAUSE_LIMIT)):
            if text := getattr(self, name):
                object.__setattr__(self, name, sentence(text, limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """Where the rollout stands; the planner's memory between passes.

    `progressed_at` is roughly when the candidate last came further, absent while it is held.
    `reached_at` is since when the step is as it should be: its pods available, its traffic served.
    `approvals` are of this candidate; `hurried` says that a person wants no step of it held any more.
    `unproven` says that no pod ever ran `stable`, because none was asked for; `fallback` is then
    the last version that pods did prove. `warm` is the release before, ready to take over again until
    `warm_until`. `awaited` is what is to be rolled out once it was asked for long enough (since
    `awaited_since`, by `awaited_by`) or long enough after `ended_at`, when the rollout before ended;
    `at_once` says that a person wants no such wait. `frozen` is why the candidate is held where it is.
    """

    stable: Revision | None = None
    candidate: Revision | None = None
    step: int = 0
    started_at: datetime | None = None
    progressed_at: datetime | None = None
    trigger: Trigger | None = None
    failed: tuple[Failure, ...] = ()
    unproven: bool = False
    fallback: Revision | None = None
    reached_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()
    hurried: bool = False
    warm: Revision | None = None
    warm_until: datetime | None = None
    awaited: Revision | None = None
    awaited_since: datetime | None = None
    awaited_by: Trigger | None = None
    ended_at: datetime | None = None
    at_once: bool = False
    frozen: Failure | None = None

    @property
    def rests(self) -> "RolloutState":
        """The same without a candidate, and without what is remembered of one."""
        return replace(
            self,
            candidate=None,
            step=0,
            started_at=None,
            progressed_at=None,
            reached_at=None,
            trigger=None,
            approvals=(),
            hurried=False,
            frozen=None,
        )

    def kept_warm(self, now: datetime) -> Revision | None:
        """The release that is still ready to take over again."""
        return self.warm if self.warm_until is not None and now < self.warm_until else None

    def valid_for(self, steps: int) -> "RolloutState":
        """The same state, begun anew if its step is none of so many; never the last by mistake."""
        return self if 0 <= self.step < steps else replace(self, step=0, reached_at=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One finished rollout; `by` is who asked for its begin or its end, where a person did."""

    revision: Revision
    outcome: Outcome
    finished_at: datetime
    started_at: datetime | None = None
    trigger: Trigger | None = None
    by: str | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        if self.message is not None:
            object.__setattr__(self, "message", cause(self.message))
        if self.by is not None:
            object.__setattr__(self, "by", sentence(self.by, BY_LIMIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the pods proved of a version's files: SHA-256 tree digest, number, bytes."""

    tree_digest: str
    files: int
    size: int

    def __post_init__(self) -> None:
        if not is_name(self.tree_digest, DIGEST_LIMIT):
            raise ValueError("a proof names its tree")
        if not (is_count(self.files) and is_count(self.size)):
            raise ValueError("a proof counts its files and bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDeploymentStatus:
    """The whole status.

    `replicas` is how many the workload is asked for, and moves by decisions only: counts of pods
    that come and go would cost a write each. `selector` finds the pods, for autoscalers. `refused` is what a
    service that a gate asks has refused.
    """

    observed_generation: int | None = None
    phase: Phase | None = None
    replicas: int | None = None
    selector: str | None = None
    step: str | None = None
    desired: Revision | None = None
    stable: Revision | None = None
    proof: Proof | None = None
    candidate: Revision | None = None
    previous: Revision | None = None
    traffic: tuple[TrafficShare, ...] = ()
    variants: tuple[VariantShare, ...] = ()
    rollout: RolloutState = RolloutState()
    history: tuple[HistoryEntry, ...] = ()
    last_request: LastRequest | None = None
    refused: Refusal | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def known_revisions(self) -> tuple[Revision, ...]:
        """Every version whose bytes this status has named: those that serve, served or were tried."""
        rollout = self.rollout
        present = (
            rollout.stable,
            rollout.candidate,
            rollout.fallback,
            rollout.warm,
            self.stable,
            self.candidate,
            self.previous,
        )
        failed = (failure.revision for failure in rollout.failed)
        return (*filter(None, present), *failed, *(entry.revision for entry in self.history))
