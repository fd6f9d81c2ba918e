"""What the stand-in for a gateway says of a route or a gateway: the fates these can meet, and the lies.

Pure: a fate, a generation and the clock in, conditions out, in the order in which they are reported.
Which routes a gateway serves, and whether what they refer to is there, is for the actor to find out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_never

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepts:
    """All is well, as far as it is: a backend that is not there is still told of."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Nobody ever says anything, as when no controller looks after it."""


@dataclass(frozen=True, slots=True)
class Refuses:
    """It is not accepted at all."""

    reason: str = "NotAllowedByListeners"
    message: str = "no listener takes it"


@dataclass(frozen=True, slots=True)
class RefusesRef:
    """It is accepted, and what it refers to (of a gateway: its address) is not usable."""

    reason: str = "BackendNotFound"
    message: str = "a backend is not there"


@dataclass(frozen=True, slots=True)
class StaysBehind:
    """All is well with the generation so many before: the present one has not been looked at."""

    by: int = 1


@dataclass(frozen=True, slots=True)
class TakesBack:
    """All is well, is said first, and then that it is not accepted."""

    reason: str = "NoMatchingParent"
    message: str = "the data plane did not take it"


Fate = Accepts | Silent | Refuses | RefusesRef | StaysBehind | TakesBack


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said at one time: of the thing itself, and of what it refers to. No reason means yes."""

    generation: int
    refused: tuple[str, str] | None = None
    unresolved: tuple[str, str] | None = None


def verdicts(fate: Fate, generation: int) -> list[Verdict]:
    """What is said one after the other of an object of that generation, the last lasting."""
    match fate:
        case Accepts():
            return [Verdict(generation)]
        case Silent():
            return []
        case Refuses(reason, message):
            return [Verdict(generation, refused=(reason, message))]
        case RefusesRef(reason, message):
            return [Verdict(generation, unresolved=(reason, message))]
        case StaysBehind(by):
            return [Verdict(generation - by)] if generation > by else []
        case TakesBack(reason, message):
            return [Verdict(generation), Verdict(generation, refused=(reason, message))]
        case other:
            assert_never(other)


def conditions(verdict: Verdict, second: str, now: str, before: Sequence[Json] = ()) -> list[Json]:
    """`Accepted`, and `second` (ResolvedRefs of a route, Programmed of a gateway), as a status has them.

    A condition that was `before` keeps its time unless its status changes.
    """
    told = {"Accepted": verdict.refused, second: verdict.refused or verdict.unresolved}
    if second == "ResolvedRefs":
        # Whether references lead anywhere does not hang on whether the route is accepted.
        told[second] = verdict.unresolved
    since = {(was["type"], was["status"]): was["lastTransitionTime"] for was in before}
    return [
        {
            "type": kind,
            "status": (status := "False" if trouble else "True"),
            "reason": trouble[0] if trouble else kind,
            "message": trouble[1] if trouble else "",
            "observedGeneration": verdict.generation,
            "lastTransitionTime": since.get((kind, status), now),
        }
        for kind, trouble in told.items()
    ]
