"""Projects, registries (projects of the organization's entity), runs, and who has which role where.

Checks names and duplicates; whether the caller may is decided in `access`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from lockgate_sandbox.registry.database import now
from lockgate_sandbox.registry.errors import Conflict, Invalid
from lockgate_sandbox.registry.identity import Role, User
from lockgate_sandbox.registry.rows import REGISTRY_PREFIX, Project, Run
from lockgate_sandbox.registry.store import Store

_NAME = re.compile(r"[-\w.][-\w. ]{0,127}")


def find_project(store: Store, entity: str, name: str) -> Project | None:
    return store.db.find(Project, "WHERE entity = ? AND name = ?", entity, name)


def create_project(
    store: Store,
    entity: str,
    name: str,
    *,
    description: str | None = None,
    access: str = "PRIVATE",
    artifact_types: list[str] | None = None,
) -> Project:
    """A new project.

    Raises:
        Invalid: the name cannot be one.
        Conflict: there is one of that name.
    """
    if not _NAME.fullmatch(name):
        raise Invalid(f"project name {name!r} must be 1 to 128 letters, digits, spaces and any of -_.")
    if find_project(store, entity, name) is not None:
        raise Conflict(f"project {name!r} exists already under entity {entity!r}")
    moment = now()
    number = store.db.insert(
        Project,
        entity=entity,
        name=name,
        description=description,
        access=access,
        artifact_types=None if artifact_types is None else json.dumps(artifact_types),
        created_at=moment,
        updated_at=moment,
    )
    return store.db.get(Project, number)


def change_project(
    store: Store,
    project: Project,
    *,
    description: str | None,
    access: str | None,
    artifact_types: list[str] | None,
) -> Project:
    """Changes what is given; None changes nothing."""
    types = None if artifact_types is None else json.dumps(artifact_types)
    given = {"description": description, "access": access, "artifact_types": types}
    values = {column: value for column, value in given.items() if value is not None}
    store.db.update(Project, project.id, **(values | {"updated_at": now()}))
    return store.db.get(Project, project.id)


def rename_project(store: Store, project: Project, name: str) -> Project:
    """Gives the project another name.

    Raises:
        Conflict: another project has it.
    """
    if name != project.name and find_project(store, project.entity, name) is not None:
        raise Conflict(f"project {name!r} exists already under entity {project.entity!r}")
    store.db.update(Project, project.id, name=name, updated_at=now())
    return store.db.get(Project, project.id)


def ensure_project(store: Store, entity: str, name: str) -> Project:
    with store.db.transaction():
        return find_project(store, entity, name) or create_project(store, entity, name)


def ensure_registry(store: Store, short_name: str) -> Project:
    """The registry of that name, created when it is not there; `model` is project `wandb-registry-model`."""
    return ensure_project(store, store.organization.entity, REGISTRY_PREFIX + short_name)


def registries(store: Store) -> list[Project]:
    found = store.db.all(Project, "WHERE entity = ? ORDER BY name", store.organization.entity)
    return [project for project in found if project.is_registry]


def role_in(store: Store, project: Project, user: User) -> Role:
    """The user's role there: one given for this project, else the user's own.

    A personal entity belongs to one user: everybody else has no role in it.
    """
    rows = store.db.values(
        "SELECT role FROM project_roles WHERE project_id = ? AND user = ?", project.id, user.name
    )
    if rows:
        return Role[rows[0][0]]
    if project.entity not in (store.organization.entity, store.organization.team, user.name):
        return Role.NONE
    return user.role


def set_role(store: Store, project: Project, user: str, role: Role | None) -> None:
    """Gives a role in one project; None takes it back, so that the user's own role counts again."""
    with store.db.transaction():
        store.db.execute("DELETE FROM project_roles WHERE project_id = ? AND user = ?", project.id, user)
        if role is not None:
            store.db.execute("INSERT INTO project_roles VALUES (?, ?, ?)", project.id, user, role.name)


def protected_aliases(store: Store, project: Project) -> frozenset[str]:
    rows = store.db.values("SELECT alias FROM protected_aliases WHERE project_id = ?", project.id)
    return frozenset(alias for (alias,) in rows)


def protect_aliases(store: Store, project: Project, aliases: Iterable[str]) -> None:
    """Makes exactly these aliases protected in the registry."""
    with store.db.transaction():
        store.db.execute("DELETE FROM protected_aliases WHERE project_id = ?", project.id)
        for alias in sorted(set(aliases)):
            store.db.execute("INSERT INTO protected_aliases VALUES (?, ?)", project.id, alias)


def find_run(store: Store, project: Project, name: str) -> Run | None:
    return store.db.find(Run, "WHERE project_id = ? AND name = ?", project.id, name)


def upsert_run(store: Store, project: Project, name: str, user: str, **given: str | None) -> tuple[Run, bool]:
    """Creates or changes a run; answers it and whether it is new. Values of None change nothing."""
    values = {column: value for column, value in given.items() if value is not None}
    with store.db.transaction():
        run = find_run(store, project, name)
        if run is not None:
            store.db.update(Run, run.id, **(values | {"heartbeat_at": now()}))
            return store.db.get(Run, run.id), False
        moment = now()
        fresh = {"display_name": name, "tags": "[]", "config": "{}", "summary": "{}", "state": "running"}
        number = store.db.insert(
            Run,
            **(fresh | values),
            project_id=project.id,
            name=name,
            user=user,
            created_at=moment,
            heartbeat_at=moment,
        )
    return store.db.get(Run, number), True
