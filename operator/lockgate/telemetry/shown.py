"""What of a ModelDeployment is shown, as one small frozen record made from its status. Pure.

A record also remembers what no status says: since when a gate holds the step, and since when the alias
means a version that does not serve yet. After a restart both are taken from the times in the status,
as far as it has them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from sys import intern
from typing import Final

from lockgate.api.conditions import Condition, ConditionStatus, find
from lockgate.api.shares import Role
from lockgate.api.spec import Followed
from lockgate.api.status import ModelDeploymentStatus, Revision
from lockgate.domain.analysis import Measured
from lockgate.names import ConditionType, Reason

GATES: Final = {
    Reason.STEP_HELD: "pause",
    Reason.WAITING_FOR_APPROVAL: "approval",
    Reason.ANALYSIS_RUNNING: "analysis",
    Reason.ANALYSIS_INCONCLUSIVE: "analysis",
}
"""What holds a step, by the reason of `Paused`."""
_ALL_TO_STABLE: Final = ((Role.STABLE.value, 100),)


@dataclass(frozen=True, slots=True)
class Standing:
    """How conditions stand; few ways exist, which thousands of deployments share."""

    phase: str = ""
    reason: str = ""
    conditions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """A release in its track."""

    track: str
    release: str
    version: str
    uri: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """Where a rollout stands: its candidate's release, the step from 1, and seconds since the epoch."""

    candidate: str
    step: int
    steps: int
    started: float | None
    progress: float | None


@dataclass(frozen=True, slots=True)
class Held:
    """Which gate holds which step, and since when."""

    gate: str
    step: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """The version (server and URI) that the alias means while it does not serve, and since when it does."""

    version: tuple[str, str]
    since: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """All that is shown of one ModelDeployment."""

    standing: Standing = Standing()
    followed: Followed | None = None
    releases: tuple[Release, ...] = ()
    traffic: tuple[tuple[str, int], ...] = ()
    ended: tuple[tuple[str, str, int], ...] = ()
    rollout: Rollout | None = None
    measured: tuple[Measured, ...] = ()
    held: Held | None = None
    moved: Moved | None = None

    def with_ended(self, strategy: str, outcome: str) -> "Record":
        """The same after one more rollout ended so."""
        ended = {(known, how): number for known, how, number in self.ended}
        ended[intern(strategy), intern(outcome)] = ended.get((strategy, outcome), 0) + 1
        return replace(self, ended=tuple((*which, number) for which, number in ended.items()))

    def with_measured(self, measured: Sequence[Measured]) -> "Record":
        """The same with what an analysis found of the candidate; without one nothing is measured."""
        if self.rollout is None or self.measured == tuple(measured):
            return self
        return replace(self, measured=tuple(measured))


def record_of(known: Record, status: ModelDeploymentStatus, followed: Followed, now: datetime) -> Record:
    """The record of a status, after the one that was known."""
    ready, rollout = find(status.conditions, ConditionType.READY), _rollout(status)
    traffic = tuple((share.track.value, share.weight) for share in status.traffic)
    traffic += tuple((intern(variant.name), variant.weight) for variant in status.variants)
    return Record(
        standing=Standing(
            phase=status.phase.value if status.phase else "",
            reason=ready.reason.value if ready else "",
            conditions=tuple((one.type.value, one.status.value) for one in status.conditions),
        ),
        followed=known.followed if known.followed == followed else _interned(followed),
        releases=_releases(known, status),
        traffic=_ALL_TO_STABLE if traffic == _ALL_TO_STABLE else traffic,
        ended=known.ended,
        rollout=rollout,
        measured=known.measured if _is_still_measured(known.rollout, rollout, ready) else (),
        held=_held(known.held, status, now),
        moved=_moved(known.moved, status, now),
    )


def hold_ended(before: Record, after: Record, now: datetime) -> tuple[str, float] | None:
    """The gate that holds no longer, and for how many seconds it did."""
    held = before.held
    if held is None or held == after.held:
        return None
    return held.gate, _seconds(held.since, now)


def served_after(before: Record, status: ModelDeploymentStatus, now: datetime) -> float | None:
    """Seconds since the alias first meant what serves from now on; None when that is no news."""
    moved = before.moved
    if moved is None or status.stable is None or _version(status.stable) != moved.version:
        return None
    return _seconds(moved.since, now)


def _interned(followed: Followed) -> Followed:
    told = (followed.collection, followed.alias, followed.strategy, followed.backend)
    return Followed(*map(intern, told))


def _releases(known: Record, status: ModelDeploymentStatus) -> tuple[Release, ...]:
    tracks: list[tuple[Role, Revision | None]] = [
        (Role.STABLE, status.stable),
        (Role.CANDIDATE, status.candidate),
        (Role.PREVIOUS, _before(status)),
    ]
    seen = tuple(_release(role, revision) for role, revision in _once(tracks))
    # What is unchanged is kept, for the text of the new one is another in memory.
    return known.releases if known.releases == seen else seen


def _before(status: ModelDeploymentStatus) -> Revision | None:
    """The release that still gets requests though it is neither of the two, or that is kept warm."""
    rollout = status.rollout
    served = next((share.version for share in status.traffic if share.track is Role.PREVIOUS), None)
    if served is None:
        return rollout.warm
    known = (rollout.warm, *(failure.revision for failure in rollout.failed), status.previous)
    return next((one for one in known if one is not None and one.version == served), None)


def _once(tracks: Sequence[tuple[Role, Revision | None]]) -> Iterator[tuple[Role, Revision]]:
    """Each release in the first of its tracks: who joins by release must find one."""
    seen: list[Revision] = []
    for role, revision in tracks:
        if revision is not None and not any(revision.is_same(known) for known in seen):
            seen.append(revision)
            yield role, revision


def _release(role: Role, revision: Revision) -> Release:
    return Release(role.value, revision.release or "", intern(revision.version), revision.uri)


def _rollout(status: ModelDeploymentStatus) -> Rollout | None:
    state = status.rollout
    if status.candidate is None or state.candidate is None:
        return None
    steps = (status.step or "").partition("/")[2]
    came_further = state.reached_at or state.progressed_at
    return Rollout(
        candidate=state.candidate.release or state.candidate.uri,
        step=state.step + 1,
        steps=int(steps) if steps.isdecimal() else state.step + 1,
        started=state.started_at.timestamp() if state.started_at else None,
        progress=came_further.timestamp() if came_further else None,
    )


def _is_still_measured(known: Rollout | None, rollout: Rollout | None, ready: Condition | None) -> bool:
    """Whether what was measured is still of interest: in its step, and while what it ended is told of."""
    if rollout is None:
        return ready is not None and ready.reason is Reason.ROLLOUT_ABORTED
    return known is not None and (known.candidate, known.step) == (rollout.candidate, rollout.step)


def _held(known: Held | None, status: ModelDeploymentStatus, now: datetime) -> Held | None:
    paused = find(status.conditions, ConditionType.PAUSED)
    if paused is None or paused.status is not ConditionStatus.TRUE or status.candidate is None:
        return None
    gate, step = GATES.get(paused.reason), status.rollout.step
    if gate is None:
        return None
    if known is not None and (known.gate, known.step) == (gate, step):
        return known
    is_first = known is None or known.step != step
    return Held(gate, step, (status.rollout.reached_at or now) if is_first else now)


def _moved(known: Moved | None, status: ModelDeploymentStatus, now: datetime) -> Moved | None:
    desired, stable, rollout = status.desired, status.stable, status.rollout
    if desired is None or stable is None or desired.alias is None or desired.is_same_version(stable):
        return None
    if known is not None and known.version == _version(desired):
        return known
    is_candidate = desired.is_same_version(rollout.candidate)
    return Moved(_version(desired), (rollout.started_at if is_candidate else None) or now)


def _version(revision: Revision) -> tuple[str, str]:
    return revision.source, revision.uri


def _seconds(since: datetime, now: datetime) -> float:
    # A clock that was set back measures nothing.
    return max(0.0, (now - since).total_seconds())
