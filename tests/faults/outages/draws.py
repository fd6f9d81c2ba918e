"""Outages as data: which trouble the API server has and for how long, and what changes meanwhile.

They are drawn from a seed before anything runs. Every kind of trouble comes once before one of
them comes again, so that a short run meets them all.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

SHORTEST_SECONDS, LONGEST_SECONDS = 3.0, 45.0
KINDS_SEEN = ("modeldeployments", "modelruntimes", "deployments", "services", "pods")
# Whose calls a trouble meets, by verb; what reads are is both ways of seeing.
READS, ALL = "[lw]*", "*"
WORDS = {
    "list": "lists",
    "watch": "watches",
    READS: "lists and watches",
    "write": "writes",
    ALL: "everything",
}
ANSWERS = (401, 403, 429, 500, 503, "HTML")
SIZES = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, from one share of the round's time to another."""

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    begins: float = 0.0
    ends: float = 1.0

    def __str__(self) -> str:
        said = [f"{name}={WORDS.get(value, value)}" for name, value in self.arguments.items()]
        place = "" if (self.begins, self.ends) == (0.0, 1.0) else f"({self.begins:g}..{self.ends:g})"
        return " ".join(filter(None, [self.kind, *said, place]))


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody changes meanwhile, at which share of the round's time."""

    kind: str
    arguments: dict[str, Any]
    at: float

    def __str__(self) -> str:
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.arguments.items())])


@dataclass(frozen=True, slots=True)
class Round:
    """One outage, from its beginning to the API server's return."""

    seconds: float
    troubles: tuple[Trouble, ...]
    changes: tuple[Change, ...]


def draw_rounds(seed: int) -> Iterator[Round]:
    """The rounds of a seed, without end."""
    dice = random.Random(seed)
    deck, turns = _deck(dice), itertools.count()
    while True:
        seconds = _seconds(dice)
        troubles = [next(deck)]
        if dice.random() < 0.35:
            troubles = _both(dice, troubles[0], next(deck))
        changes = sorted(
            (_change(dice, turns) for _ in range(dice.randint(3, 7))), key=lambda change: change.at
        )
        yield Round(seconds, tuple(troubles), tuple(changes))


def _seconds(dice: random.Random) -> float:
    shortest, longest = dice.choices(
        ((SHORTEST_SECONDS, 12.0), (12.0, 25.0), (25.0, LONGEST_SECONDS)), (5, 3, 2)
    )[0]
    return round(dice.uniform(shortest, longest), 1)


def _both(dice: random.Random, one: Trouble, other: Trouble) -> list[Trouble]:
    at_once = dice.random() < 0.5
    # A door that flaps is not away.
    if at_once and {one.kind, other.kind} != {"away", "flaps"}:
        return [one, other]
    return [
        Trouble(one.kind, one.arguments, 0.0, 0.5),
        Trouble(other.kind, other.arguments, 0.5, 1.0),
    ]


def _deck(dice: random.Random) -> Iterator[Trouble]:
    while True:
        kinds = list(TROUBLES.items())
        dice.shuffle(kinds)
        for name, draw in kinds:
            # What is refused has several entries, one for each of whom it meets.
            yield Trouble(name.split(":")[0], draw(dice))


def _place(dice: random.Random) -> dict[str, Any]:
    return {"resource": "*" if dice.random() < 0.65 else dice.choice(KINDS_SEEN)}


def _refused(verb: str) -> Callable[[random.Random], dict[str, Any]]:
    def draw(dice: random.Random) -> dict[str, Any]:
        answer = dice.choice(ANSWERS)
        # The hint of a 429 is obeyed: the server is back when it said that it would be.
        hint = {"retry_after": dice.choice((1, 5))} if answer == 429 else {}
        return {"verb": verb, "answer": answer, "cuts": dice.random() < 0.5} | hint | _place(dice)

    return draw


TROUBLES: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "away": lambda dice: {},
    "resets": lambda dice: {},
    "silent": lambda dice: {},
    "flaps": lambda dice: {"down": dice.choice((0.2, 1.0, 3.0)), "up": dice.choice((0.1, 0.5, 2.0))},
    "refuses: lists": _refused("list"),
    "refuses: watches": _refused("watch"),
    "refuses: both": _refused(READS),
    "refuses: writes": _refused("write"),
    "refuses: all": _refused(ALL),
    "cuts answers": lambda dice: {"verb": dice.choice(("list", "write", ALL))} | _place(dice),
    "cuts streams": lambda dice: {"in_mid_line": dice.random() < 0.7} | _place(dice),
    "errs in streams": lambda dice: {"code": dice.choice((410, 429, 500))} | _place(dice),
    "mutes streams": _place,
    "drops bookmarks": _place,
    "is slow": lambda dice: {"verb": dice.choice(("list", ALL)), "wait": dice.choice((2.0, 9.0))},
}

_CHILD = ("deployments", "services")
# How often (in shares) what is changed; `of` is drawn below.
CHANGES: dict[str, tuple[int, Callable[[random.Random], dict[str, Any]]]] = {
    "scale": (4, lambda dice: {"size": dice.choice(SIZES)}),
    "ask for more": (3, lambda dice: {"cpu": f"{dice.randint(1, 900)}m"}),
    "move the alias": (4, lambda dice: {}),
    "delete a child": (4, lambda dice: {"kind": dice.choice(_CHILD)}),
    "take the label off": (3, lambda dice: {"kind": dice.choice(_CHILD)}),
    "scale the workload": (2, lambda dice: {"size": dice.choice((0, 4, 5))}),
    "turn the selector": (2, lambda dice: {}),
    "create": (3, lambda dice: {"size": dice.choice(SIZES)}),
    "delete": (2, lambda dice: {}),
    "change the runtime": (1, lambda dice: {"grace": dice.randint(10, 99)}),
}


def _change(dice: random.Random, turns: Iterator[int]) -> Change:
    kind = dice.choices(list(CHANGES), [share for share, _ in CHANGES.values()])[0]
    # In turn: what strangers do to one object again and again is a fight, which is left alone for a while.
    arguments = {"of": next(turns)} | CHANGES[kind][1](dice)
    return Change(kind, arguments, round(dice.uniform(0.02, 0.99), 3))
