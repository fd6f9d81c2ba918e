"""What is promised of when a rollout begins, by what anybody can see who looks at each pass.

It keeps a book of its own of what was asked for since when, and of when rollouts ended. A clock that jumps
and a status that is lost let everybody off until the next end.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lockgate.api.lifecycle import Supersede
from lockgate.api.requests import Verb
from lockgate.api.status import RolloutState
from lockgate.domain.observed import Target
from lockgate.domain.plan import Plan

if TYPE_CHECKING:
    from tests.fakes.histories import History


class Patience:
    """The book of one history."""

    def __init__(self) -> None:
        self.version, self.since = "", 0.0
        self.told = (self.version, self.since)
        self.ended: float | None = None
        self.soak = timedelta()
        self.clock: datetime | None = None
        self.monotonic = 0.0
        self.asked = False

    def looks(self, world: History, target: Target | None) -> None:
        """A pass sees what is asked for."""
        passed = timedelta(seconds=world.monotonic - self.monotonic)
        if self.clock is None or world.now - self.clock != passed:
            self.since, self.ended = -1e9, None
            world.met["waits through a jump"] += world.state.awaited is not None
        self.clock, self.monotonic = world.now, world.monotonic
        self.told = (self.version, self.since)
        if target is not None and target.revision.version != self.version:
            self.version, self.since = target.revision.version, world.monotonic

    def was_killed(self) -> None:
        """What the pass saw nobody knows any more."""
        self.version, self.since = self.told

    def is_told(self, world: History, before: RolloutState, plan: Plan) -> None:
        """A pass has said what it makes of it."""
        after = plan.state
        world.met["waits"] += after.awaited is not None
        if after.candidate is not None and not after.candidate.is_same(before.candidate):
            self._begins(world, before, plan)
        world.met["queued"] += after.awaited is not None and "is through" in plan.decision.message
        if before.candidate is not None and after.candidate is None:
            self.ended = world.monotonic if world.settle.soak else None

    def _begins(self, world: History, before: RolloutState, plan: Plan) -> None:
        candidate, stable = plan.state.candidate, before.stable
        assert candidate is not None
        is_free = stable is None or before == RolloutState() or before.unproven or world.has_lost
        if is_free or world.pin or before.at_once or plan.state.trigger == "Retried":
            return
        # What failed is tried again for a person alone, who may have asked a while ago by the annotation.
        has_failed = any(failure.revision.is_same(candidate) for failure in before.failed)
        if has_failed or world.asked_for(Verb.RETRY):
            return
        is_news = not candidate.is_same_version(stable) and not candidate.is_same_version(before.candidate)
        if before.candidate is not None and before.frozen is None:
            assert world.supersede is Supersede.RESTART, "it does not wait for its turn"
        if is_news:
            assert world.monotonic - self.since >= world.settle.debounce.total_seconds(), "it begins too soon"
        if before.candidate is None and self.ended is not None and before.ended_at is not None:
            passed = world.monotonic - self.ended
            assert passed >= world.settle.soak.total_seconds(), f"{passed} s after the one before"
