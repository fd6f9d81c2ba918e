"""The ways by which requests come, played: the front, the preview, a route, and a gateway with moods.

A gateway serves what is written sooner or later, and says so; or it refuses, is late, says that it serves
what it does not serve yet, or loses its word.
"""

import random
from dataclasses import dataclass
from enum import StrEnum

from lockgate.backends.deployment.served import Word
from lockgate.domain.split import TrafficSplit


class Mood(StrEnum):
    """How a gateway is today."""

    PROMPT = "prompt"
    LATE = "late"
    REFUSING = "refusing"
    LYING = "lying"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Front:
    """The Service of the ModelDeployment's own name: whose pods answer there, None for all."""

    workload: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Route:
    """What is written into a route, in which generation of it."""

    written: TrafficSplit
    generation: int


@dataclass(slots=True)
class Gateway:
    """What it serves, and what it says of which generation."""

    rng: random.Random
    mood: Mood = Mood.PROMPT
    serving: TrafficSplit | None = None
    said: int = 0
    refuses: bool = False

    def look(self, route: Route | None) -> None:
        """It comes to its route, by chance, as its mood lets it."""
        if route is None:
            self.serving, self.said, self.refuses = None, 0, False
            return
        if self.mood is Mood.LYING:
            self.said, self.refuses = route.generation, False
        elif self.mood is Mood.REFUSING:
            self.said, self.refuses = route.generation, True
        elif self.mood is Mood.SILENT:
            self.said = 0
        elif self.mood is Mood.PROMPT or self.rng.random() < 0.2:
            self.serving, self.said, self.refuses = route.written, route.generation, False

    def word(self, route: Route) -> Word:
        """What it says of a route as it is now."""
        if self.said < route.generation:
            return False, None
        return (False, "the gateway does not serve the route: no") if self.refuses else (True, None)
