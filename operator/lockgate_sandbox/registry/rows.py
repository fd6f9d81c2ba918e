"""What the registry stores, one frozen record per table row, and the ids the outside sees.

Field order is column order: `database.py` selects by these fields. Nothing here touches the database.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum

from lockgate_sandbox.registry.errors import Invalid

REGISTRY_PREFIX = "wandb-registry-"


class ArtifactState(StrEnum):
    PENDING = "PENDING"
    COMMITTED = "COMMITTED"
    DELETED = "DELETED"


class CollectionKind(StrEnum):
    SEQUENCE = "SEQUENCE"
    PORTFOLIO = "PORTFOLIO"


@dataclass(frozen=True, slots=True)
class Project:
    """A project; one whose name starts with `wandb-registry-` under the org's entity is a registry."""

    id: int
    entity: str
    name: str
    description: str | None
    access: str
    artifact_types: str | None  # JSON list, or None when every type is allowed
    created_at: str
    updated_at: str

    @property
    def is_registry(self) -> bool:
        return self.name.startswith(REGISTRY_PREFIX)

    @property
    def short_name(self) -> str:
        """The registry's name as people say it: `model` for `wandb-registry-model`."""
        return self.name.removeprefix(REGISTRY_PREFIX)


@dataclass(frozen=True, slots=True)
class Run:
    id: int
    project_id: int
    name: str
    display_name: str
    description: str | None
    notes: str | None
    tags: str  # JSON list
    group_name: str | None
    job_type: str | None
    config: str
    summary: str
    state: str
    user: str
    created_at: str
    heartbeat_at: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A sequence (versions that runs logged) or a portfolio (versions that were linked)."""

    id: int
    project_id: int
    kind: str
    name: str
    type: str
    description: str | None
    state: str
    client_id: str | None
    next_version: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Artifact:
    id: int
    sequence_id: int
    type: str
    version_index: int | None
    digest: str
    state: str
    description: str | None
    metadata: str | None
    wanted_aliases: str  # JSON list, applied when the artifact is committed
    size: int
    file_count: int
    ttl_seconds: int | None
    history_step: int | None
    run_id: int | None
    user: str
    client_id: str | None
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Membership:
    """An artifact's place in one collection: `v<version_index>` there."""

    id: int
    collection_id: int
    artifact_id: int
    version_index: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Alias:
    id: int
    collection_id: int
    membership_id: int
    alias: str


@dataclass(frozen=True, slots=True)
class Manifest:
    id: int
    artifact_id: int
    digest: str
    is_base: int  # 1 for the manifest that describes the whole artifact


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One entry of a committed manifest; `digest` is base64 MD5, or whatever the reference carries."""

    id: int
    artifact_id: int
    path: str
    digest: str
    size: int
    ref: str | None
    birth_artifact_id: str | None
    updated_at: str


@dataclass(frozen=True, slots=True)
class Tag:
    id: int
    owner: str  # "artifact:<id>" or "collection:<id>"
    name: str


def global_id(kind: str, number: int | str) -> str:
    """The opaque id the outside sees, for example of `Artifact` 7."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


def local_id(kind: str, opaque: str) -> int:
    """The row number behind an opaque id.

    Raises:
        Invalid: the id is not one of that kind.
    """
    try:
        found, _, number = base64.b64decode(opaque, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        found, number = "", ""
    if found != kind or not number.isdigit():
        raise Invalid(f"id {opaque!r} is not the id of a {kind}")
    return int(number)
