"""What the query fields about projects and registries answer.

A project the caller has no role in is null; nothing is changed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lockgate_sandbox.registry import projects
from lockgate_sandbox.registry.graph.binding import Context, answers, connection
from lockgate_sandbox.registry.graph.filters import Values, in_order, matches, read_filter
from lockgate_sandbox.registry.graph.nodes import type_node
from lockgate_sandbox.registry.graph.read_people import entity, user_id
from lockgate_sandbox.registry.identity import Role
from lockgate_sandbox.registry.rows import Project, Run, global_id


@answers("Query")
def project(
    _: object,
    context: Context,
    name: str | None = None,
    entityName: str | None = None,  # noqa: N803
) -> Project | None:
    return context.access.project(entityName, name)


answers("Query", "model")(project)


@answers("Entity", "project")
def project_of_entity(source: dict[str, Any], context: Context, name: str | None = None) -> Project | None:
    return context.access.project(source["name"], name)


@answers("Query", "models")
def models(
    _: object,
    context: Context,
    entityName: str | None = None,  # noqa: N803
    after: str | None = None,
    first: int | None = None,
) -> dict[str, Any]:
    return connection(
        visible_projects(context, entityName or context.store.organization.team, None), after, first
    )


@answers("Entity", "projects")
def projects_of_entity(
    source: dict[str, Any],
    context: Context,
    filters: str | None = None,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    found = in_order(
        visible_projects(context, source["name"], filters), order, lambda p, key: getattr(p, key)
    )
    return connection(found, after, first)


def visible_projects(context: Context, entity_name: str, filters: str | None) -> Iterator[Project]:
    wanted = read_filter(filters)
    for found in context.store.db.all(Project, "WHERE entity = ? ORDER BY name", entity_name):
        if matches(wanted, lambda key, p=found: _project_field(p, key)) and context.access.sees(found):  # type: ignore[misc]
            yield found


def _project_field(found: Project, key: str) -> Values:
    value = getattr(found, {"project_id": "id"}.get(key, key), None)
    return [] if value is None else [value]


@answers("Project", "id")
def project_id(source: Project, context: Context) -> str:
    return global_id("Project", source.id)


@answers("Project", "internalId")
def internal_id(source: Project, context: Context) -> str:
    return global_id("ProjectInternalId", source.id)


@answers("Project", "entityName")
def entity_name(source: Project, context: Context) -> str:
    return source.entity


@answers("Project", "entity")
def entity_of_project(source: Project, context: Context) -> dict[str, Any] | None:
    return entity(None, context, source.entity)


@answers("Project", "readOnly")
def read_only(source: Project, context: Context) -> bool:
    return context.access.role(source) < Role.MEMBER


@answers("Project", "allowAllArtifactTypesInRegistry")
def allow_all(source: Project, context: Context) -> bool:
    return source.artifact_types is None


@answers("Project", "artifactTypes")
def artifact_types(
    source: Project, context: Context, after: str | None = None, first: int | None = None, **_: Any
) -> dict[str, Any]:
    rows = context.store.db.values("SELECT DISTINCT type FROM collections WHERE project_id = ?", source.id)
    names = {name for (name,) in rows} | set(json.loads(source.artifact_types or "[]"))
    return connection([type_node(name, source) for name in sorted(names)], after, first)


@answers("Project")
def artifact_type(source: Project, context: Context, name: str) -> dict[str, Any] | None:
    found = artifact_types(source, context, first=1_000_000)["edges"]
    return next((edge["node"] for edge in found if edge["node"]["name"] == name), None)


@answers("Project", "members")
def members_of_project(source: Project, context: Context) -> list[dict[str, Any]]:
    return [
        {
            "id": user_id(user, context),
            "name": user.name,
            "username": user.name,
            "email": user.email,
            "role": {"name": projects.role_in(context.store, source, user).label},
        }
        for user in context.users.values()
    ]


@answers("Project", "teamMembers")
def team_members(source: Project, context: Context) -> list[Any]:
    return []


@answers("Project", "run", "bucket")
def run(source: Project, context: Context, name: str, **_: Any) -> Run | None:
    return projects.find_run(context.store, source, name)


@answers("Project", "runs")
def runs(
    source: Project, context: Context, after: str | None = None, first: int | None = None, **_: Any
) -> dict[str, Any]:
    found = context.store.db.all(Run, "WHERE project_id = ? ORDER BY id DESC", source.id)
    return connection(found, after, first)


@answers("Project", "runCount")
def run_count(source: Project, context: Context, **_: Any) -> int:
    return len(context.store.db.all(Run, "WHERE project_id = ?", source.id))
