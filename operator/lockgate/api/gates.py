"""What must hold of a version before it may roll out at all, as its author wrote it. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lockgate.api.limits import RELEASE_LIMIT, VERSION_LIMIT
from lockgate.sentences import cause, is_name

WARNED: Final = "; warned by "
"""Stands in the message of Resolved before what a gate says that refuses nothing."""


@dataclass(frozen=True, slots=True)
class MetadataGate:
    """An expression over what the registry tells of the candidate and of the version that serves."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class WebhookGate:
    """A service of the platform that is asked, by the name that the platform gave it."""

    name: str


class GateRule(StrEnum):
    """What becomes of a version with which a gate finds fault, or of which it cannot tell."""

    REQUIRE = "Require"
    WARN = "Warn"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """All of them; each must hold."""

    metadata: tuple[MetadataGate, ...] = ()
    signature: GateRule = GateRule.IGNORE
    runtime: GateRule = GateRule.REQUIRE
    webhook: tuple[WebhookGate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A version that a service refused, kept in the status so that it is not asked about again.

    `recipe` tells for which question that holds.
    """

    version: str
    recipe: str
    message: str

    def __post_init__(self) -> None:
        if not is_name(self.version, VERSION_LIMIT) or not is_name(self.recipe, RELEASE_LIMIT):
            raise ValueError("a refusal names its version and its question")
        object.__setattr__(self, "message", cause(self.message))
