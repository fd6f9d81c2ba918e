"""What the query fields about collections answer, and how their lists are filtered.

Nothing is changed here; versions in a collection are the business of `read_versions`.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any

from lockgate_sandbox.registry import versions
from lockgate_sandbox.registry.errors import Invalid
from lockgate_sandbox.registry.graph.binding import Context, answers, connection
from lockgate_sandbox.registry.graph.filters import Values, in_order, matches, read_filter
from lockgate_sandbox.registry.graph.nodes import tag_node, type_node
from lockgate_sandbox.registry.graph.read_projects import visible_projects
from lockgate_sandbox.registry.rows import (
    Alias,
    Artifact,
    Collection,
    CollectionKind,
    Project,
    global_id,
    local_id,
)


@answers("Query")
def artifact_collection(_: object, context: Context, id: str) -> Collection | None:  # noqa: A002
    for kind in ("ArtifactSequence", "ArtifactPortfolio"):
        if id == global_id(kind, number := _number(id)):
            found = context.store.db.find(Collection, "WHERE id = ? AND state = 'READY'", number)
            return found if found and context.access.sees(context.access.home_of(found)) else None
    return None


def _number(opaque: str) -> int:
    for kind in ("ArtifactSequence", "ArtifactPortfolio"):
        with contextlib.suppress(Invalid):
            return local_id(kind, opaque)
    return 0


@answers("Project", "artifactCollection")
def collection_of_project(source: Project, context: Context, name: str) -> Collection | None:
    return versions.find_collection(context.store, source, name)


@answers("ArtifactType", "artifactCollection")
def collection_of_type(source: dict[str, Any], context: Context, name: str) -> Collection | None:
    found = versions.find_collection(context.store, source["project"], name)
    return found if found and found.type == source["name"] else None


@answers("Project", "artifactCollections")
def collections_of_project(
    source: Project,
    context: Context,
    after: str | None = None,
    first: int | None = None,
    filters: str | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    return connection(find_collections(context, [source], filters, order), after, first)


@answers("ArtifactType", "artifactCollections")
def collections_of_type(
    source: dict[str, Any],
    context: Context,
    after: str | None = None,
    first: int | None = None,
    filters: str | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    found = find_collections(context, [source["project"]], filters, order)
    return connection([c for c in found if c.type == source["name"]], after, first)


@answers("Entity", "artifactCollections")
def collections_of_entity(
    source: dict[str, Any],
    context: Context,
    projectFilters: str | None = None,  # noqa: N803
    filters: str | None = None,
    collectionTypes: list[str] | None = None,  # noqa: N803
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    homes = list(visible_projects(context, source["name"], projectFilters))
    found = find_collections(context, homes, filters, order)
    return connection([c for c in found if not collectionTypes or c.kind in collectionTypes], after, first)


def find_collections(
    context: Context, homes: list[Project], filters: str | None, order: str | None
) -> list[Collection]:
    wanted = read_filter(filters)
    found = [
        collection
        for home in homes
        for collection in context.store.db.all(
            Collection, "WHERE project_id = ? AND state = 'READY' ORDER BY name", home.id
        )
        if matches(wanted, partial(_collection_field, context, collection))
    ]
    return in_order(found, order, getattr)


def _collection_field(context: Context, collection: Collection, key: str) -> Values:
    match key:
        case "tag" | "tags":
            return [tag.name for tag in versions.tags_of(context.store, collection)]
        case "id" | "artifact_collection_id" | "collection_id":
            return [collection.id, collection_id(collection, context)]
        case _:
            value = getattr(collection, key.removeprefix("artifact_").removeprefix("collection_"), None)
            return [] if value is None else [value]


@answers("ArtifactCollection", "id")
def collection_id(source: Collection, context: Context) -> str:
    kind = "ArtifactSequence" if source.kind == CollectionKind.SEQUENCE else "ArtifactPortfolio"
    return global_id(kind, source.id)


@answers("ArtifactCollection", "project")
def project_of_collection(source: Collection, context: Context) -> Project | None:
    home = context.access.home_of(source)
    return home if context.access.sees(home) else None


@answers("ArtifactCollection", "defaultArtifactType")
def default_type(source: Collection, context: Context) -> dict[str, Any]:
    return type_node(source.type)


@answers("ArtifactCollection", "tags")
def tags_of_collection(source: Collection, context: Context) -> dict[str, Any]:
    return connection([tag_node(tag) for tag in versions.tags_of(context.store, source)], first=1000)


@answers("ArtifactCollection", "aliases")
def aliases_of_collection(
    source: Collection, context: Context, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    return connection(
        context.store.db.all(Alias, "WHERE collection_id = ? ORDER BY alias", source.id), after, first
    )


@answers("ArtifactSequence", "latestArtifact")
def latest_artifact(source: Collection, context: Context) -> Artifact | None:
    member = versions.membership_of(context.store, source, versions.LATEST)
    return None if member is None else context.store.db.get(Artifact, member.artifact_id)


@answers("ArtifactSequence", "digestAlgorithm")
def digest_algorithm_of_sequence(source: Collection, context: Context) -> str:
    return "MANIFEST_MD5"
