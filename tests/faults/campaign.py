"""A campaign: one story of a seed for so many minutes, told as it goes, and what came of it."""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.play import Play, Tally, Violation, staged
from tests.faults.shrink import shrink
from tests.faults.story import Round, draw_rounds
from tests.integration.nest import ROOT, Nest

from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.running import RunningWorld

SHRINK_REPLAYS, SHRINK_SECONDS = 12, 400.0


@dataclass(slots=True)
class Stand:
    """Where stories are played: a world, who the operator is in it, its node, the code, and who starts it."""

    world: RunningWorld
    identity: Path
    actor: NodeActor
    code: Path = ROOT / "operator"
    nest: Nest | None = None


def say(text: str) -> None:
    """Progress, on stderr, at once."""
    print(text, file=sys.stderr, flush=True)


def play(
    stand: Stand, rounds: Iterable[Round], *, until: float, on_round: Callable[[Round, Play], None]
) -> tuple[Tally, Violation | None]:
    """Play rounds until a moment (of the monotonic clock) or a violation."""
    with staged(stand.world, stand.identity, stand.actor, stand.code, stand.nest) as one:
        try:
            one.begin()
            for actions in rounds:
                if time.monotonic() > until:
                    break
                on_round(actions, one)
                one.round(actions)
        except Violation as violation:
            return one.tally, violation
        return one.tally, None


def campaign(
    stand: Stand, seed: int, minutes: float, *, quiet: bool = False
) -> tuple[Tally, Violation | None, list[Round]]:
    """The story of a seed; with a violation also the rounds that led to it."""
    played: list[Round] = []
    began = time.monotonic()

    def tell(actions: Round, one: Play) -> None:
        played.append(actions)
        if not quiet:
            passed = time.monotonic() - began
            say(
                f"faults: {passed:5.0f} s, round {len(played)}, {one.tally.steps} steps "
                f"({60 * one.tally.steps / max(passed, 1):.0f} a minute), {one.tally.faults} faults met, "
                f"{one.tally.checks} checks"
            )

    tally, violation = play(stand, draw_rounds(seed), until=began + 60 * minutes, on_round=tell)
    return tally, violation, played


def shortest(
    stand: Stand, rounds: list[Round], violation: Violation, *, replays: int = SHRINK_REPLAYS
) -> list[Round]:
    """The story again and again, shorter each time, as long as it breaks the same invariant."""

    def fails(shorter: list[Round]) -> bool:
        tally, found = play(stand, shorter, until=time.monotonic() + 240, on_round=lambda *_: None)
        same = found is not None and found.invariant == violation.invariant
        say(f"shrinking: {tally.steps} steps {'still break it' if same else 'do not'}")
        return same

    return shrink(rounds, fails, replays=replays, seconds=SHRINK_SECONDS)


def report(tally: Tally, violation: Violation | None) -> str:
    """The last lines."""
    done = f"{tally.rounds} rounds, {tally.steps} steps, {tally.faults} faults met"
    seen = f"{tally.changes} writes seen, {tally.checks} invariant checks"
    lines = [
        f"{done}, {seen}, slowest return to rest {tally.slowest:.1f} s",
        f"{1 if violation else 0} violations",
    ]
    if violation:
        lines += [f"violated: {violation.invariant}", f"  {violation.what}", "what happened before:"]
        lines += [f"  {line}" for line in violation.told]
    return "\n".join(lines)
