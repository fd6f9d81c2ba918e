"""The one query that carries many look-ups, and what its answer says of each reference.

Only text and values: nothing here talks to a registry. A null field is an absence of its own;
an answer that is no answer raises ValueError, and is never taken for absence.
"""

import json
from collections.abc import Sequence
from typing import Any

from lockgate.domain.model import ModelReference, ModelVersion
from lockgate.domain.ports import Lookup
from lockgate.errors import AliasNotFound, LockgateError, RegistryNotFound, VersionNotFound

_FRAGMENT = """
fragment Version on ArtifactCollectionMembership {
  versionIndex
  artifact { id digest state size fileCount metadata }
}
"""


def batch_query(entity: str, references: Sequence[ModelReference]) -> tuple[str, dict[str, str]]:
    """The query and its variables; every reference must be of the same registry."""
    names = {name: f"{r.collection}:{r.selector}" for name, r in _named(references)}
    declared = "".join(f", ${name}: String!" for name in names)
    fields = " ".join(
        f"{name}: artifactCollectionMembership(name: ${name}) {{ ...Version }}" for name in names
    )
    query = (
        f"query LockgateLookUp($entity: String!, $project: String!{declared})"
        f" {{ project(name: $project, entityName: $entity) {{ {fields} }} }}{_FRAGMENT}"
    )
    return query, {"entity": entity, "project": references[0].project, **names}


def read_batch(
    entity: str, references: Sequence[ModelReference], answer: Any
) -> dict[ModelReference, Lookup]:
    """What the answer says of each reference; raises ValueError when it says nothing usable."""
    match answer:
        case {"project": None}:
            return {reference: no_registry(reference) for reference in references}
        case {"project": {} as project}:
            return {
                reference: _read_membership(entity, reference, project, name)
                for name, reference in _named(references)
            }
    raise ValueError("the answer names no project")


def make_version(
    entity: str,
    reference: ModelReference,
    *,
    version: str,
    digest: str,
    artifact_id: str,
    size: int,
    file_count: int,
    state: str,
    metadata: dict[str, Any],
) -> ModelVersion:
    """A version as both ways of asking describe it."""
    return ModelVersion(
        path=f"{entity}/{reference.project}/{reference.collection}:{version}",
        version=version,
        digest=digest,
        artifact_id=artifact_id,
        size=size,
        file_count=file_count,
        committed=state == "COMMITTED",
        metadata=metadata,
    )


def absent(reference: ModelReference) -> LockgateError:
    """The registry has no such alias or version. It answers a missing collection the same way."""
    where = f"collection {reference.collection} of registry {reference.registry}"
    why = "or there is no such collection, or the operator's API key may not see it"
    if reference.is_version:
        return VersionNotFound(f"{where} has no version {reference.selector}, {why}; pin one that exists")
    return AliasNotFound(
        f"{where} has no alias {reference.selector}, {why}; give the alias to a version in the registry"
    )


def no_registry(reference: ModelReference) -> LockgateError:
    """The registry as a whole is missing or out of sight."""
    return RegistryNotFound(
        f"there is no registry {reference.registry} (project {reference.project}), or the operator's API "
        "key may not see it; check spec.model.registry, or give the key's owner the role of a viewer"
    )


def _named(references: Sequence[ModelReference]) -> list[tuple[str, ModelReference]]:
    return [(f"n{number}", reference) for number, reference in enumerate(references)]


def _read_membership(entity: str, reference: ModelReference, project: dict[str, Any], name: str) -> Lookup:
    # The field is there even when it is null: an answer without it was cut short.
    match project.get(name, ...):
        case None | {"artifact": None}:
            return absent(reference)
        case {
            "versionIndex": int(number),
            "artifact": {"id": str(id_), "digest": str(digest), "state": str(state)} as artifact,
        } if type(number) is int and number >= 0 and id_ and digest:
            return make_version(
                entity,
                reference,
                version=f"v{number}",
                digest=digest,
                artifact_id=id_,
                size=int(artifact.get("size") or 0),
                file_count=int(artifact.get("fileCount") or 0),
                state=state,
                metadata=_metadata(artifact.get("metadata")),
            )
    raise ValueError(f"the answer about {reference} cannot be read")


def _metadata(text: Any) -> dict[str, Any]:
    metadata = json.loads(text or "{}")
    return metadata if isinstance(metadata, dict) else {}
