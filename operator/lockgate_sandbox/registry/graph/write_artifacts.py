"""What the mutations about runs and artifacts do: log, upload, commit, change, delete, use.

Rights are checked here, the rules of an artifact's life are in `artifacts`.
"""

from __future__ import annotations

import json
from typing import Any

from lockgate_sandbox.registry import artifacts, projects, versions
from lockgate_sandbox.registry.blobs import md5_hex
from lockgate_sandbox.registry.errors import Invalid, Missing
from lockgate_sandbox.registry.graph import links
from lockgate_sandbox.registry.graph.binding import Context, answers
from lockgate_sandbox.registry.identity import Role
from lockgate_sandbox.registry.rows import Artifact, Manifest, Project, Run, global_id, local_id

Input = dict[str, Any]


def home(context: Context, entity: str | None, name: str | None) -> Project:
    """The project to write to, created when the caller may and it is not a registry."""
    organization = context.store.organization
    entity = entity or organization.team
    found = context.access.project(entity, name)
    if found is None:
        if entity not in (organization.team, context.user.name):
            raise Missing(f"project {name!r} not found under entity {entity!r}")
        found = projects.ensure_project(context.store, entity, name or "uncategorized")
    return context.access.require(found, Role.MEMBER)


def artifact_to_change(context: Context, opaque: str) -> Artifact:
    found = context.store.db.get(Artifact, local_id("Artifact", opaque))
    context.access.require(context.access.home(found), Role.MEMBER)
    return found


@answers("Mutation")
def upsert_bucket(_: object, context: Context, input: Input) -> dict[str, Any]:  # noqa: A002
    project = home(context, input.get("entityName"), input.get("modelName"))
    tags = input.get("tags")
    run, inserted = projects.upsert_run(
        context.store,
        project,
        _run_name(context, input),
        context.user.name,
        display_name=input.get("displayName"),
        description=input.get("description"),
        notes=input.get("notes"),
        tags=None if tags is None else json.dumps(tags),
        group_name=input.get("groupName"),
        job_type=input.get("jobType"),
        config=input.get("config"),
        summary=input.get("summaryMetrics"),
        state=input.get("state"),
    )
    return {"bucket": run, "inserted": inserted}


def _run_name(context: Context, wanted: Input) -> str:
    if wanted.get("name"):
        return str(wanted["name"])
    if wanted.get("id"):
        return context.store.db.get(Run, local_id("Run", wanted["id"])).name
    raise Invalid("upsertBucket needs the name or the id of the run")


def _run(context: Context, wanted: Input) -> Run:
    project = home(context, wanted.get("entityName"), wanted.get("projectName"))
    run = projects.find_run(context.store, project, wanted["runName"])
    if run is None:
        raise Missing(f"run {wanted['runName']!r} not found in project {project.name!r}")
    return run


@answers("Mutation")
def create_run_files(_: object, context: Context, input: Input) -> dict[str, Any]:  # noqa: A002
    run = _run(context, input)
    files = [
        {
            "name": name,
            "uploadUrl": links.run_file_url(context.store, context.base_url, run, name, context.user.name),
        }
        for name in input["files"]
    ]
    return {"runID": global_id("Run", run.id), "uploadHeaders": [], "files": files}


@answers("Mutation")
def mark_run_files_uploaded(_: object, context: Context, input: Input) -> dict[str, bool]:  # noqa: A002
    _run(context, input)
    return {"success": True}


@answers("Mutation")
def create_artifact(_: object, context: Context, input: Input) -> dict[str, Artifact]:  # noqa: A002
    if input.get("digestAlgorithm") == "MANIFEST_XXH128":
        raise Invalid("digest algorithm MANIFEST_XXH128 is not offered here; use MANIFEST_MD5")
    project = home(context, input["entityName"], input["projectName"])
    names = input.get("artifactCollectionNames") or [input.get("artifactCollectionName")]
    run = projects.find_run(context.store, project, input.get("runName") or "")
    new = artifacts.NewArtifact(
        project=project,
        collection=names[0] or "",
        type=input["artifactTypeName"],
        digest=input["digest"],
        user=context.user.name,
        run_id=None if run is None else run.id,
        description=input.get("description"),
        metadata=input.get("metadata"),
        aliases=tuple(alias["alias"] for alias in input.get("aliases") or () if alias["alias"] != "latest"),
        ttl_seconds=input.get("ttlDurationSeconds"),
        history_step=input.get("historyStep"),
        client_id=input.get("clientID"),
        sequence_client_id=input.get("sequenceClientID"),
        reuse_same_digest=bool(input.get("enableDigestDeduplication")),
    )
    artifact = artifacts.create(context.store, new)
    versions.change_tags(context.store, artifact, [tag["tagName"] for tag in input.get("tags") or ()])
    return {"artifact": artifact}


@answers("Mutation")
def create_artifact_manifest(_: object, context: Context, input: Input) -> dict[str, Manifest]:  # noqa: A002
    artifact = artifact_to_change(context, input["artifactID"])
    is_base = input.get("type") in (None, "FULL")
    manifest = artifacts.begin_manifest(context.store, artifact, input["digest"], is_base=is_base)
    return {"artifactManifest": manifest}


@answers("Mutation")
def update_artifact_manifest(_: object, context: Context, input: Input) -> dict[str, Manifest]:  # noqa: A002
    manifest = context.store.db.get(Manifest, local_id("ArtifactManifest", input["artifactManifestID"]))
    artifact_to_change(context, global_id("Artifact", manifest.artifact_id))
    if input.get("digest"):
        context.store.db.update(Manifest, manifest.id, digest=input["digest"])
    return {"artifactManifest": context.store.db.get(Manifest, manifest.id)}


@answers("Mutation")
def create_artifact_files(_: object, context: Context, input: Input) -> dict[str, Any]:  # noqa: A002
    """One answer for each file asked about, in order; no upload address for content that is here already."""
    nodes = [_file_to_upload(context, spec) for spec in input["artifactFiles"]]
    edges = [{"node": node} for node in nodes]
    return {"files": {"edges": edges, "pageInfo": {"hasNextPage": False}, "totalCount": len(nodes)}}


def _file_to_upload(context: Context, spec: Input) -> dict[str, Any]:
    artifact = artifact_to_change(context, spec["artifactID"])
    wanted = md5_hex(spec["md5"])
    if not wanted:
        raise Invalid(f"md5 of file {spec['name']!r} is not a base64 MD5")
    here = context.store.blobs.content(wanted).exists()
    url = links.content_upload_url(context.store, context.base_url, wanted, context.user.name)
    return {
        "id": global_id("Upload", wanted),
        "name": spec["name"],
        "directUrl": "",
        "sizeBytes": 0,
        "digest": spec["md5"],
        "storagePath": f"wandb_artifact/{artifact.id}/{wanted}",
        "uploadUrl": None if here else url,
        "artifact": artifact,
    }


@answers("Mutation")
def commit_artifact(_: object, context: Context, input: Input) -> dict[str, Artifact]:  # noqa: A002
    return {"artifact": artifacts.commit(context.store, artifact_to_change(context, input["artifactID"]))}


@answers("Mutation")
def update_artifact(_: object, context: Context, input: Input) -> dict[str, Artifact]:  # noqa: A002
    artifact = artifact_to_change(context, input["artifactID"])
    metadata = input.get("metadata")
    if metadata is not None:
        _check_json(metadata)
    with context.store.db.transaction():
        artifact = artifacts.change(
            context.store,
            artifact,
            description=input.get("description"),
            metadata=metadata,
            ttl_seconds=input.get("ttlDurationSeconds"),
        )
        add = [tag["tagName"] for tag in input.get("tagsToAdd") or ()]
        remove = [tag["tagName"] for tag in input.get("tagsToDelete") or ()]
        versions.change_tags(context.store, artifact, add, remove)
    return {"artifact": artifact}


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        raise Invalid("metadata is not JSON") from None


@answers("Mutation")
def delete_artifact(_: object, context: Context, input: Input) -> dict[str, Artifact]:  # noqa: A002
    artifact = artifact_to_change(context, input["artifactID"])
    for member in artifacts.memberships_of(context.store, artifact):
        held = [alias.alias for alias in versions.aliases_of(context.store, member)]
        place = context.access.home_of(versions.collection_of(context.store, member))
        context.access.refuse_protected(place, held)
    return {
        "artifact": artifacts.delete(context.store, artifact, with_aliases=bool(input.get("deleteAliases")))
    }


@answers("Mutation")
def use_artifact(_: object, context: Context, input: Input) -> dict[str, Artifact]:  # noqa: A002
    artifact = context.store.db.get(Artifact, local_id("Artifact", input["artifactID"]))
    if not context.access.reads(artifact, Role.VIEWER):
        raise Missing(f"artifact {input['artifactID']!r} not found")
    run = _run(context, input)
    context.store.db.execute("INSERT INTO uses VALUES (?, ?) ON CONFLICT DO NOTHING", run.id, artifact.id)
    return {"artifact": artifact}
