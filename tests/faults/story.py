"""Stories: what people, strangers and bad luck do, drawn from a seed and nothing else.

A story is data. It is drawn before anything runs, so that the same seed tells the same story
on every machine, and it can be saved, played again and made shorter.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# Who follows what: namespace, name, collection, alias.
DEPLOYMENTS = (
    (0, "churn", "churn", "production"),
    (0, "fraud", "fraud", "production"),
    (1, "churn", "churn", "production"),
    (1, "late", "fraud", "staging"),
    (1, "guest", "churn", "production"),
)
ALWAYS_THERE = 4
ALIASES = (("churn", "production"), ("fraud", "production"), ("fraud", "staging"))
QUALITIES = (*("good",) * 6, *("wrong bytes",) * 3, "crashes", "pickle", "pending")
CODES = (401, 403, 404, 409, 410, 422, 429, 500, 502, 503, 504)
PAUSES = (0.0, 0.0, 0.05, 0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Action:
    """Something that happens, with its arguments, and how long nothing happens afterwards."""

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    pause: float = 0.0

    def __str__(self) -> str:
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.arguments.items())])


Draw = Callable[[random.Random], dict[str, Any]]
Round = tuple[Action, ...]


def _one(dice: random.Random) -> dict[str, Any]:
    return {"of": dice.randrange(len(DEPLOYMENTS))}


def _with(**choices: tuple[Any, ...]) -> Draw:
    def draw(dice: random.Random) -> dict[str, Any]:
        return _one(dice) | {name: dice.choice(values) for name, values in choices.items()}

    return draw


def _alias(**choices: tuple[Any, ...]) -> Draw:
    def draw(dice: random.Random) -> dict[str, Any]:
        collection, alias = dice.choice(ALIASES)
        drawn = {name: dice.choice(values) for name, values in choices.items()}
        return {"collection": collection, "alias": alias} | drawn

    return draw


def _some(**choices: tuple[Any, ...]) -> Draw:
    return lambda dice: {name: dice.choice(values) for name, values in choices.items()}


RESOURCES = ("*", "*", "*", "modeldeployments", "deployments", "services")
# How often (in shares) what happens, and with which arguments.
CATALOGUE: dict[str, tuple[int, Draw]] = {
    # what people ask for
    "publish": (14, _alias(quality=QUALITIES)),
    "move the alias": (16, _alias(back=(0, 1, 1, 2, 3))),
    "remove the alias": (3, _alias()),
    "pin": (4, _with(back=(0, 1, 2))),
    "unpin": (4, _one),
    "suspend": (3, _one),
    "resume": (4, _one),
    "scale": (6, _with(size=(1, 2, 3, 4))),
    "edit something else": (3, _with(limit=(5, 6, 7, 8))),
    "delete": (3, _one),
    "create": (4, _one),
    # what strangers do
    "scale the workload": (4, _with(size=(0, 1, 5))),
    "take the label off": (3, _with(kind=("deployments", "services"))),
    "turn the selector": (2, _one),
    "delete a child": (8, _with(kind=("deployments", "services"), way=("Background", "Foreground"))),
    "delete a pod": (5, _one),
    "put something in the way": (2, _some(of=(4,), kind=("deployments", "services"))),
    "take it out of the way": (3, _some(of=(4,))),
    # the registry
    "registry: cut": (2, _some(times=(1, 3, 10))),
    "registry: answers": (3, _some(status=(429, 500, 502, 503), times=(1, 3, 10))),
    "registry: HTML": (2, _some(times=(1, 3, 10))),
    "registry: hangs": (2, _some(seconds=(0.5, 3.0))),
    "registry: refuses": (2, _some(seconds=(0.5, 2.0))),
    "registry: denies": (2, _some()),
    # the API server
    "API: answers": (
        9,
        _some(verb=("write", "read", "watch", "*"), status=CODES, resource=RESOURCES, times=(1, 3, 8)),
    ),
    "API: swallows": (5, _some(verb=("write", "read"), resource=RESOURCES, times=(1, 2))),
    "API: half an answer": (2, _some(verb=("write", "read"), resource=RESOURCES, times=(1, 2))),
    "API: HTML": (2, _some(verb=("write", "read", "watch"), resource=RESOURCES, times=(1, 2))),
    "API: slow": (3, _some(verb=("write", "read"), resource=RESOURCES, seconds=(0.5, 2.0))),
    "API: refuses": (3, _some(seconds=(0.5, 2.0))),
    "watch: ends": (4, _some(resource=RESOURCES, code=(410, 429, 500))),
    "watch: cut": (4, _some(resource=RESOURCES, mid=(True, False))),
    "watch: garbage": (2, _some(resource=RESOURCES)),
    "watch: swaps": (2, _some(resource=RESOURCES)),
    # the operator itself
    "kill": (5, _some()),
    "terminate": (2, _some()),
    "stop for a while": (3, _some(seconds=(0.3, 1.5))),
    "clock": (3, _some(seconds=(0.0, 3600.0, -3600.0))),
    # the node
    "no pod becomes ready for now": (3, _some()),
}


# What happens alone in every other round: with nothing else going on, nobody else gives a hint of it.
ALONE = {
    "delete a child": 6,
    "put something in the way": 3,
    "take it out of the way": 2,
    "pin": 2,
    "unpin": 1,
    "suspend": 2,
    "resume": 2,
    "move the alias": 2,
    "publish": 2,
    "scale": 1,
    "scale the workload": 1,
    "take the label off": 1,
    "turn the selector": 1,
    "watch: ends": 1,
    "API: refuses": 1,
}


def draw_rounds(seed: int) -> Iterator[Round]:
    """The rounds of a seed, without end: a crowd of things, then one alone, and so on."""
    dice = random.Random(seed)
    kinds, shares = list(CATALOGUE), [share for share, _ in CATALOGUE.values()]
    while True:
        kind = dice.choices(list(ALONE), list(ALONE.values()))[0]
        yield (Action(kind, CATALOGUE[kind][1](dice)),)
        drawn = dice.choices(kinds, shares, k=dice.randint(3, 9))
        if dice.random() < 0.6:
            # What is to go wrong, before what it is to happen to.
            drawn.sort(key=lambda kind: not kind.startswith(("API", "watch", "registry")))
        yield tuple(Action(kind, CATALOGUE[kind][1](dice), dice.choice(PAUSES)) for kind in drawn)


def save(path: Path, seed: int, rounds: list[Round], violation: str, told: list[str]) -> None:
    """Write a story so that it can be played again."""
    document = {
        "seed": seed,
        "violation": violation,
        "rounds": [[asdict(action) for action in one] for one in rounds],
        "told": told,
    }
    path.write_text(json.dumps(document, indent=1))


def load(path: Path) -> list[Round]:
    """Read a story back."""
    document = json.loads(path.read_text())
    return [tuple(Action(**action) for action in one) for one in document["rounds"]]
