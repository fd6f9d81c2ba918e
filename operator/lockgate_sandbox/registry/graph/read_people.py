"""What the query fields about callers, users, entities and the organization answer.

Keys are never among the answers, and nothing is changed here.
"""

from __future__ import annotations

from typing import Any

from lockgate_sandbox.registry.graph.binding import Context, answers, connection
from lockgate_sandbox.registry.identity import Role, User
from lockgate_sandbox.registry.rows import global_id

FEATURES = (
    "LARGE_FILENAMES",
    "ARTIFACT_TAGS",
    "CLIENT_IDS",
    "ARTIFACT_REGISTRY_SEARCH",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
    "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "ARTIFACT_DIGEST_ALGORITHM",
    "MARK_RUN_FILES_UPLOADED",
    "FILESTREAM_GZIP",
)


@answers("Query")
def viewer(_: object, context: Context) -> User:
    return context.user


@answers("Query")
def server_info(_: object, context: Context) -> dict[str, Any]:
    return {"features": [{"name": name, "isEnabled": True} for name in FEATURES]}


@answers("Query")
def users(_: object, context: Context, query: str | None = None) -> dict[str, Any]:
    return connection(user for user in context.users.values() if query in (None, user.name, user.email))


@answers("User", "id")
def user_id(user: User, context: Context) -> str:
    return global_id("User", user.name)


@answers("User", "username")
def username(user: User, context: Context) -> str:
    return user.name


@answers("User", "entity")
def default_entity(user: User, context: Context) -> str:
    return context.store.organization.team


@answers("User", "admin")
def is_admin(user: User, context: Context) -> bool:
    return user.role >= Role.ADMIN


@answers("User", "flags")
def flags(user: User, context: Context) -> str:
    return "{}"


@answers("User", "teams")
def teams(user: User, context: Context) -> dict[str, Any]:
    return connection([{"name": context.store.organization.team}])


@answers("User", "apiKeys")
def api_keys(user: User, context: Context) -> dict[str, Any]:
    return connection([])  # keys come from the configuration; this server never tells one


@answers("User", "organizations")
def organizations(user: User, context: Context) -> list[dict[str, Any]]:
    return [organization(None, context, context.store.organization.name) or {}]


@answers("Query")
def organization(_: object, context: Context, name: str) -> dict[str, Any] | None:
    known = context.store.organization
    if name != known.name:
        return None
    return {
        "id": global_id("Organization", 1),
        "name": known.name,
        "orgEntity": entity(None, context, known.entity),
        "featureFlags": [],
        "advancedRegistryFeatures": {"advancedSearch": False},
    }


@answers("Query")
def entity(_: object, context: Context, name: str | None = None) -> dict[str, Any] | None:
    known = context.store.organization
    kinds = {known.entity: "organization", known.team: "team"} | dict.fromkeys(context.users, "user")
    name = name or known.team
    if name not in kinds:
        return None
    return {
        "id": global_id("Entity", name),
        "name": name,
        "entityType": kinds[name],
        "isTeam": kinds[name] == "team",
        "available": False,
        "readOnly": False,
        "storageBytes": 0,
        "xxhashDigestsEnabled": False,
    }


@answers("Entity", "organization")
def organization_of(source: dict[str, Any], context: Context) -> dict[str, Any] | None:
    if source["entityType"] == "user":
        return None
    return organization(None, context, context.store.organization.name)


@answers("Entity", "user")
def user_of(source: dict[str, Any], context: Context) -> User | None:
    return context.users.get(source["name"]) if source["entityType"] == "user" else None


@answers("Entity", "members")
def members_of_entity(source: dict[str, Any], context: Context) -> list[dict[str, Any]]:
    return [
        {"id": user_id(user, context), "name": user.name, "username": user.name, "role": user.role.label}
        for user in context.users.values()
    ]
