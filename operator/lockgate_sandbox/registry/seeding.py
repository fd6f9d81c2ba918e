"""Fast ways to fill a registry for tests: straight into the store, without the client and without requests.

What is written is what the client would have made it write, through the same rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lockgate_sandbox.registry import artifacts, projects, versions
from lockgate_sandbox.registry.blobs import md5_base64, md5_hex
from lockgate_sandbox.registry.errors import Missing
from lockgate_sandbox.registry.identity import Role
from lockgate_sandbox.registry.rows import Artifact, ArtifactState, Collection, Membership, Project, global_id
from lockgate_sandbox.registry.store import Store

PROJECT = "training"  # where seeded artifacts were "logged"
USER = "admin"


@dataclass(frozen=True, slots=True)
class SeededVersion:
    """What a seeded version is known by from outside."""

    registry: str
    collection: str
    version: str  # "v3" in the registry; "" while pending
    artifact_id: str
    digest: str

    @property
    def path(self) -> str:
        return f"wandb-registry-{self.registry}/{self.collection}:{self.version}"


class Seeding:
    """Writes to a store as if clients had been at work."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def seed_version(
        self,
        *,
        registry: str = "model",
        collection: str = "churn",
        files: Mapping[str, bytes] | None = None,
        references: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        aliases: Iterable[str] = (),
        tags: Iterable[str] = (),
        artifact_type: str = "model",
        pending: bool = False,
    ) -> SeededVersion:
        """A new version in the registry, with its collection; the same files again are the same version.

        Without `files` and `references` the version is empty. `references` maps a name to a URI. `pending`
        leaves the artifact uncommitted, so that it is in no registry yet.
        """
        manifest = _manifest(files or {}, references or {})
        with self.store.db.transaction():
            place = projects.ensure_registry(self.store, registry)
            artifact = self._begin(f"{registry}-{collection}", artifact_type, manifest, metadata or {})
            versions.change_tags(self.store, artifact, tags)
            if pending:
                return SeededVersion(registry, collection, "", _id(artifact), artifact.digest)
            if artifact.state == ArtifactState.PENDING:
                self._upload(artifact, manifest, files or {})
                artifact = artifacts.commit(self.store, artifact)
            member = artifacts.link(self.store, artifact, place, collection, aliases)
        return SeededVersion(registry, collection, f"v{member.version_index}", _id(artifact), artifact.digest)

    def _begin(
        self, sequence: str, artifact_type: str, manifest: dict[str, Any], metadata: Mapping[str, Any]
    ) -> Artifact:
        new = artifacts.NewArtifact(
            project=projects.ensure_project(self.store, self.store.organization.team, PROJECT),
            collection=sequence,
            type=artifact_type,
            digest=_digest(manifest),
            user=USER,
            metadata=json.dumps(metadata),
            reuse_same_digest=True,
        )
        return artifacts.create(self.store, new)

    def _upload(self, artifact: Artifact, manifest: dict[str, Any], files: Mapping[str, bytes]) -> None:
        for content in files.values():
            self.store.blobs.put(self.store.blobs.content(md5_hex(md5_base64(content))), content)
        for entry in manifest["contents"].values():
            if "ref" not in entry:
                entry["birthArtifactID"] = _id(artifact)
        body = json.dumps(manifest).encode()
        stored = artifacts.begin_manifest(self.store, artifact, md5_base64(body), is_base=True)
        self.store.blobs.put(self.store.blobs.manifest(stored.id), body)

    def move_alias(self, registry: str, collection: str, alias: str, version: str) -> None:
        """Points the alias at `v3`, away from whichever version had it.

        Raises:
            Missing: there is no such registry, collection or version.
        """
        found, member = self._version(registry, collection, version)
        versions.add_alias(self.store, found, member, alias)

    def remove_alias(self, registry: str, collection: str, alias: str) -> None:
        """Takes the alias off whichever version has it.

        Raises:
            Missing: no version has it.
        """
        found, member = self._version(registry, collection, alias)
        versions.remove_alias(self.store, found, member, alias)

    def remove_version(self, registry: str, collection: str, version: str) -> None:
        """Unlinks the version; its number is not given again."""
        versions.remove_version(self.store, *self._version(registry, collection, version))

    def mark_pending(self, registry: str, collection: str, version: str) -> None:
        """Makes a linked version look as if its upload had not ended (a server may show one so)."""
        _, member = self._version(registry, collection, version)
        self.store.db.update(Artifact, member.artifact_id, state=ArtifactState.PENDING)

    def set_metadata(self, registry: str, collection: str, version: str, metadata: Mapping[str, Any]) -> None:
        """Replaces the version's metadata."""
        _, member = self._version(registry, collection, version)
        artifact = self.store.db.get(Artifact, member.artifact_id)
        artifacts.change(self.store, artifact, metadata=json.dumps(metadata))

    def set_tags(
        self,
        registry: str,
        collection: str,
        version: str,
        *,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
    ) -> None:
        _, member = self._version(registry, collection, version)
        versions.change_tags(self.store, self.store.db.get(Artifact, member.artifact_id), add, remove)

    def protect_aliases(self, registry: str, *aliases: str) -> None:
        """Makes exactly these aliases protected in the registry."""
        projects.protect_aliases(self.store, projects.ensure_registry(self.store, registry), aliases)

    def set_role(self, registry: str, user: str, role: Role | None) -> None:
        """Gives a user another role in one registry; None gives back the user's own."""
        projects.set_role(self.store, projects.ensure_registry(self.store, registry), user, role)

    def aliases(self, registry: str, collection: str) -> dict[str, str]:
        """What each alias of the collection points at, such as `{"production": "v3"}`."""
        rows = self.store.db.values(
            "SELECT a.alias, m.version_index FROM aliases a JOIN memberships m ON m.id = a.membership_id"
            " WHERE a.collection_id = ?",
            self._collection(registry, collection).id,
        )
        return {alias: f"v{number}" for alias, number in rows}

    def _collection(self, registry: str, collection: str) -> Collection:
        place: Project = projects.ensure_registry(self.store, registry)
        found = versions.find_collection(self.store, place, collection)
        if found is None:
            raise Missing(f"registry {registry!r} has no collection {collection!r}")
        return found

    def _version(self, registry: str, collection: str, name: str) -> tuple[Collection, Membership]:
        found = self._collection(registry, collection)
        member = versions.membership_of(self.store, found, name)
        if member is None:
            raise Missing(f"collection {collection!r} of registry {registry!r} has no {name!r}")
        return found, member


def _id(artifact: Artifact) -> str:
    return global_id("Artifact", artifact.id)


def _manifest(files: Mapping[str, bytes], references: Mapping[str, str]) -> dict[str, Any]:
    contents: dict[str, dict[str, Any]] = {
        name: {"digest": md5_base64(content), "size": len(content)} for name, content in files.items()
    }
    for name, uri in references.items():
        contents[name] = {"digest": uri, "ref": uri, "size": 0}
    policy = {"storageLayout": "V2"}
    return {
        "version": 1,
        "storagePolicy": "wandb-storage-policy-v1",
        "storagePolicyConfig": policy,
        "contents": contents,
    }


def _digest(manifest: dict[str, Any]) -> str:
    """The artifact's digest as the client computes it from a manifest."""
    lines = "".join(f"{path}:{entry['digest']}\n" for path, entry in sorted(manifest["contents"].items()))
    return hashlib.md5(f"wandb-artifact-manifest-v1\n{lines}".encode(), usedforsecurity=False).hexdigest()
