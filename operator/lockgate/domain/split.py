"""How the traffic is split between workloads. Values only."""

from dataclasses import dataclass, replace
from typing import Final

WHOLE: Final = 100
"""All of the traffic, in percent."""

Weights = tuple[tuple[str, int], ...]
"""Percent of the traffic by the name of the track that gets it, in the order of the tracks."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A variant beside: another ModelDeployment, by whose own address it gets its part.

    `weight` is percent of all requests; those that carry all headers of `match`, and those with the cookie
    (name and value), it gets as well.
    """

    name: str
    weight: int
    match: tuple[tuple[str, str], ...] = ()
    cookie: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSplit:
    """How the traffic is split between workloads; ValueError unless the weights make a hundred.

    `special` is one that gets, beside its weight, every request that carries all headers of `match`,
    and a copy of `mirror` percent of all others, the answer to which is dropped. What `arms` get comes
    off the top: the weights are of what they leave, which is never nothing.
    """

    weights: Weights
    special: str | None = None
    match: tuple[tuple[str, str], ...] = ()
    mirror: int = 0
    arms: tuple[Arm, ...] = ()

    def __post_init__(self) -> None:
        parts = [weight for _, weight in self.weights]
        if sum(parts) != WHOLE or min(parts) < 0 or len(dict(self.weights)) != len(parts):
            raise ValueError(f"weights that make no hundred: {self.weights}")
        if not 0 <= self.mirror <= WHOLE or bool(self.special) != bool(self.match or self.mirror):
            raise ValueError(f"no such share of anybody: {self.special}, {self.mirror} percent")
        if self.arms and (self.left < 1 or any(arm.weight < 0 for arm in self.arms)):
            raise ValueError(f"arms that leave nothing: {self.arms}")

    @property
    def left(self) -> int:
        """Percent of all requests that the arms leave."""
        return WHOLE - sum(arm.weight for arm in self.arms)

    @property
    def own(self) -> "TrafficSplit":
        """The same without arms."""
        return replace(self, arms=()) if self.arms else self

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody who may get requests by it, be it copies or a weight of 0 that is to rise."""
        named = (*(name for name, _ in self.weights), *((self.special,) if self.special else ()))
        return tuple(dict.fromkeys(named))
