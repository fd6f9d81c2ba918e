"""What one caller may do, asked before anything is shown or changed.

A registry in which the caller has no role does not exist for the caller; a known registry in which the role
is too low is a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from lockgate_sandbox.registry.errors import Denied
from lockgate_sandbox.registry.faults import FaultBook
from lockgate_sandbox.registry.identity import Role, User
from lockgate_sandbox.registry.projects import find_project, protected_aliases, role_in
from lockgate_sandbox.registry.rows import Artifact, Collection, Project
from lockgate_sandbox.registry.store import Store


@dataclass(frozen=True, slots=True)
class Access:
    store: Store
    faults: FaultBook
    user: User

    def project(self, entity: str | None, name: str | None) -> Project | None:
        """The project as this caller sees it: None when it is not there or hidden.

        Raises:
            Denied: a fault forbids this registry to this user.
        """
        project = find_project(self.store, entity or self.store.organization.team, name or "")
        return project if project is not None and self.sees(project) else None

    def sees(self, project: Project) -> bool:
        denial = self.faults.denial(user=self.user.name, registry=project.short_name)
        if denial is not None:
            if denial.hidden:
                return False
            raise Denied(f"permission denied: {self.user.name!r} may not read project {project.name!r}")
        return self.role(project) >= Role.RESTRICTED

    def role(self, project: Project) -> Role:
        return role_in(self.store, project, self.user)

    def require(self, project: Project, role: Role) -> Project:
        """The project, if the caller has at least that role in it.

        Raises:
            Denied: the caller has not.
        """
        if not self.sees(project) or self.role(project) < role:
            raise Denied(
                f"permission denied: {self.user.name!r} is {self.role(project).label} of project"
                f" {project.name!r}, this needs {role.label}"
            )
        return project

    def refuse(self, why: str) -> NoReturn:
        raise Denied(f"permission denied: {why}")

    def require_aliases(self, project: Project, aliases: Iterable[str]) -> None:
        """Refuses, if one of the aliases is protected there and the caller is not an admin of it."""
        touched = sorted(protected_aliases(self.store, project).intersection(aliases))
        if touched and self.role(project) < Role.ADMIN:
            raise Denied(
                f"permission denied: alias {', '.join(touched)} is protected in {project.name!r},"
                " only an admin of the registry may add or remove it"
            )

    def refuse_protected(self, project: Project, aliases: Iterable[str]) -> None:
        """Refuses, if one of the aliases is protected there, whoever the caller is."""
        held = sorted(protected_aliases(self.store, project).intersection(aliases))
        if held:
            raise Denied(
                f"permission denied: alias {', '.join(held)} is protected in {project.name!r},"
                " nobody may delete the artifact before it is removed"
            )

    def home(self, artifact: Artifact) -> Project:
        """The project the artifact was logged in."""
        return self.home_of(self.store.db.get(Collection, artifact.sequence_id))

    def home_of(self, collection: Collection) -> Project:
        return self.store.db.get(Project, collection.project_id)

    def reads(self, artifact: Artifact, role: Role = Role.RESTRICTED) -> bool:
        """Whether the caller may read it where it was logged or in a registry it is linked into.

        Raises:
            Denied: a fault forbids a place it is in, and no other place is open.
        """
        rows = self.store.db.values(
            "SELECT DISTINCT c.project_id FROM memberships m JOIN collections c ON c.id = m.collection_id"
            " WHERE m.artifact_id = ?",
            artifact.id,
        )
        places = {self.home(artifact).id, *(number for (number,) in rows)}
        denied: Denied | None = None
        for number in sorted(places):
            try:
                project = self.store.db.get(Project, number)
                if self.sees(project) and self.role(project) >= role:
                    return True
            except Denied as error:  # another place may still be open
                denied = error
        if denied is not None:
            raise denied
        return False
