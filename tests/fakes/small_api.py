"""A small API server for the tool of people: objects over HTTP, with versions, pages, watches and refusals.

It knows just what the tool relies on, and counts what it was asked. What a real API server makes of the
same requests is tested in tests/integration.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from lockgate.cli.door import Door
from lockgate.kube.kubeconfig import Login

Json = dict[str, Any]
_KINDS = {"modeldeployments": "ModelDeployment", "pods": "Pod", "deployments": "Deployment"}


class SmallApi:
    """Objects by plural, namespace and name. `refused` answers a request instead, by method and plural."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.requests: list[tuple[str, str, Json]] = []
        self.refused: dict[tuple[str, str], tuple[int, Json]] = {}
        self.user: str | None = "jane@example.com"
        self.patched: Callable[[Json], None] = lambda obj: None
        """Called with each object that was patched for good, as the operator that sees it."""
        self.version = 100
        self._events: defaultdict[str, list[tuple[int, str, Json]]] = defaultdict(list)
        self._news = asyncio.Event()
        self.closing = False

    def put(self, plural: str, obj: Json) -> Json:
        """Make an object be there like this, and tell who watches."""
        self.version += 1
        key = (plural, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        type_ = "MODIFIED" if key in self.objects else "ADDED"
        made = json.loads(json.dumps(obj))
        made["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = made
        self._tell(plural, type_, made)
        return made

    def status(self, name: str, **fields: Any) -> None:
        """Write into a status, as the operator does."""
        obj = self.objects["modeldeployments", "growth", name]
        self.put("modeldeployments", obj | {"status": obj.get("status", {}) | fields})

    def delete(self, plural: str, name: str, namespace: str = "growth") -> None:
        """The object is gone."""
        self.version += 1
        gone = self.objects.pop((plural, namespace, name))
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._tell(plural, "DELETED", gone)

    def asked(self, method: str, plural: str) -> list[Json]:
        """The queries of all requests of that kind, watches aside."""
        return [
            q for m, path, q in self.requests if m == method and f"/{plural}" in path and "watch" not in q
        ]

    def _tell(self, plural: str, type_: str, obj: Json) -> None:
        self._events[plural].append((self.version, type_, obj))
        self._news.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        parts = request.path.strip("/").split("/")
        query = dict(request.query)
        self.requests.append((request.method, request.path, query))
        if parts[-1] == "selfsubjectreviews":
            told = {"userInfo": {"username": self.user}} if self.user else {}
            return web.json_response({"kind": "SelfSubjectReview", "status": told}, status=201)
        if parts[:3] == ["api", "v1", "namespaces"] and len(parts) == 4:
            return _refusal(404, parts[3])
        start = 2 if parts[0] == "api" else 3
        rest = parts[start:]
        namespace = rest.pop(1) if rest[0] == "namespaces" else ""
        rest = rest[1:] if rest[0] == "namespaces" else rest
        plural, name = rest[0], rest[1] if len(rest) > 1 else ""
        if (request.method, plural) in self.refused:
            code, body = self.refused[request.method, plural]
            return web.json_response(body, status=code)
        if name:
            return await self._one(request, (plural, namespace, name), query)
        if "watch" in query:
            return await self._watch(request, plural, namespace, query)
        return self._list(plural, namespace, query)

    async def _one(self, request: web.Request, key: tuple[str, str, str], query: Json) -> web.Response:
        obj = self.objects.get(key)
        if obj is None:
            return _refusal(404, key[2])
        if request.method == "GET":
            return web.json_response(obj)
        patch = json.loads(await request.read())
        assert request.headers["Content-Type"] == "application/merge-patch+json"
        wanted = patch["metadata"].pop("resourceVersion")
        if wanted != obj["metadata"]["resourceVersion"]:
            return _refusal(409, key[2])
        new = _merged(obj, patch)
        if new["spec"] != obj["spec"]:
            new["metadata"]["generation"] += 1
        if query.get("dryRun") == "All":
            return web.json_response(new)
        made = self.put(key[0], new)
        self.patched(made)
        return web.json_response(made)

    def _list(self, plural: str, namespace: str, query: Json) -> web.Response:
        every = sorted(key for key in self.objects if key[0] == plural and namespace in ("", key[1]))
        every = [key for key in every if _is_chosen(self.objects[key], query)]
        start, limit = int(query.get("continue", 0)), int(query.get("limit", len(every) + 1))
        metadata: Json = {"resourceVersion": str(self.version)}
        if start + limit < len(every):
            metadata["continue"] = str(start + limit)
        items = [self.objects[key] for key in every[start : start + limit]]
        return web.json_response({"kind": f"{_KINDS[plural]}List", "metadata": metadata, "items": items})

    async def _watch(
        self, request: web.Request, plural: str, namespace: str, query: Json
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        seen = int(query["resourceVersion"])
        while not self.closing:
            self._news.clear()
            for version, type_, obj in list(self._events[plural]):
                inside = namespace in ("", obj["metadata"].get("namespace", ""))
                if version > seen and inside and _is_chosen(obj, query):
                    seen = version
                    await response.write(json.dumps({"type": type_, "object": obj}).encode() + b"\n")
            await self._news.wait()
        return response


def _is_chosen(obj: Json, query: Json) -> bool:
    name = query.get("fieldSelector", "").removeprefix("metadata.name=")
    return name in ("", obj["metadata"]["name"])


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = _merged(new.get(name), value)
    return new


def _refusal(code: int, name: str) -> web.Response:
    body = {"kind": "Status", "code": code, "message": f"{name}: {code}", "details": {"name": name}}
    return web.json_response(body, status=code)


class Anonymous:
    """Credentials for a server on this machine."""

    def __init__(self, server: str) -> None:
        self.server = server

    def ssl_context(self) -> bool:
        return False

    def headers(self) -> dict[str, str]:
        return {}


@asynccontextmanager
async def small_api() -> AsyncIterator[tuple[SmallApi, Door]]:
    """The server, and a door to it."""
    api, app = SmallApi(), web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    door = Door(Login(credentials=Anonymous(server), namespace="growth", user="of-the-kubeconfig"))
    try:
        yield api, door
    finally:
        api.closing = True
        api._news.set()
        await door.close()
        await runner.cleanup()
