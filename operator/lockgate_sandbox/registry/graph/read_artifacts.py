"""What the query fields about artifacts answer: what they are, who made and used them.

Nothing is changed here; their files are the business of `read_files`.
"""

from __future__ import annotations

from typing import Any

from lockgate_sandbox.registry import artifacts, versions
from lockgate_sandbox.registry.graph.binding import Context, answers, connection
from lockgate_sandbox.registry.graph.nodes import tag_node, type_node
from lockgate_sandbox.registry.graph.read_collections import project_of_collection
from lockgate_sandbox.registry.graph.read_versions import collection_of_membership
from lockgate_sandbox.registry.identity import User
from lockgate_sandbox.registry.rows import Alias, Artifact, Collection, Run, global_id, local_id


@answers("Query")
def artifact(_: object, context: Context, id: str) -> Artifact | None:  # noqa: A002
    where = "WHERE id = ? AND state != 'DELETED'"
    found = context.store.db.find(Artifact, where, local_id("Artifact", id))
    return found if found and context.access.reads(found) else None


@answers("Query", "clientIDMapping")
def client_id_mapping(_: object, context: Context, clientID: str) -> dict[str, str] | None:  # noqa: N803
    found = artifacts.find_by_client_id(context.store, clientID)
    return None if found is None else {"serverID": artifact_id(found, context)}


@answers("Artifact", "id")
def artifact_id(source: Artifact, context: Context) -> str:
    return global_id("Artifact", source.id)


@answers("Artifact", "artifactSequence")
def artifact_sequence(source: Artifact, context: Context) -> Collection:
    return context.store.db.get(Collection, source.sequence_id)


@answers("Artifact", "artifactType")
def type_of_artifact(source: Artifact, context: Context) -> dict[str, Any]:
    return type_node(source.type)


@answers("Artifact", "tags")
def tags_of_artifact(source: Artifact, context: Context) -> list[dict[str, str]]:
    return [tag_node(tag) for tag in versions.tags_of(context.store, source)]


@answers("Artifact", "aliases")
def aliases_of_artifact(source: Artifact, context: Context) -> list[Alias]:
    members = artifacts.memberships_of(context.store, source)
    return [alias for member in members for alias in versions.aliases_of(context.store, member)]


@answers("Artifact", "ttlDurationSeconds")
def ttl_duration(source: Artifact, context: Context) -> int:
    return -2 if source.ttl_seconds is None else source.ttl_seconds  # -2 is how "never" is written


@answers("Artifact", "ttlIsInherited")
def ttl_is_inherited(source: Artifact, context: Context) -> bool:
    return source.ttl_seconds is None


@answers("Artifact", "digestAlgorithm")
def digest_algorithm(source: Artifact, context: Context) -> str:
    return "MANIFEST_MD5"


@answers("Artifact", "createdBy")
def created_by(source: Artifact, context: Context) -> Run | User | None:
    if source.run_id is not None:
        return context.store.db.get(Run, source.run_id)
    return context.users.get(source.user)


@answers("Artifact", "usedBy")
def used_by(source: Artifact, context: Context) -> dict[str, Any]:
    where = "WHERE id IN (SELECT run_id FROM uses WHERE artifact_id = ?) ORDER BY id"
    return connection(context.store.db.all(Run, where, source.id), first=1000)


@answers("Artifact", "artifactMemberships")
def memberships_of_artifact(source: Artifact, context: Context) -> dict[str, Any]:
    members = artifacts.memberships_of(context.store, source)
    seen = [m for m in members if project_of_collection(collection_of_membership(m, context), context)]
    return connection(seen, first=500)
