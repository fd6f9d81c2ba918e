"""What must hold of a version before it may roll out at all, as its author wrote it. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetadataGate:
    """An expression over what the registry tells of the candidate and of the version that serves."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """All of them; each must hold."""

    metadata: tuple[MetadataGate, ...] = ()
