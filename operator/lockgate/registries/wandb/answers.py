"""The one query that carries many look-ups, and what its answer says of each reference.

Only text and values: nothing here talks to a registry. A null field is an absence of its own;
an answer that is no answer is an outage of its own, and is never taken for absence. What one
model's author wrote never costs another model its answer.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lockgate.domain.ports import Lookup
from lockgate.domain.signature import kept_signature
from lockgate.domain.version import Number, Reference, Version, VersionFacts
from lockgate.errors import (
    AliasNotFound,
    ArtifactPending,
    ArtifactRejected,
    LockgateError,
    RegistryNotFound,
    RegistryUnavailable,
    VersionNotFound,
)
from lockgate.registries.wandb.naming import claim_of, name_of, project_of, uri_of

# Above this, metadata is not read: what it becomes in memory is many times its text.
MOST_METADATA: Final = 2**20
_MOST_MARKS = 100_000
# How much of metadata is kept, for gates: so many values, so deep, and so much of each.
_MOST_KEPT, _DEEPEST_KEPT, _LONGEST_KEPT = 64, 3, 64

_FRAGMENT = """
fragment Version on ArtifactCollectionMembership {
  versionIndex
  artifact { digest state size fileCount metadata }
}
"""


def batch_query(entity: str, references: Sequence[Reference]) -> tuple[str, dict[str, str]]:
    """The query and its variables; every reference must be of the same registry."""
    names = {name: name_of(reference) for name, reference in _named(references)}
    declared = "".join(f", ${name}: String!" for name in names)
    fields = " ".join(
        f"{name}: artifactCollectionMembership(name: ${name}) {{ ...Version }}" for name in names
    )
    query = (
        f"query LockgateLookUp($entity: String!, $project: String!{declared})"
        f" {{ project(name: $project, entityName: $entity) {{ {fields} }} }}{_FRAGMENT}"
    )
    return query, {"entity": entity, "project": project_of(references[0]), **names}


def read_batch(entity: str, references: Sequence[Reference], answer: Any) -> dict[Reference, Lookup]:
    """What the answer says of each reference; raises ValueError when it says nothing usable."""
    match answer:
        case {"project": None}:
            return {reference: no_registry(reference) for reference in references}
        case {"project": {} as project}:
            return {
                reference: _read_or_refuse(entity, reference, project, name)
                for name, reference in _named(references)
            }
    raise ValueError("the answer names no project")


def make_version(
    entity: str,
    reference: Reference,
    *,
    number: str,
    digest: str,
    facts: VersionFacts,
    state: str,
    metadata: object,
) -> Version:
    """A version as both ways of asking describe it; of the metadata so much as may be used."""
    return Version(
        uri=uri_of(entity, reference, number),
        number=number,
        claim=claim_of(digest),
        ready=state == "COMMITTED",
        facts=facts,
        metadata=kept(metadata),
        signature=kept_signature(metadata),
    )


def absent(reference: Reference) -> LockgateError:
    """The registry has no such alias or version. It answers a missing collection the same way."""
    where, wanted = f"collection {reference.collection} of registry {reference.registry}", reference.wanted
    why = "or there is no such collection, or the operator's API key may not see it"
    if isinstance(wanted, Number):
        return VersionNotFound(f"{where} has no version {wanted}, {why}; pin one that exists")
    return AliasNotFound(f"{where} has no alias {wanted}, {why}; give the alias to a version in the registry")


def no_registry(reference: Reference) -> LockgateError:
    """The registry as a whole is missing or out of sight."""
    return RegistryNotFound(
        f"there is no registry {reference.registry} (project {project_of(reference)}), or the operator's API "
        "key may not see it; check spec.model.registry, or let the key's owner read that registry"
    )


def _named(references: Sequence[Reference]) -> list[tuple[str, Reference]]:
    return [(f"n{number}", reference) for number, reference in enumerate(references)]


def _read_or_refuse(entity: str, reference: Reference, project: dict[str, Any], name: str) -> Lookup:
    try:
        return _read_membership(entity, reference, project, name)
    except LockgateError as error:
        return error
    except (ValueError, TypeError, RecursionError, OverflowError):
        return RegistryUnavailable(f"the registry's answer about {reference} cannot be read")


def _read_membership(entity: str, reference: Reference, project: dict[str, Any], name: str) -> Lookup:
    # The field is there even when it is null: an answer without it was cut short.
    match project.get(name, ...):
        case None | {"artifact": None}:
            return absent(reference)
        case {
            "versionIndex": int(number),
            "artifact": {"digest": str(digest), "state": str(state)} as artifact,
        } if type(number) is int and number >= 0 and digest:
            return make_version(
                entity,
                reference,
                number=f"v{number}",
                digest=digest,
                facts=VersionFacts(
                    size=_count(artifact.get("size")), files=_count(artifact.get("fileCount"))
                ),
                state=state,
                metadata=_metadata(reference, artifact.get("metadata")),
            )
        case {"artifact": {"state": "PENDING"}}:
            return ArtifactPending(f"{reference} is a version that is still being uploaded")
    raise ValueError(f"the answer about {reference} cannot be read")


def _count(number: object) -> int:
    if number is None:
        return 0
    if type(number) is not int or number < 0:
        raise ValueError("no number")
    return number


def _metadata(reference: Reference, text: Any) -> object:
    if not text:
        return {}
    try:
        if len(text) > MOST_METADATA or sum(text.count(mark) for mark in ",[{") > _MOST_MARKS:
            raise ValueError("too much")
        return json.loads(text)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactRejected(
            f"the metadata of {reference} cannot be read or is too large; log the model anew with less"
        ) from error


def kept(metadata: object) -> dict[str, Any]:
    """What of a version's metadata may be used, and no more: it is written by whoever logs a model.

    Texts, numbers and truths by short names, in order, also within others; no lists.
    """
    return _kept(metadata, [_MOST_KEPT], _DEEPEST_KEPT)


def _kept(metadata: object, left: list[int], deeper: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in metadata.items() if isinstance(metadata, Mapping) else ():
        if left[0] <= 0 or not isinstance(name, str) or len(name) > _LONGEST_KEPT:
            continue
        if isinstance(value, Mapping) and deeper > 1:
            if inner := _kept(value, left, deeper - 1):
                found[name] = inner
        elif isinstance(value, str | bool | int | float):
            left[0] -= 1
            found[name] = value[:_LONGEST_KEPT] if isinstance(value, str) else value
    return found
