"""The way of one candidate to the end: each step is held until it has been measured, and then approved.

At its moment somebody does something to the rollout. Where the way led to is for others to judge.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.rollouts.ground import Ground
from tests.rollouts.people import Look
from tests.rollouts.shares import answers_for
from tests.rollouts.story import Moment, Phase, Rollout
from tests.waiting import wait_until

from lockgate.api.requests import Verb

PATIENCE_SECONDS = 400.0


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does, and when."""

    moment: Moment
    do: Callable[[], None]


class Way:
    """One candidate, from the moment on in which it is wanted."""

    def __init__(self, ground: Ground, rollout: Rollout, target: str, act: Act | None) -> None:
        self._ground = ground
        self._steps = rollout.block.get("steps", [rollout.block])
        self._target = target
        self._act = act
        self._since: dict[tuple[Phase, int], float] = {}
        self._approved: set[tuple[str, int]] = set()
        self._has_begun = False

    def to_the_end(self, serves: str = "") -> None:
        """Until the target, or who takes its place, serves alone, or what was done has ended it."""
        ends = serves or self._target

        def is_over() -> bool:
            look = self._ground.people.look()
            # Until then its history may tell of the same version in a rollout before.
            self._has_begun |= look.candidate == self._target
            if self._act is not None:
                if self._is_due(look, self._act.moment):
                    do, self._act = self._act.do, None
                    do()
                elif look.rests_on(self._target):
                    # It came too late; who waits for another version has to have it asked for.
                    do, self._act = self._act.do, None
                    do()
                return False
            is_given_up = look.ended == (self._target, "Aborted")
            if self._has_begun and is_given_up and look.is_whole and not look.candidate:
                return True
            self._approve_once_measured(look)
            return look.rests_on(ends)

        wait_until(f"{ends} serves", is_over, within=PATIENCE_SECONDS, every=0.1)

    def _is_due(self, look: Look, moment: Moment) -> bool:
        if look.candidate != self._target:
            return False
        now = time.monotonic()
        self._since.setdefault((Phase.BEGUN, 0), now)
        if look.waits_for_approval:
            self._since.setdefault((Phase.HELD, look.step), now)
        if moment.phase is not Phase.HELD or moment.step != look.step:
            self._approve_once_measured(look)
        if self._is_promoting(look):
            self._since.setdefault((Phase.PROMOTING, 0), now)
        since = self._since.get((moment.phase, moment.step))
        return since is not None and now >= since + moment.seconds

    def _is_promoting(self, look: Look) -> bool:
        last = len(self._steps) - 1
        if look.step > last:
            return True
        if look.step < last or not look.is_reached:
            return False
        pause = self._steps[last].get("pause", {})
        if "untilApproved" in pause:
            return (look.candidate, last) in self._approved
        seconds = int(re.sub(r"\D", "", pause.get("duration", "")) or 0)
        return time.monotonic() >= self._since.setdefault((Phase.HELD, last), time.monotonic()) + seconds

    def _approve_once_measured(self, look: Look) -> None:
        if not look.waits_for_approval or (look.candidate, look.step) in self._approved:
            return
        weight = self._steps[look.step].get("weight", 0)
        windows = self._ground.witness.windows(0.0)
        if not windows or windows[-1].weights.get(look.candidate, 0) != weight:
            return
        end = windows[-1].end
        assert end is not None
        if sum(self._ground.counts.between(windows[-1].begin, end).values()) >= answers_for(weight):
            self._approved.add((look.candidate, look.step))
            self._ground.people.ask(Verb.APPROVE, look.release)
