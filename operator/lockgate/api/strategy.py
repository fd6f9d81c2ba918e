"""How a new version takes over, and by which way its traffic comes, as the author chose it.

Field for field the blocks `spec.strategy`, `spec.traffic` and `spec.variants` of the schema. What a
strategy does is not said here: that is `plan/strategies/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """How long a step is held once it is reached: for a time, or, without one, until it is approved."""

    duration: timedelta | None = None


class Capacity(StrEnum):
    """Whether stable keeps all its pods while a candidate grows, or gives them up as it grows."""

    SURGE = "Surge"
    RESOURCE_AWARE = "ResourceAware"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """Bounds of a rolling replacement, as the Deployment's own fields take them."""

    max_surge: int | str = "25%"
    max_unavailable: int | str = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStep:
    """Percent of the traffic for the candidate, and percent of all pods (that of the traffic unless given).

    `match` are headers by name and value: requests that carry all of them go to the candidate whatever
    the weight. `mirror` is percent of the requests that the candidate gets a copy of.
    """

    weight: int
    replicas: int | None = None
    pause: Pause | None = None
    match: tuple[tuple[str, str], ...] = ()
    mirror: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A growing part of the traffic; after the last step comes all of it."""

    steps: tuple[CanaryStep, ...]
    capacity: Capacity = Capacity.SURGE


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueGreen:
    """The candidate stands whole beside stable, at an address of its own, until it is switched to."""

    pause: Pause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """The candidate gets copies of so many percent of the requests, and answers nobody until the switch."""

    mirror: int = 100
    pause: Pause | None = None


Strategy = Rolling | Canary | BlueGreen | Shadow
STRATEGIES: Final[Mapping[str, type[Strategy]]] = {
    "rolling": Rolling,
    "canary": Canary,
    "blueGreen": BlueGreen,
    "shadow": Shadow,
}
"""By the names of their blocks in a spec."""


def keeps_warm(strategy: Strategy) -> bool:
    """Whether the release before stays ready for a while: not where its pods were replaced, or gave way."""
    if isinstance(strategy, Canary):
        return strategy.capacity is Capacity.SURGE
    return not isinstance(strategy, Rolling)


def name_of(strategy: Strategy) -> str:
    """The name of a strategy's block in a spec."""
    return next(name for name, kind in STRATEGIES.items() if isinstance(strategy, kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """By which of the platform's gateways requests come, at which hostnames, under which path.

    Without hostnames it is the one that the platform makes of the ModelDeployment's name.
    """

    gateway: str
    hostnames: tuple[str, ...] = field(default=())
    path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A long-lived arm beside the ModelDeployment's own: another alias, with a part of the same traffic.

    It is a ModelDeployment called `name`, of `spec`, which rolls out by itself. It gets `weight` percent of
    the requests, each that carries all headers of `match`, and each with the cookie of this name and value.
    """

    name: str
    weight: int
    match: tuple[tuple[str, str], ...]
    cookie: tuple[str, str] | None
    spec: Mapping[str, Any]

    @property
    def has_pods(self) -> bool:
        """Whether any are asked for."""
        return bool(self.spec["replicas"])
