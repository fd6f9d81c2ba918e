"""What the query fields about manifests and files answer, with addresses to fetch them from.

Addresses are given only to those who may download. Nothing is changed here.
"""

from __future__ import annotations

from typing import Any

from lockgate_sandbox.registry import artifacts
from lockgate_sandbox.registry.blobs import md5_hex
from lockgate_sandbox.registry.errors import Denied
from lockgate_sandbox.registry.graph import links
from lockgate_sandbox.registry.graph.binding import Context, answers, connection
from lockgate_sandbox.registry.identity import Role
from lockgate_sandbox.registry.rows import (
    Artifact,
    ArtifactState,
    Collection,
    Manifest,
    Membership,
    StoredFile,
    global_id,
)


@answers("Artifact", "currentManifest")
def current_manifest(source: Artifact, context: Context) -> Manifest | None:
    return artifacts.base_manifest(context.store, source)


@answers("ArtifactManifest", "id")
def manifest_id(source: Manifest, context: Context) -> str:
    return global_id("ArtifactManifest", source.id)


@answers("ArtifactManifest", "file")
def file_of_manifest(source: Manifest, context: Context) -> dict[str, Any]:
    url = links.manifest_url(context.store, context.base_url, source, context.user.name)
    path = context.store.blobs.manifest(source.id)
    return {
        "id": global_id("ManifestFile", source.id),
        "name": "wandb_manifest.json",
        "directUrl": url,
        "url": url,
        "uploadUrl": url,
        "uploadHeaders": [],
        "sizeBytes": path.stat().st_size if path.exists() else 0,
        "digest": source.digest,
    }


@answers("Artifact", "files", "filesByManifestEntries")
def files_of_artifact(source: Artifact, context: Context, **wanted: Any) -> dict[str, Any]:
    if not context.access.reads(source, Role.VIEWER):
        raise Denied(f"permission denied: {context.user.name!r} may see this version but not download it")
    return _files(source, context, **wanted)


@answers("ArtifactCollectionMembership", "files")
def files_of_membership(source: Membership, context: Context, **wanted: Any) -> dict[str, Any]:
    collection = context.store.db.get(Collection, source.collection_id)
    context.access.require(context.access.home_of(collection), Role.VIEWER)
    return _files(context.store.db.get(Artifact, source.artifact_id), context, **wanted)


def _files(
    artifact: Artifact,
    context: Context,
    names: list[str] | None = None,
    entries: list[dict[str, Any]] | None = None,
    after: str | None = None,
    first: int | None = None,
    **_: Any,
) -> dict[str, Any]:
    wanted = set(names or ()) | {entry["name"] for entry in entries or ()}
    listed = artifacts.files_of(context.store, artifact) if artifact.state == ArtifactState.COMMITTED else []
    return connection([file for file in listed if not wanted or file.path in wanted], after, first)


@answers("File", "id")
def file_id(source: StoredFile | dict[str, Any], context: Context) -> str:
    return source["id"] if isinstance(source, dict) else global_id("File", source.id)


@answers("File", "name", "displayName")
def file_name(source: StoredFile | dict[str, Any], context: Context) -> str:
    return source["name"] if isinstance(source, dict) else source.path


@answers("File", "directUrl", "url")
def direct_url(source: StoredFile | dict[str, Any], context: Context, **_: Any) -> str:
    if isinstance(source, dict):
        return str(source["directUrl"])
    return links.file_url(context.store, context.base_url, source, context.user.name)


@answers("File", "sizeBytes")
def size_bytes(source: StoredFile | dict[str, Any], context: Context) -> int:
    return int(source["sizeBytes"]) if isinstance(source, dict) else source.size


@answers("File", "md5")
def md5(source: StoredFile | dict[str, Any], context: Context) -> str | None:
    return source.get("digest") if isinstance(source, dict) else source.digest


@answers("File", "storagePath")
def storage_path(source: StoredFile | dict[str, Any], context: Context) -> str | None:
    if isinstance(source, dict):
        return source.get("storagePath")
    return f"wandb_artifact/{source.artifact_id}/{md5_hex(source.digest)}"


@answers("File", "uploadHeaders")
def upload_headers(source: StoredFile | dict[str, Any], context: Context) -> list[str]:
    return []
