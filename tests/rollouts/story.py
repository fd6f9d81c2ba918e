"""What is drawn of a rollout: how it takes over, what happens to it on its way, and when.

Drawn from a seed and a number and nothing else, so that each rollout can be played again by itself and
is the same on every machine. Nothing here asks or waits for anybody.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = dict[str, Any]
# A share of a tenth is measured in a third of the answers that a half takes (shares.py).
WEIGHTS = (1, 2, 5, 5, 10, 10, 20, 25, 50, 75, 90)
SIZES = (2, 2, 3)
WARM = ("1s", "4s", "8s")


class Tale(StrEnum):
    """What becomes of a rollout."""

    PROMOTED = "promoted"
    ABORTED = "aborted"
    RETRIED = "aborted, retried"
    SUPERSEDED = "superseded"
    PINNED_BACK = "pinned back"
    """Promoted, and then what served before is pinned."""
    PINNED_AMID = "pinned amid it"
    """What serves is pinned before the candidate has taken over."""
    NEVER_READY = "never ready"


class Phase(StrEnum):
    """From which moment on a rollout may be interfered with."""

    BEGUN = "begun"
    HELD = "held"
    PROMOTING = "promoting"


@dataclass(frozen=True, slots=True)
class Moment:
    """So many seconds after a phase of a rollout has begun; `step` is that which is held."""

    phase: Phase
    seconds: float
    step: int = 0

    def __str__(self) -> str:
        where = f" in step {self.step + 1}" if self.phase is Phase.HELD else ""
        return f"{self.seconds:.1f} s after {self.phase}{where}"


@dataclass(frozen=True, slots=True)
class Rollout:
    """One rollout: the block of its strategy, what happens and when, and how far ahead its version is."""

    number: int
    strategy: str
    block: Json
    tale: Tale
    moment: Moment
    ahead: int = 1
    replicas: int = 2
    keep_warm: str = "1s"

    @property
    def story(self) -> str:
        """What happens, in a few words."""
        if self.tale in (Tale.PROMOTED, Tale.PINNED_BACK, Tale.NEVER_READY):
            return str(self.tale)
        return f"{self.tale} {self.moment}"

    @property
    def keeps_pods(self) -> bool:
        """Whether what serves keeps all of its pods to the end, so that going back is a matter of a route."""
        return self.strategy != "rolling" and self.block.get("capacity") != "ResourceAware"

    @property
    def told_strategy(self) -> str:
        """Its strategy with what matters of it."""
        weights = "-".join(str(step["weight"]) for step in self.block.get("steps", ()))
        less = {"ResourceAware": " gives way"}.get(self.block.get("capacity", ""), "")
        mirror = f" {self.block['mirror']}" if "mirror" in self.block else ""
        return f"{self.strategy} {weights}{less}{mirror}".replace("  ", " ").strip()


_LATEST = {Phase.BEGUN: 8.0, Phase.HELD: 3.0, Phase.PROMOTING: 4.0}
# Who stands whole already is switched to at once, and is promoted in no time.
_LATEST_OF_A_SWITCH = 0.5
# In shares of how often.
STRATEGIES = {"canary": 9, "blueGreen": 4, "shadow": 4, "rolling": 4}
TALES = {
    Tale.PROMOTED: 5,
    Tale.ABORTED: 5,
    Tale.RETRIED: 2,
    Tale.SUPERSEDED: 4,
    Tale.PINNED_BACK: 2,
    Tale.PINNED_AMID: 1,
    Tale.NEVER_READY: 1,
}


def draw(seed: int, number: int) -> Rollout:
    """That rollout of the seed."""
    dice = random.Random(f"{seed}:{number}")
    strategy = dice.choices(list(STRATEGIES), list(STRATEGIES.values()))[0]
    block = _block(dice, strategy)
    return Rollout(
        number=number,
        strategy=strategy,
        block=block,
        tale=dice.choices(list(TALES), list(TALES.values()))[0],
        moment=_moment(dice, strategy, block),
        ahead=dice.randint(1, 2),
        replicas=dice.choice(SIZES),
        keep_warm=dice.choice(WARM),
    )


def _block(dice: random.Random, strategy: str) -> Json:
    match strategy:
        case "canary":
            weights = sorted(set(dice.choices(WEIGHTS, k=dice.randint(1, 3))))
            steps = [{"weight": weight, **_pause(dice)} for weight in weights]
            return {"steps": steps, "capacity": dice.choice(("Surge", "ResourceAware"))}
        case "shadow":
            return {"mirror": dice.choice((10, 50, 100)), **_pause(dice)}
        case "blueGreen":
            return _pause(dice)
    return {}


def _pause(dice: random.Random) -> Json:
    """Held until it has been measured, for a time, or not at all."""
    pauses: tuple[Json, ...] = (
        *({"pause": {"untilApproved": True}},) * 4,
        {"pause": {"duration": f"{dice.randint(1, 4)}s"}},
        {},
    )
    return dict(dice.choice(pauses))


def _moment(dice: random.Random, strategy: str, block: Json) -> Moment:
    held = held_steps(block)
    phases = [Phase.BEGUN, Phase.PROMOTING, Phase.PROMOTING, *((Phase.HELD,) * 2 if held else ())]
    # In place all is one step.
    phase = Phase.BEGUN if strategy == "rolling" else dice.choice(phases)
    step = dice.choice(held) if phase is Phase.HELD else 0
    is_switch = phase is Phase.PROMOTING and strategy in ("blueGreen", "shadow")
    latest = _LATEST_OF_A_SWITCH if is_switch else _LATEST[phase]
    return Moment(phase, round(dice.uniform(0.0, latest), 1), step)


def held_steps(block: Json) -> list[int]:
    """The numbers of the steps that wait for an approval."""
    steps = block.get("steps", [block])
    return [number for number, step in enumerate(steps) if "untilApproved" in step.get("pause", {})]
