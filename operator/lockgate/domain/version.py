"""What is asked of a registry and what it answers: a reference, the version it means, its contents.

Immutable values in nobody's own words: how one kind of registry spells them is its door's business,
and nothing here takes a URI or a claim apart.
"""

from dataclasses import dataclass, field
from typing import Any

from lockgate.names import DEFAULT_SOURCE


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that people move from version to version."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Number:
    """A version's own number, as people read it (`v3`); it never moves."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What is wanted of a collection, and which of the configured registry servers to ask for it."""

    registry: str
    collection: str
    wanted: Alias | Number
    source: str = DEFAULT_SOURCE

    @property
    def model(self) -> str:
        """The collection as people name it on its server."""
        return f"{self.registry}/{self.collection}"

    def __str__(self) -> str:
        where = "" if self.source == DEFAULT_SOURCE else f"{self.source}/"
        return f"{where}{self.model}:{self.wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """How much there is of a version, as its registry says: bytes and number of files."""

    size: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One immutable version of a collection, as its registry described it.

    `uri` is its name for ever, with the kind of registry as scheme; `number` is what people read;
    `claim` is what the registry says of the bytes, tagged with how that is made, None where it says
    nothing; `ready` tells whether it is there whole. `signature` is what its metadata declares of inputs and
    outputs, as text, for whom it concerns (`domain/signature.py`).
    """

    uri: str
    number: str
    claim: str | None
    ready: bool
    facts: VersionFacts = VersionFacts()
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    signature: str | None = None

    @property
    def identity(self) -> tuple[str, str | None]:
        """Which version it is, with which bytes."""
        return (self.uri, self.claim)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A summary of a version's manifest: how many files and bytes, and what kinds of files."""

    files: int
    size: int
    references: int
    suffixes: frozenset[str]
    first_reference: str | None = None
