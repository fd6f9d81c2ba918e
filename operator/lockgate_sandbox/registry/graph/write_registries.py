"""What the mutations about registries, their projects and their members do; rights are checked here."""

from __future__ import annotations

from typing import Any

from lockgate_sandbox.registry import projects
from lockgate_sandbox.registry.errors import Invalid, Missing
from lockgate_sandbox.registry.graph.binding import Context, answers
from lockgate_sandbox.registry.graph.write_artifacts import Input
from lockgate_sandbox.registry.identity import Role, role_named
from lockgate_sandbox.registry.rows import Project, global_id, local_id

DONE = {"success": True}


def place_of(context: Context, entity: str | None, name: str | None, role: Role = Role.MEMBER) -> Project:
    """The project of that name, where the caller has that role."""
    found = context.access.project(entity, name)
    if found is None:
        raise Missing(f"project {name!r} not found under entity {entity!r}")
    return context.access.require(found, role)


@answers("Mutation")
def upsert_model(_: object, context: Context, input: Input) -> dict[str, Any]:  # noqa: A002
    entity = input.get("entityName") or context.store.organization.team
    name = input.get("name") or ""
    types = input.get("artifactTypes")
    type_names = None if not types else [item["name"] for item in types]
    found = context.access.project(entity, name)
    if found is None:
        _may_create(context, entity)
        made = projects.create_project(
            context.store,
            entity,
            name,
            description=input.get("description"),
            access=input.get("access") or "PRIVATE",
            artifact_types=type_names,
        )
        return {"inserted": True, "project": made, "model": made}
    context.access.require(found, Role.ADMIN if found.is_registry else Role.MEMBER)
    changed = projects.change_project(
        context.store,
        found,
        description=input.get("description"),
        access=input.get("access"),
        artifact_types=type_names,
    )
    return {"inserted": False, "project": changed, "model": changed}


def _may_create(context: Context, entity: str) -> None:
    organization = context.store.organization
    if entity == organization.entity and context.user.role < Role.ADMIN:
        context.access.refuse(f"only an admin may create a registry, {context.user.name!r} is not one")
    if entity not in (organization.entity, organization.team, context.user.name):
        raise Missing(f"entity {entity!r} not found")


@answers("Mutation")
def rename_project(_: object, context: Context, input: Input) -> dict[str, Any]:  # noqa: A002
    found = place_of(context, input["entityName"], input["oldProjectName"], Role.ADMIN)
    changed = projects.rename_project(context.store, found, input["newProjectName"])
    return {"inserted": False, "project": changed, "model": changed}


@answers("Mutation")
def delete_model(_: object, context: Context, input: Input) -> dict[str, bool]:  # noqa: A002
    found = context.store.db.get(Project, local_id("Project", input["id"]))
    context.access.require(found, Role.ADMIN)
    context.store.db.execute("DELETE FROM projects WHERE id = ?", found.id)
    return DONE


def _user_name(context: Context, opaque: str) -> str:
    for name in context.users:
        if opaque == global_id("User", name):
            return name
    raise Missing(f"no user with id {opaque!r}")


def _project_to_staff(context: Context, wanted: Input) -> Project:
    if wanted.get("teamIds"):
        raise Invalid("teams as registry members are not offered here; add users")
    found = context.store.db.get(Project, local_id("Project", wanted["projectId"]))
    return context.access.require(found, Role.ADMIN)


def _give_all(context: Context, wanted: Input, role: Role) -> dict[str, bool]:
    found = _project_to_staff(context, wanted)
    for opaque in wanted.get("userIds") or ():
        projects.set_role(context.store, found, _user_name(context, opaque), role)
    return DONE


@answers("Mutation")
def create_project_members(_: object, context: Context, input: Input) -> dict[str, bool]:  # noqa: A002
    return _give_all(context, input, Role.VIEWER)


@answers("Mutation")
def delete_project_members(_: object, context: Context, input: Input) -> dict[str, bool]:  # noqa: A002
    return _give_all(context, input, Role.NONE)


@answers("Mutation")
def update_project_member(_: object, context: Context, input: Input) -> dict[str, bool]:  # noqa: A002
    found = _project_to_staff(context, input)
    role = role_named(input["userProjectRole"])
    projects.set_role(context.store, found, _user_name(context, input["userId"]), role)
    return DONE
