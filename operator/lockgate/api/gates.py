"""What must hold of a version before it may roll out at all, as its author wrote it. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

WARNED: Final = "; warned by "
"""Stands in the message of Resolved before what a gate says that refuses nothing."""


@dataclass(frozen=True, slots=True)
class MetadataGate:
    """An expression over what the registry tells of the candidate and of the version that serves."""

    name: str
    expression: str


class SignatureRule(StrEnum):
    """What becomes of a version that stable's clients could not use, or of which that is not known."""

    REQUIRE = "Require"
    WARN = "Warn"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """All of them; each must hold."""

    metadata: tuple[MetadataGate, ...] = ()
    signature: SignatureRule = SignatureRule.IGNORE
