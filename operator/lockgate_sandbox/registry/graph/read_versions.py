"""What the query fields about versions answer: look-ups by alias, lists, and how they are filtered.

Every `artifactCollectionMembership` asked for counts as one look-up in the request log. Nothing changes.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from lockgate_sandbox.registry import versions
from lockgate_sandbox.registry.graph.binding import Context, answers, connection, snake
from lockgate_sandbox.registry.graph.filters import Values, dotted, in_order, matches, read_filter
from lockgate_sandbox.registry.graph.read_collections import find_collections
from lockgate_sandbox.registry.graph.read_projects import visible_projects
from lockgate_sandbox.registry.rows import (
    Alias,
    Artifact,
    Collection,
    CollectionKind,
    Membership,
    Project,
    global_id,
)


@answers("Project", "artifactCollectionMembership")
def artifact_collection_membership(source: Project, context: Context, name: str) -> Membership | None:
    context.lookups += 1
    return versions.resolve(context.store, source, name)


@answers("Project", "artifact")
def artifact_of_project(source: Project, context: Context, name: str) -> Artifact | None:
    member = versions.resolve(context.store, source, name)
    return None if member is None else context.store.db.get(Artifact, member.artifact_id)


@answers("Entity", "artifactMemberships")
def memberships_of_entity(
    source: dict[str, Any],
    context: Context,
    projectFilters: str | None = None,  # noqa: N803
    collectionFilters: str | None = None,  # noqa: N803
    filters: str | None = None,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    homes = list(visible_projects(context, source["name"], projectFilters))
    wanted = read_filter(filters)
    found = [
        member
        for collection in find_collections(context, homes, collectionFilters, None)
        if collection.kind == CollectionKind.PORTFOLIO
        for member in versions.memberships(context.store, collection)
        if matches(wanted, partial(membership_field, context, member))
    ]
    listed = in_order(found, order, lambda member, key: membership_field(context, member, key)[:1])
    return connection(listed, after, first)


@answers("ArtifactCollectionMembership", "id")
def membership_id(source: Membership, context: Context) -> str:
    return global_id("ArtifactCollectionMembership", source.id)


@answers("ArtifactCollectionMembership", "aliases")
def aliases_of_membership(source: Membership, context: Context) -> list[Alias]:
    return versions.aliases_of(context.store, source)


@answers("ArtifactCollectionMembership", "artifactCollection")
def collection_of_membership(source: Membership, context: Context) -> Collection:
    return context.store.db.get(Collection, source.collection_id)


@answers("ArtifactCollectionMembership", "artifact")
def artifact_of_membership(source: Membership, context: Context) -> Artifact:
    return context.store.db.get(Artifact, source.artifact_id)


@answers("ArtifactAlias", "id")
def alias_id(source: Alias, context: Context) -> str:
    return global_id("ArtifactAlias", source.id)


@answers("ArtifactAlias", "artifactCollection")
def collection_of_alias(source: Alias, context: Context) -> Collection:
    return context.store.db.get(Collection, source.collection_id)


@answers("ArtifactCollection", "artifacts")
def artifacts_of_collection(
    source: Collection,
    context: Context,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> dict[str, Any]:
    wanted = read_filter(filters)
    found = [
        member
        for member in versions.memberships(context.store, source)
        if matches(wanted, partial(membership_field, context, member))
    ]
    listed = in_order(found, order, lambda member, key: membership_field(context, member, key)[:1])

    def edge(member: Membership) -> dict[str, Any]:
        version = f"v{member.version_index}"
        return {"version": version, "node": context.store.db.get(Artifact, member.artifact_id)}

    return connection(listed, after, first, edge)


@answers("ArtifactCollection", "artifactMembership")
def membership_of_collection(
    source: Collection,
    context: Context,
    aliasName: str,  # noqa: N803
) -> Membership | None:
    return versions.membership_of(context.store, source, aliasName)


def membership_field(context: Context, member: Membership, key: str) -> Values:
    """What a version's field holds, under the names that filters use."""
    artifact = context.store.db.get(Artifact, member.artifact_id)
    head, _, path = key.partition(".")
    match head:
        case "alias" | "aliases":
            return [alias.alias for alias in versions.aliases_of(context.store, member)]
        case "tag" | "tags":
            return [tag.name for tag in versions.tags_of(context.store, artifact)]
        case "metadata" | "artifact_metadata":
            return dotted(json.loads(artifact.metadata or "{}"), path)
        case "version" | "version_index" | "versionIndex":
            return [member.version_index, f"v{member.version_index}"]
        case "id" | "artifact_id":
            return [artifact.id, global_id("Artifact", artifact.id)]
        case "linked_at" | "acm_created_at":
            return [member.created_at]
        case _:
            value = getattr(artifact, snake(head).removeprefix("artifact_"), None)
            return [] if value is None else [value]
