"""Plays one rollout: people do what its story says, and what came of it is measured and judged.

What is promised: no request fails, the answers come as the weights say, nobody without a weight
answers, every write is safe, and an abort is over within ABORT_SECONDS.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.rollouts.ground import Ground
from tests.rollouts.people import Look
from tests.rollouts.shares import Share, measured
from tests.rollouts.story import Rollout, Tale
from tests.rollouts.way import Act, Way
from tests.waiting import wait_until

from lockgate.api.requests import Verb
from lockgate_sandbox.errors import SandboxError

ABORT_SECONDS = 10.0
# Where stable gave up pods for the candidate, they have to start first: nothing takes what it cannot carry.
ABORT_WITH_PODS_SECONDS = 60.0
PATIENCE_SECONDS = 300.0
DEADLINE, SHORT_DEADLINE = "180s", "15s"
# For so long nobody else may have answered before an abort is believed to be over.
_QUIET_SECONDS = 1.5


@dataclass(slots=True)
class Result:
    """How a rollout went; `broken` is what did not hold, in sentences."""

    rollout: Rollout
    ended: str = ""
    seconds: float = 0.0
    requests: int = 0
    failed: int = 0
    shares: list[Share] = field(default_factory=list)
    abort: float | None = None
    writes: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def worst(self) -> Share | None:
        """The share that was furthest off, of those with answers enough for two points."""
        fine = [share for share in self.shares if share.is_fine and share.weight not in (0, 100)]
        return max(fine, key=lambda share: share.off, default=None)


def play(ground: Ground, rollout: Rollout) -> Result:
    """Play it from rest to rest."""
    began, before = time.monotonic(), ground.counts.last
    assert before is not None
    writes, result = ground.witness.writes, Result(rollout)
    try:
        _Play(ground, rollout, result).all_of_it()
    except (AssertionError, SandboxError) as stuck:
        result.ended = "stuck"
        result.broken.append(f"{stuck} (the status says: {ground.people.look()})")
    ended = time.monotonic()
    wait_until("the crowd has counted it all", lambda: _newest(ground) > ended)
    after = ground.counts.last
    assert after is not None
    result.seconds = ended - began
    result.requests, result.failed = after.requests - before.requests, after.failed - before.failed
    result.writes = ground.witness.writes - writes
    if result.failed:
        result.broken.append(f"{result.failed} requests failed: {after.last_failure}")
    if not result.requests:
        result.broken.append("nobody asked")
    for window in ground.witness.windows(began):
        assert window.end is not None
        result.shares += measured(window.weights, ground.counts.between(window.begin, window.end))
    result.broken += [str(share) for share in result.shares if not share.holds]
    result.broken += ground.witness.broken()
    return result


def _newest(ground: Ground) -> float:
    last = ground.counts.last
    return last.at if last else 0.0


class _Play:
    """One rollout under way."""

    def __init__(self, ground: Ground, rollout: Rollout, result: Result) -> None:
        self._ground = ground
        self._people = ground.people
        self._rollout = rollout
        self._result = result
        self._stable = ""

    def all_of_it(self) -> None:
        """From the strategy that its author chooses to the rest after it."""
        rollout = self._rollout
        is_bad = rollout.tale is Tale.NEVER_READY
        self._people.choose(rollout.strategy, rollout.block)
        self._people.edit(
            replicas=rollout.replicas,
            rollback={"keepWarmFor": rollout.keep_warm},
            progressDeadline=SHORT_DEADLINE if is_bad else DEADLINE,
        )
        self._stable = self._people.look().stable
        self._until("it rests before the rollout", lambda look: look.rests_on(self._stable))
        target = self._ground.bad if is_bad else self._version(rollout.ahead)
        self._people.move_alias(target)
        match rollout.tale:
            case Tale.PROMOTED:
                self._promoted(target)
            case Tale.ABORTED | Tale.RETRIED:
                self._aborted(target)
            case Tale.SUPERSEDED:
                self._superseded(target, self._version(3 - rollout.ahead))
            case Tale.PINNED_BACK:
                self._promoted(target)
                self._pinned_back()
            case Tale.PINNED_AMID:
                self._pinned_amid(target)
            case Tale.NEVER_READY:
                self._never_ready(target)
        now = self._people.look().stable
        self._until("it rests after the rollout", lambda look: look.rests_on(now))

    def _version(self, ahead: int) -> str:
        good = self._ground.good
        return good[(good.index(self._stable) + ahead) % len(good)]

    def _promoted(self, target: str) -> None:
        self._way(target).to_the_end()
        self._ended("promoted", (target, "Promoted"))

    def _aborted(self, target: str) -> None:
        asked: list[float] = []

        def abort() -> None:
            asked.append(time.monotonic())
            self._abort(target, asked[0])

        way = self._way(target, abort)
        way.to_the_end()
        if not asked or self._result.abort is None:
            self._ended("promoted, it was too late", (target, "Promoted"))
            return
        self._ended("aborted", (target, "Aborted"))
        if self._rollout.tale is Tale.RETRIED:
            text = self._people.ask(Verb.RETRY)
            self._until("the retry is answered", lambda look: look.answered == text)
            self._way(target).to_the_end()
            self._ended("retried, promoted", (target, "Promoted"))
            return
        self._settle()

    def _abort(self, target: str, asked: float) -> None:
        text = self._people.ask(Verb.ABORT)
        answer = self._until("the abort is answered", lambda look: look.answered == text)
        if answer.outcome == "Refused":
            return
        self._until("all is stable's again", lambda look: look.is_whole and not look.candidate)
        read_back, counts = time.monotonic(), self._ground.counts

        def is_quiet() -> float | None:
            last = max(counts.last_answer_of_others(self._stable, asked), read_back)
            return last if _newest(self._ground) > last + _QUIET_SECONDS else None

        over = wait_until("only stable answers", is_quiet, within=PATIENCE_SECONDS)
        self._result.abort = over - asked
        bound = ABORT_SECONDS if self._rollout.keeps_pods else ABORT_WITH_PODS_SECONDS
        if self._result.abort > bound:
            self._result.broken.append(
                f"the abort took {self._result.abort:.1f} s, of which {read_back - asked:.1f} s until it "
                "was read back"
            )

    def _superseded(self, target: str, newer: str) -> None:
        self._way(target, lambda: self._people.move_alias(newer)).to_the_end(newer)
        self._ended("superseded, promoted", (newer, "Promoted"))

    def _pinned_back(self) -> None:
        self._people.pin(self._stable)
        self._way(self._stable).to_the_end()
        self._ended("promoted, pinned back", (self._stable, "Promoted"))
        self._settle()

    def _pinned_amid(self, target: str) -> None:
        way = self._way(target, lambda: self._people.pin(self._stable))
        way.to_the_end(self._stable)
        self._ended("pinned back amid it")
        self._settle()

    def _never_ready(self, target: str) -> None:
        self._way(target).to_the_end()
        self._ended("given up", (target, "Aborted"))
        self._settle()

    def _settle(self) -> None:
        """The alias means what serves, nothing is pinned, and nobody is to be tried no more."""
        self._people.move_alias(self._stable)
        self._people.pin(None)
        self._until("the alias is followed again", lambda look: look.rests_on(self._stable))
        self._people.forgive(str(self._rollout.number))

    def _way(self, target: str, act: Callable[[], None] | None = None) -> Way:
        told = None if act is None else Act(self._rollout.moment, act)
        return Way(self._ground, self._rollout, target, told)

    def _ended(self, how: str, last: tuple[str, str] | None = None) -> None:
        self._result.ended = how
        found = self._people.look().ended
        if last is not None and found != last:
            self._result.broken.append(f"its history ends with {found} and not with {last}")

    def _until(self, what: str, holds: Callable[[Look], bool]) -> Look:
        def look() -> Look | None:
            found = self._people.look()
            return found if holds(found) else None

        return wait_until(what, look, within=PATIENCE_SECONDS, every=0.1) or self._people.look()
