"""What the mutations about links, aliases and collections do.

Rights are checked here (protected aliases too), the rules of collections are in `versions`.
"""

from __future__ import annotations

from typing import Any

from lockgate_sandbox.registry import artifacts, versions
from lockgate_sandbox.registry.database import now
from lockgate_sandbox.registry.errors import Conflict, Invalid, Missing
from lockgate_sandbox.registry.graph.binding import Context, answers
from lockgate_sandbox.registry.graph.write_artifacts import Input
from lockgate_sandbox.registry.graph.write_registries import DONE, place_of
from lockgate_sandbox.registry.identity import Role
from lockgate_sandbox.registry.rows import (
    Artifact,
    Collection,
    CollectionKind,
    Membership,
    global_id,
    local_id,
)
from lockgate_sandbox.registry.versions import LATEST


@answers("Mutation")
def link_artifact(_: object, context: Context, input: Input) -> dict[str, Any]:  # noqa: A002
    artifact = _artifact_to_link(context, input)
    if input.get("artifactPortfolioID"):
        target = _collection(context, CollectionKind.PORTFOLIO, input["artifactPortfolioID"])
        place, name = context.access.home_of(target), target.name
    else:
        place = place_of(context, input.get("entityName"), input.get("projectName"))
        name = input.get("artifactPortfolioName") or ""
    context.access.require(place, Role.MEMBER)
    if place.is_registry and context.access.home(artifact).entity in context.users:
        raise Invalid("an artifact of a personal entity cannot be linked to a registry; log it from a team")
    aliases = [alias["alias"] for alias in input.get("aliases") or () if alias["alias"] != LATEST]
    context.access.require_aliases(place, aliases)
    member = artifacts.link(context.store, artifact, place, name, aliases)
    return {"versionIndex": member.version_index, "artifactMembership": member}


def _artifact_to_link(context: Context, wanted: Input) -> Artifact:
    if wanted.get("artifactID"):
        found = context.store.db.find(Artifact, "WHERE id = ?", local_id("Artifact", wanted["artifactID"]))
    else:
        found = artifacts.find_by_client_id(context.store, wanted.get("clientID") or "")
    if found is None or not context.access.reads(found, Role.VIEWER):
        raise Missing("the artifact to link was not found; give artifactID or clientID of one you can read")
    return found


@answers("Mutation")
def unlink_artifact(_: object, context: Context, input: Input) -> dict[str, bool]:  # noqa: A002
    collection = _collection(context, CollectionKind.PORTFOLIO, input["artifactPortfolioID"])
    place = context.access.require(context.access.home_of(collection), Role.MEMBER)
    member = _member(context, collection, input["artifactID"])
    context.access.require_aliases(place, [a.alias for a in versions.aliases_of(context.store, member)])
    versions.remove_version(context.store, collection, member)
    return DONE


def _member(context: Context, collection: Collection, opaque: str) -> Membership:
    artifact = context.store.db.get(Artifact, local_id("Artifact", opaque))
    member = versions.find_membership(context.store, collection, artifact)
    if member is None:
        raise Missing(f"the artifact is not in collection {collection.name!r}")
    return member


def _alias_target(context: Context, wanted: Input) -> Collection:
    place = place_of(context, wanted["entityName"], wanted["projectName"])
    context.access.require_aliases(place, [wanted["alias"]])
    found = versions.find_collection(context.store, place, wanted["artifactCollectionName"])
    if found is None:
        raise Missing(f"collection {wanted['artifactCollectionName']!r} not found in {place.name!r}")
    return found


@answers("Mutation")
def add_aliases(_: object, context: Context, input: Input) -> dict[str, bool]:  # noqa: A002
    with context.store.db.transaction():  # all of them or none
        for wanted in input["aliases"]:
            collection = _alias_target(context, wanted)
            member = _member(context, collection, input["artifactID"])
            versions.add_alias(context.store, collection, member, wanted["alias"])
    return DONE


@answers("Mutation")
def delete_aliases(_: object, context: Context, input: Input) -> dict[str, bool]:  # noqa: A002
    with context.store.db.transaction():
        for wanted in input["aliases"]:
            collection = _alias_target(context, wanted)
            member = _member(context, collection, input["artifactID"])
            versions.remove_alias(context.store, collection, member, wanted["alias"])
    return DONE


# --- collections


def _collection(context: Context, kind: CollectionKind, opaque: str) -> Collection:
    name = "ArtifactSequence" if kind == CollectionKind.SEQUENCE else "ArtifactPortfolio"
    found = context.store.db.get(Collection, local_id(name, opaque))
    if found.kind != kind:
        raise Missing(f"no {name} with id {opaque!r}")
    return found


def _collection_to_change(context: Context, kind: CollectionKind, opaque: str) -> Collection:
    found = _collection(context, kind, opaque)
    context.access.require(context.access.home_of(found), Role.MEMBER)
    return found


def _changed(context: Context, collection: Collection, **given: str | None) -> dict[str, Collection]:
    values = {column: value for column, value in given.items() if value is not None}
    home = context.access.home_of(collection)
    new_name = values.get("name", collection.name)
    if new_name != collection.name and versions.find_collection(context.store, home, new_name):
        raise Conflict(f"collection {new_name!r} exists already in {home.name!r}")
    context.store.db.update(Collection, collection.id, **(values | {"updated_at": now()}))
    return {"artifactCollection": context.store.db.get(Collection, collection.id)}


@answers("Mutation")
def update_artifact_sequence(_: object, context: Context, input: Input) -> dict[str, Collection]:  # noqa: A002
    found = _collection_to_change(context, CollectionKind.SEQUENCE, input["artifactSequenceID"])
    return _changed(context, found, name=input.get("name"), description=input.get("description"))


@answers("Mutation")
def update_artifact_portfolio(_: object, context: Context, input: Input) -> dict[str, Collection]:  # noqa: A002
    found = _collection_to_change(context, CollectionKind.PORTFOLIO, input["artifactPortfolioID"])
    return _changed(context, found, name=input.get("name"), description=input.get("description"))


@answers("Mutation")
def move_artifact_sequence(_: object, context: Context, input: Input) -> dict[str, Collection]:  # noqa: A002
    found = _collection_to_change(context, CollectionKind.SEQUENCE, input["artifactSequenceID"])
    return _changed(context, found, type=input["destinationArtifactTypeName"])


@answers("Mutation")
def delete_artifact_sequence(_: object, context: Context, input: Input) -> dict[str, Any]:  # noqa: A002
    return _deleted(context, CollectionKind.SEQUENCE, input["artifactSequenceID"])


@answers("Mutation")
def delete_artifact_portfolio(_: object, context: Context, input: Input) -> dict[str, Any]:  # noqa: A002
    return _deleted(context, CollectionKind.PORTFOLIO, input["artifactPortfolioID"])


def _deleted(context: Context, kind: CollectionKind, opaque: str) -> dict[str, Any]:
    found = _collection_to_change(context, kind, opaque)
    aliases = versions.alias_names(context.store, found)
    context.access.require_aliases(context.access.home_of(found), aliases)
    gone = {"name": f"deleted-{found.id}-{found.name}"[:128], "state": "DELETED"}  # frees the name
    with context.store.db.transaction():
        for member in versions.memberships(context.store, found):
            context.store.db.execute("DELETE FROM memberships WHERE id = ?", member.id)
        context.store.db.update(Collection, found.id, **gone)
    return {"artifactCollection": context.store.db.get(Collection, found.id)}


@answers("Mutation")
def create_artifact_collection_tag_assignments(
    _: object,
    context: Context,
    input: Input,  # noqa: A002
) -> dict[str, Any]:
    found = _tagged(context, input)
    names = [tag["tagName"] for tag in input["tags"]]
    versions.change_tags(context.store, found, names)
    tags = [tag for tag in versions.tags_of(context.store, found) if tag.name in names]
    return {"tags": [{"id": global_id("Tag", tag.id), "name": tag.name} for tag in tags]}


@answers("Mutation")
def delete_artifact_collection_tag_assignments(
    _: object,
    context: Context,
    input: Input,  # noqa: A002
) -> dict[str, bool]:
    found = _tagged(context, input)
    versions.change_tags(context.store, found, (), [tag["tagName"] for tag in input["tags"]])
    return DONE


def _tagged(context: Context, wanted: Input) -> Collection:
    place = place_of(context, wanted["entityName"], wanted["projectName"])
    found = versions.find_collection(context.store, place, wanted["artifactCollectionName"])
    if found is None:
        raise Missing(f"collection {wanted['artifactCollectionName']!r} not found in {place.name!r}")
    return found
