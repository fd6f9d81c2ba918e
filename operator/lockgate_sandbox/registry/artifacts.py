"""An artifact's life: created (pending), its manifest and files uploaded, committed, changed, deleted.

Committing is one transaction: the files, the version number and the aliases appear together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lockgate_sandbox.registry.blobs import md5_hex
from lockgate_sandbox.registry.database import now
from lockgate_sandbox.registry.errors import Conflict, Invalid
from lockgate_sandbox.registry.rows import (
    Alias,
    Artifact,
    ArtifactState,
    Collection,
    CollectionKind,
    Manifest,
    Membership,
    Project,
    StoredFile,
)
from lockgate_sandbox.registry.store import Store
from lockgate_sandbox.registry.versions import add_version, ensure_collection, remove_version


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArtifact:
    """What a client says when it begins an artifact."""

    project: Project
    collection: str
    type: str
    digest: str
    user: str
    run_id: int | None = None
    description: str | None = None
    metadata: str | None = None
    aliases: tuple[str, ...] = ()
    ttl_seconds: int | None = None
    history_step: int | None = None
    client_id: str | None = None
    sequence_client_id: str | None = None
    reuse_same_digest: bool = False


def create(store: Store, new: NewArtifact) -> Artifact:
    """Begins an artifact, or answers the committed one that has the same content already."""
    with store.db.transaction():
        if new.client_id and (known := find_by_client_id(store, new.client_id)):
            return known
        sequence = ensure_collection(
            store, new.project, CollectionKind.SEQUENCE, new.collection, new.type, new.sequence_client_id
        )
        if new.reuse_same_digest and (same := _same_content(store, sequence, new.digest)):
            add_version(store, sequence, same, new.aliases)
            return same
        moment = now()
        number = store.db.insert(
            Artifact,
            sequence_id=sequence.id,
            type=new.type,
            digest=new.digest,
            state=ArtifactState.PENDING,
            description=new.description,
            metadata=new.metadata,
            wanted_aliases=json.dumps(new.aliases),
            size=0,
            file_count=0,
            ttl_seconds=new.ttl_seconds,
            history_step=new.history_step,
            run_id=new.run_id,
            user=new.user,
            client_id=new.client_id,
            created_at=moment,
            updated_at=moment,
        )
        return store.db.get(Artifact, number)


def find_by_client_id(store: Store, client_id: str) -> Artifact | None:
    return store.db.find(Artifact, "WHERE client_id = ? AND state != 'DELETED'", client_id)


def _same_content(store: Store, sequence: Collection, digest: str) -> Artifact | None:
    return store.db.find(
        Artifact,
        "WHERE sequence_id = ? AND digest = ? AND state = 'COMMITTED' ORDER BY id DESC",
        sequence.id,
        digest,
    )


def begin_manifest(store: Store, artifact: Artifact, digest: str, *, is_base: bool) -> Manifest:
    """The manifest to be uploaded next; asking again for the same kind answers the same one."""
    with store.db.transaction():
        where = "WHERE artifact_id = ? AND is_base = ?"
        known = store.db.find(Manifest, where, artifact.id, int(is_base))
        if known is None:
            number = store.db.insert(Manifest, artifact_id=artifact.id, digest=digest, is_base=int(is_base))
            return store.db.get(Manifest, number)
        store.db.update(Manifest, known.id, digest=digest)
        return store.db.get(Manifest, known.id)


def base_manifest(store: Store, artifact: Artifact) -> Manifest | None:
    return store.db.find(Manifest, "WHERE artifact_id = ? AND is_base = 1", artifact.id)


def commit(store: Store, artifact: Artifact) -> Artifact:
    """Makes the artifact a version of its sequence. Committing twice changes nothing.

    Raises:
        Invalid: its manifest or one of its files was never uploaded.
        Conflict: it was deleted.
    """
    if artifact.state == ArtifactState.COMMITTED:
        return artifact
    if artifact.state == ArtifactState.DELETED:
        raise Conflict("the artifact was deleted and cannot be committed")
    entries = _entries(store, artifact)
    with store.db.transaction():
        for path, entry in entries.items():
            _add_file(store, artifact, path, entry)
        files = files_of(store, artifact)
        sequence = store.db.get(Collection, artifact.sequence_id)
        member = add_version(store, sequence, artifact, json.loads(artifact.wanted_aliases))
        store.db.update(
            Artifact,
            artifact.id,
            state=ArtifactState.COMMITTED,
            version_index=member.version_index,
            size=sum(file.size for file in files),
            file_count=len(files),
            updated_at=now(),
        )
    return store.db.get(Artifact, artifact.id)


def _entries(store: Store, artifact: Artifact) -> dict[str, dict[str, Any]]:
    manifest = base_manifest(store, artifact)
    path = None if manifest is None else store.blobs.manifest(manifest.id)
    if path is None or not path.exists():
        raise Invalid("the artifact's manifest was not uploaded; upload it before committing")
    entries: dict[str, dict[str, Any]] = json.loads(path.read_bytes())["contents"]
    for name, entry in entries.items():
        if not entry.get("ref") and not store.blobs.content(md5_hex(entry["digest"])).exists():
            raise Invalid(f"file {name!r} of the manifest was not uploaded; upload it before committing")
    return entries


def _add_file(store: Store, artifact: Artifact, path: str, entry: dict[str, Any]) -> None:
    store.db.insert(
        StoredFile,
        artifact_id=artifact.id,
        path=path,
        digest=entry["digest"],
        size=entry.get("size") or 0,
        ref=entry.get("ref"),
        birth_artifact_id=entry.get("birthArtifactID"),
        updated_at=now(),
    )


def files_of(store: Store, artifact: Artifact) -> list[StoredFile]:
    return store.db.all(StoredFile, "WHERE artifact_id = ? ORDER BY path", artifact.id)


def change(store: Store, artifact: Artifact, **given: str | int | None) -> Artifact:
    """Changes description, metadata or time to live; values of None change nothing."""
    values = {column: value for column, value in given.items() if value is not None}
    store.db.update(Artifact, artifact.id, **(values | {"updated_at": now()}))
    return store.db.get(Artifact, artifact.id)


def delete(store: Store, artifact: Artifact, *, with_aliases: bool) -> Artifact:
    """Takes the artifact out of every collection.

    Raises:
        Conflict: it has aliases and `with_aliases` is not set.
    """
    with store.db.transaction():
        members = memberships_of(store, artifact)
        held = [a.alias for m in members for a in store.db.all(Alias, "WHERE membership_id = ?", m.id)]
        if not with_aliases and set(held) - {"latest"}:
            raise Conflict(f"the artifact has aliases ({', '.join(sorted(set(held)))}); delete them with it")
        for member in members:
            remove_version(store, store.db.get(Collection, member.collection_id), member)
        store.db.update(Artifact, artifact.id, state=ArtifactState.DELETED, updated_at=now())
    return store.db.get(Artifact, artifact.id)


def memberships_of(store: Store, artifact: Artifact) -> list[Membership]:
    return store.db.all(Membership, "WHERE artifact_id = ? ORDER BY id", artifact.id)


def link(
    store: Store, artifact: Artifact, registry: Project, portfolio: str, aliases: Iterable[str]
) -> Membership:
    """Links a committed artifact into a portfolio, which is created when it is not there.

    Raises:
        Conflict: the artifact is not committed, or of a type this registry or portfolio does not take.
    """
    if artifact.state != ArtifactState.COMMITTED:
        raise Conflict(f"the artifact is {artifact.state}, only a committed one can be linked")
    allowed = None if registry.artifact_types is None else json.loads(registry.artifact_types)
    if allowed is not None and artifact.type not in allowed:
        raise Conflict(f"registry {registry.name!r} takes artifacts of type {', '.join(allowed)} only")
    with store.db.transaction():
        collection = ensure_collection(store, registry, CollectionKind.PORTFOLIO, portfolio, artifact.type)
        if registry.is_registry:
            # What is linked lives for ever, also after it is unlinked.
            store.db.update(Artifact, artifact.id, ttl_seconds=None)
        return add_version(store, collection, artifact, aliases)
