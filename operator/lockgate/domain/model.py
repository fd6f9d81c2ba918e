"""What the registry knows of a model: the reference a user writes and the version it means.

Immutable values only; nothing here talks to a registry.
"""

from dataclasses import dataclass, field
from typing import Any

from lockgate.names import REGISTRY_PROJECT_PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReference:
    """A collection of a registry and an alias, or a version (`v3`) when pinned."""

    registry: str
    collection: str
    selector: str

    @property
    def project(self) -> str:
        """The W&B project that holds the registry."""
        return f"{REGISTRY_PROJECT_PREFIX}{self.registry}"

    @property
    def is_version(self) -> bool:
        """Whether the selector is a version's own number rather than an alias."""
        return self.selector[:1] == "v" and self.selector[1:].isdigit()

    def __str__(self) -> str:
        return f"{self.registry}/{self.collection}:{self.selector}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One immutable version of a collection, as the registry described it.

    `version` is the collection's own number (`v3`), `digest` the hex digest of the W&B manifest,
    `path` the name under which a client can fetch exactly this version
    (`ENTITY/wandb-registry-R/COLLECTION:vN`), `size` bytes, `committed` whether the upload ended.
    """

    path: str
    version: str
    digest: str
    artifact_id: str
    size: int
    file_count: int
    committed: bool
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A summary of a version's manifest: how many files and bytes, and what kinds of files."""

    files: int
    size: int
    references: int
    suffixes: frozenset[str]
    first_reference: str | None = None
