"""Collections and the versions in them: membership, aliases, `latest`, tags.

An alias is in a collection at most once; giving it to another version moves it. Version numbers are never
given twice, not even after a version was unlinked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lockgate_sandbox.registry.database import now
from lockgate_sandbox.registry.errors import Conflict, Invalid, Missing
from lockgate_sandbox.registry.rows import (
    Alias,
    Artifact,
    Collection,
    CollectionKind,
    Membership,
    Project,
    Tag,
)
from lockgate_sandbox.registry.store import Store

LATEST = "latest"
_VERSION = re.compile(r"v(\d+)")
_ALIAS = re.compile(r"[^/:\s][^/:]{0,127}")


def find_collection(store: Store, project: Project, name: str) -> Collection | None:
    return store.db.find(
        Collection, "WHERE project_id = ? AND name = ? AND state = 'READY'", project.id, name
    )


def ensure_collection(
    store: Store,
    project: Project,
    kind: CollectionKind,
    name: str,
    artifact_type: str,
    client_id: str | None = None,
) -> Collection:
    """The collection of that name, created when it is not there.

    Raises:
        Conflict: there is one of another kind or another artifact type.
    """
    if not name or set(name) & set("/:") or len(name) > 128:
        raise Invalid(f"collection name {name!r} must be 1 to 128 characters without '/' and ':'")
    with store.db.transaction():
        found = store.db.find(Collection, "WHERE project_id = ? AND name = ?", project.id, name)
        if found is not None:
            if (found.kind, found.type) != (kind, artifact_type):
                raise Conflict(
                    f"collection {name!r} is a {found.kind.lower()} of type {found.type!r},"
                    f" not a {kind.lower()} of type {artifact_type!r}"
                )
            return found
        moment = now()
        number = store.db.insert(
            Collection,
            project_id=project.id,
            kind=kind,
            name=name,
            type=artifact_type,
            state="READY",
            client_id=client_id,
            next_version=0,
            created_at=moment,
            updated_at=moment,
        )
        return store.db.get(Collection, number)


def resolve(store: Store, project: Project, path: str) -> Membership | None:
    """The membership behind `collection:alias`, `collection:v3` or `collection` (which means latest)."""
    name, _, wanted = path.partition(":")
    collection = find_collection(store, project, name)
    return None if collection is None else membership_of(store, collection, wanted or LATEST)


def membership_of(store: Store, collection: Collection, alias: str) -> Membership | None:
    version = _VERSION.fullmatch(alias)
    if version:
        number = int(version[1])
        return store.db.find(
            Membership, "WHERE collection_id = ? AND version_index = ?", collection.id, number
        )
    return store.db.find(
        Membership,
        "WHERE id = (SELECT membership_id FROM aliases WHERE collection_id = ? AND alias = ?)",
        collection.id,
        alias,
    )


def memberships(store: Store, collection: Collection) -> list[Membership]:
    """All versions, newest first."""
    return store.db.all(Membership, "WHERE collection_id = ? ORDER BY version_index DESC", collection.id)


def aliases_of(store: Store, membership: Membership) -> list[Alias]:
    return store.db.all(Alias, "WHERE membership_id = ? ORDER BY id", membership.id)


def alias_names(store: Store, collection: Collection) -> list[str]:
    rows = store.db.values("SELECT alias FROM aliases WHERE collection_id = ?", collection.id)
    return [alias for (alias,) in rows]


def collection_of(store: Store, member: Membership) -> Collection:
    return store.db.get(Collection, member.collection_id)


def add_version(
    store: Store, collection: Collection, artifact: Artifact, aliases: Iterable[str]
) -> Membership:
    """Puts an artifact into a collection as its newest version; one that is in already only gains aliases."""
    with store.db.transaction():
        member = find_membership(store, collection, artifact)
        if member is None:
            version = store.db.get(Collection, collection.id).next_version
            number = store.db.insert(
                Membership,
                collection_id=collection.id,
                artifact_id=artifact.id,
                version_index=version,
                created_at=now(),
            )
            store.db.update(Collection, collection.id, next_version=version + 1, updated_at=now())
            member = store.db.get(Membership, number)
            _point(store, collection, member, LATEST)
        for alias in aliases:
            add_alias(store, collection, member, alias)
    return member


def find_membership(store: Store, collection: Collection, artifact: Artifact) -> Membership | None:
    return store.db.find(
        Membership, "WHERE collection_id = ? AND artifact_id = ?", collection.id, artifact.id
    )


def add_alias(store: Store, collection: Collection, member: Membership, alias: str) -> None:
    """Points the alias at that version, away from whichever had it.

    Raises:
        Invalid: it cannot be an alias.
    """
    if _VERSION.fullmatch(alias) or not _ALIAS.fullmatch(alias):
        raise Invalid(
            f"alias {alias!r} must be 1 to 128 characters without '/' and ':', and not look like v3"
        )
    _point(store, collection, member, alias)


def _point(store: Store, collection: Collection, member: Membership, alias: str) -> None:
    with store.db.transaction():
        present = store.db.find(Alias, "WHERE collection_id = ? AND alias = ?", collection.id, alias)
        if present is not None and present.membership_id == member.id:
            return
        store.db.execute("DELETE FROM aliases WHERE collection_id = ? AND alias = ?", collection.id, alias)
        store.db.insert(Alias, collection_id=collection.id, membership_id=member.id, alias=alias)
        store.db.update(Collection, collection.id, updated_at=now())


def remove_alias(store: Store, collection: Collection, member: Membership, alias: str) -> None:
    """Takes the alias off that version.

    Raises:
        Missing: that version does not have it, for example because it was moved meanwhile.
    """
    with store.db.transaction():
        present = store.db.find(Alias, "WHERE membership_id = ? AND alias = ?", member.id, alias)
        if present is None:
            raise Missing(f"version v{member.version_index} of {collection.name!r} has no alias {alias!r}")
        store.db.execute("DELETE FROM aliases WHERE id = ?", present.id)
        store.db.update(Collection, collection.id, updated_at=now())


def remove_version(store: Store, collection: Collection, member: Membership) -> None:
    """Takes a version out of the collection; `latest` goes to the newest one left."""
    with store.db.transaction():
        had_latest = any(alias.alias == LATEST for alias in aliases_of(store, member))
        store.db.execute("DELETE FROM memberships WHERE id = ?", member.id)
        left = memberships(store, collection)
        if had_latest and left:
            _point(store, collection, left[0], LATEST)
        store.db.update(Collection, collection.id, updated_at=now())


def tags_of(store: Store, owner: Artifact | Collection) -> list[Tag]:
    return store.db.all(Tag, "WHERE owner = ? ORDER BY name", _owner(owner))


def change_tags(
    store: Store, owner: Artifact | Collection, add: Iterable[str], remove: Iterable[str] = ()
) -> None:
    with store.db.transaction():
        for name in add:
            store.db.execute(
                "INSERT INTO tags (owner, name) VALUES (?, ?) ON CONFLICT DO NOTHING", _owner(owner), name
            )
        for name in remove:
            store.db.execute("DELETE FROM tags WHERE owner = ? AND name = ?", _owner(owner), name)


def _owner(owner: Artifact | Collection) -> str:
    return f"{type(owner).__name__.lower()}:{owner.id}"
