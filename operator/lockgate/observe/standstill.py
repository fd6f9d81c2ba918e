"""For how long has each candidate come no further?

Counted by a clock of this process that goes on while the cluster is seen: neither a wall clock that
jumps nor an API server that is away aborts a good version, or keeps a bad one. What happened before
this process first looked is known only by the wall clock; it counts for at most half of the deadline.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockgate.api.spec import ModelDeployment
from lockgate.domain.marks import Marks, furthest
from lockgate.domain.patience import patience_with
from lockgate.domain.resources import Key


@dataclass(slots=True)
class _Seen:
    part: tuple[object, ...]
    marks: Marks
    since: float


class Standstill:
    """The memory of one process; losing it costs a candidate's patience, never its correctness."""

    def __init__(self, clock: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._seen: dict[Key, _Seen | None] = {}

    def unmoved(self, deployment: ModelDeployment, recipe: str, marks: Marks) -> timedelta:
        """How long the candidate of this recipe has stood still in its step, these marks taken in."""
        now, rollout = self._monotonic(), deployment.status.rollout
        # On its way to a step it is late by itself; how long another was held there counts for nothing.
        part = (recipe, rollout.started_at, rollout.step, rollout.reached_at is None)
        seen = self._seen.get(deployment.key)
        if seen is None or seen.part != part:
            is_known = deployment.key in self._seen
            seen = _Seen(part, marks, now - (0.0 if is_known else self._before(deployment)))
            self._seen[deployment.key] = seen
        elif (further := furthest(seen.marks, marks)) != seen.marks:
            seen.marks, seen.since = further, now
        return timedelta(seconds=max(0.0, now - seen.since))

    def rests(self, deployment: Key) -> None:
        """Nothing rolls out there, or it is held: what comes next, comes before our eyes."""
        self._seen[deployment] = None

    def forget(self, deployment: Key) -> None:
        """It is gone."""
        self._seen.pop(deployment, None)

    def _before(self, deployment: ModelDeployment) -> float:
        state = deployment.status.rollout
        told, candidate = state.progressed_at, state.candidate
        if told is None or candidate is None:
            return 0.0
        passed = min(self._clock() - told, patience_with(deployment, candidate) / 2)
        return max(0.0, passed.total_seconds())
