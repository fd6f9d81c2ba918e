"""Uploads, downloads and the run's stream: everything the client does beside GraphQL.

Signed addresses need no key; the older direct addresses do. Content is streamed, never held whole.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from aiohttp import web

from lockgate_sandbox.registry.access import Access
from lockgate_sandbox.registry.blobs import md5_hex
from lockgate_sandbox.registry.errors import Denied, Missing
from lockgate_sandbox.registry.faults import FaultKind
from lockgate_sandbox.registry.identity import Role
from lockgate_sandbox.registry.projects import find_run
from lockgate_sandbox.registry.rows import REGISTRY_PREFIX, Artifact, Manifest, Run, StoredFile
from lockgate_sandbox.registry.services import Services
from lockgate_sandbox.registry.versions import find_collection
from lockgate_sandbox.registry.web.context import RECORD, SERVICES, json_object, meet_faults

routes = web.RouteTableDef()
CHUNK = 256 * 1024  # bytes


def _signed_user(request: web.Request) -> str:
    """For whom the address was signed.

    Raises:
        Denied: the signature is not ours.
    """
    user = request.query.get("for", "")
    expected = request.app[SERVICES].store.sign(f"{request.path}?{user}")
    if not hmac.compare_digest(expected, request.query.get("signature", "")):
        raise Denied("the signature of this address is not valid")
    return user


# --- downloads


@routes.get("/storage/files/{number:\\d+}/{path:.*}")
async def download(request: web.Request) -> web.StreamResponse:
    user = _signed_user(request)
    file = request.app[SERVICES].store.db.get(StoredFile, int(request.match_info["number"]))
    return await _send(request, file, user)


@routes.get("/storage/manifests/{number:\\d+}")
async def download_manifest(request: web.Request) -> web.StreamResponse:
    user = _signed_user(request)
    trouble = await meet_faults(request, ["download", "manifest"], user)
    if trouble is not None:
        return trouble
    path = request.app[SERVICES].store.blobs.manifest(int(request.match_info["number"]))
    if not path.exists():
        raise Missing("the manifest was not uploaded")
    return web.FileResponse(path, headers={"Content-Type": "application/json"})


@routes.get("/artifactsV2/{region}/{entity}/{project}/{collection}/{rest:.*}")
async def download_by_digest(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    user = services.door.user(request.headers.get("Authorization"))
    info = request.match_info
    access = Access(services.store, services.faults, user)
    project = access.project(info["entity"], info["project"])
    collection = project and find_collection(services.store, project, info["collection"])
    if project is None or collection is None:
        raise Missing(f"collection {info['collection']!r} not found in {info['project']!r}")
    access.require(project, Role.VIEWER)
    *_, digest, name = info["rest"].split("/") if "/" in info["rest"] else ("", "")
    where = "WHERE artifact_id IN (SELECT artifact_id FROM memberships WHERE collection_id = ?)"
    for file in services.store.db.all(StoredFile, where, collection.id):
        if md5_hex(file.digest) == digest and Path(file.path).name == name:
            return await _send(request, file, user.name)
    raise Missing(f"file {name!r} not found in collection {info['collection']!r}")


async def _send(request: web.Request, file: StoredFile, user: str) -> web.StreamResponse:
    services = request.app[SERVICES]
    trouble = await meet_faults(request, ["download", file.path], user)
    if trouble is not None:
        return trouble
    record = request[RECORD]
    places = _places(services, file)
    if services.faults.for_file(FaultKind.MISSING_FILE, places, file.path, user):
        record.faults.append(FaultKind.MISSING_FILE)
        raise Missing(f"file {file.path!r} is not there")
    path = services.store.blobs.content(md5_hex(file.digest))
    if not path.exists():
        raise Missing(f"file {file.path!r} is not there")
    record.bytes_out = file.size
    if services.faults.for_file(FaultKind.CORRUPT, places, file.path, user):
        record.faults.append(FaultKind.CORRUPT)
        return await _send_damaged(request, path, file.size)
    return web.FileResponse(path, chunk_size=CHUNK, headers={"Content-Type": "application/octet-stream"})


def _places(services: Services, file: StoredFile) -> list[tuple[str, str]]:
    """The (registry or project, collection) pairs the file can be reached by."""
    rows = services.store.db.values(
        "SELECT p.name, c.name FROM memberships m JOIN collections c ON c.id = m.collection_id"
        " JOIN projects p ON p.id = c.project_id WHERE m.artifact_id = ?",
        services.store.db.get(Artifact, file.artifact_id).id,
    )
    return [(project.removeprefix(REGISTRY_PREFIX), collection) for project, collection in rows]


async def _send_damaged(request: web.Request, path: Path, size: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    response.content_length = size
    await response.prepare(request)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            await response.write(bytes((chunk[0] ^ 0xFF,)) + chunk[1:])
    await response.write_eof()
    return response


# --- uploads


async def _receive(request: web.Request, target: Path, expected_md5: str = "") -> web.StreamResponse:
    user = _signed_user(request)
    trouble = await meet_faults(request, ["upload"], user)
    if trouble is not None:
        return trouble
    with request.app[SERVICES].store.blobs.writing(target, expected_md5) as upload:
        async for chunk in request.content.iter_chunked(CHUNK):
            upload.write(chunk)
    request[RECORD].bytes_in = upload.size
    return web.json_response({})


@routes.put("/storage/contents/{md5:[0-9a-f]{32}}")
async def upload_content(request: web.Request) -> web.StreamResponse:
    md5 = request.match_info["md5"]
    return await _receive(request, request.app[SERVICES].store.blobs.content(md5), md5)


@routes.put("/storage/manifests/{number:\\d+}")
async def upload_manifest(request: web.Request) -> web.StreamResponse:
    store = request.app[SERVICES].store
    manifest = store.db.get(Manifest, int(request.match_info["number"]))
    return await _receive(request, store.blobs.manifest(manifest.id), md5_hex(manifest.digest))


@routes.put("/storage/runs/{number:\\d+}/{name:.*}")
async def upload_run_file(request: web.Request) -> web.StreamResponse:
    target = request.app[SERVICES].store.blobs.run_file(
        int(request.match_info["number"]), request.match_info["name"]
    )
    return await _receive(request, target)


@routes.post("/files/{entity}/{project}/{run}/file_stream")
async def file_stream(request: web.Request) -> web.StreamResponse:
    """Takes what a run reports; only that it ended is kept."""
    services = request.app[SERVICES]
    user = services.door.user(request.headers.get("Authorization"))
    trouble = await meet_faults(request, ["file_stream"], user.name)
    if trouble is not None:
        return trouble
    info = request.match_info
    project = Access(services.store, services.faults, user).project(info["entity"], info["project"])
    run = project and find_run(services.store, project, info["run"])
    if run is None:
        raise Missing(f"run {info['run']!r} not found in project {info['project']!r}")
    report = await json_object(request)
    if report.get("complete"):
        state = "failed" if report.get("exitcode") else "finished"
        services.store.db.update(Run, run.id, state=state)
    return web.json_response({"exitcode": None, "limits": {}})


@routes.post("/sdk/otel/v1/{signal}")
async def telemetry(request: web.Request) -> web.Response:
    """Takes the client's own telemetry and drops it."""
    return web.json_response({})
