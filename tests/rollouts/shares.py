"""Do as many answers come from a version as its weight says, as far as so many answers can tell?

Each answer is drawn by the gateway, so n of them with a weight p scatter by sqrt(p (1 - p) / n). Pure.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TOLERANCE = 0.02
# How many standard errors what is measured may be off by chance: one step in some fifteen thousand is.
SIGMAS = 4.0


@dataclass(frozen=True, slots=True)
class Share:
    """How many of so many answers came from a version that had this weight, in percent."""

    version: str
    weight: int
    came: int
    answers: int

    @property
    def off(self) -> float:
        """How far what was measured is from the weight, 0 to 1."""
        return abs(self.came / self.answers - self.weight / 100)

    @property
    def scatter(self) -> float:
        """How far it may be by chance."""
        p = self.weight / 100
        return SIGMAS * math.sqrt(p * (1 - p) / self.answers)

    @property
    def is_fine(self) -> bool:
        """Whether two points are meant to be seen in so many answers, and are not exceeded by chance."""
        return self.scatter <= TOLERANCE

    @property
    def holds(self) -> bool:
        """Within two points, or within chance where there are too few answers; nothing without a weight."""
        if self.weight in (0, 100):
            return self.off == 0
        return self.off <= max(TOLERANCE, self.scatter)

    def __str__(self) -> str:
        return f"{self.came} of {self.answers} answers by {self.version}, whose weight is {self.weight} %"


def answers_for(weight: int) -> int:
    """From how many answers on two points are beyond chance."""
    p = weight / 100
    return max(200, math.ceil(p * (1 - p) * (SIGMAS / TOLERANCE) ** 2))


def measured(weights: Mapping[str, int], came: Mapping[str, int]) -> Iterable[Share]:
    """The share of each version that has a weight, and of each that answered all the same."""
    answers = sum(came.values())
    for version in sorted({*weights, *came}) if answers else ():
        yield Share(version, weights.get(version, 0), came.get(version, 0), answers)
