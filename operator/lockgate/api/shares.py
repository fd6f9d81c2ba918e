"""Who gets which part of the traffic, as a status tells it. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

VARIANT_LIMIT: Final = 52


class Role(StrEnum):
    """The part that a version plays in a rollout."""

    STABLE = "stable"
    CANDIDATE = "candidate"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficShare:
    """A part of the traffic in percent, and the track that gets it."""

    track: Role
    version: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantShare:
    """A part in percent, and the variant that gets it: its ModelDeployment, and what serves there."""

    name: str
    version: str | None
    weight: int
