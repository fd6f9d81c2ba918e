"""An API server that does as a test says: lists, streams with bookmarks, and every way to fail.

It keeps objects by collection and tells of them by versions, as the real one does; real kopf and
the real session go against it over loopback.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web
from kubernetes import client

from lockgate.domain.resources import HTTP_ROUTE, WATCHED, Object, Resource, key_of
from lockgate.kube.credentials import Credentials
from lockgate.names import MANAGED_SELECTOR

Fault = Callable[[web.Request], web.StreamResponse | None]
STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "as the test says"}
NAMESPACE = Resource(group="", version="v1", kind="Namespace", plural="namespaces", namespaced=False)
KINDS = (*WATCHED, HTTP_ROUTE)
VERSIONS = {resource.api_version for resource in KINDS}
VERBS = ["get", "list", "watch", "patch", "create"]
LARGEST_PAGE = 100


class ScriptedApiServer:
    """Start it, put objects, set faults."""

    def __init__(self) -> None:
        self.version = 100
        self.fault: Fault = lambda request: None
        self.stream_error: dict[str, int] = {}
        """Streams of a plural end in an error of this code."""
        self.errors_told = 0
        self.garbage: set[str] = set()
        """Streams of a plural begin with what is no JSON."""
        self.silent = asyncio.Event()
        """While set, no stream says anything, not even goodbye."""
        self.absent: set[str] = set()
        """Plurals that discovery and collections do not know."""
        self.deaf: set[str] = set()
        """Plurals whose streams are open and tell bookmarks, but nothing of objects."""
        self.requests: list[tuple[str, bool]] = []
        self.streams: defaultdict[str, int] = defaultdict(int)
        self._items: dict[tuple[Resource, str, str], Object] = {}
        self._log: list[tuple[int, Resource, str, Object]] = []
        self._told = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.port = 0
        self._begins_at = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def credentials(self) -> Credentials:
        configuration = client.Configuration()
        configuration.host = self.url
        configuration.api_key = {}
        return Credentials(configuration)

    async def start(self) -> "ScriptedApiServer":
        """Listen, on the same port the second time."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Be gone: connections are refused, streams are cut."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def put(self, resource: Resource, obj: Object, *, tell: bool = True) -> Object:
        """Somebody creates or changes an object."""
        place = (resource, *key_of(obj))
        self.version += 1
        kept = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        kind = "MODIFIED" if place in self._items else "ADDED"
        self._items[place] = kept
        await self._tell(resource, kind, kept, tell)
        return kept

    async def drop(self, resource: Resource, namespace: str, name: str, *, tell: bool = True) -> None:
        """Somebody deletes an object."""
        self.version += 1
        gone = self._items.pop((resource, namespace, name))
        gone["metadata"]["resourceVersion"] = str(self.version)
        await self._tell(resource, "DELETED", gone, tell)

    def restore(self, version: int) -> None:
        """Versions count from an earlier one, and nobody knows of what came later."""
        self.version = version
        self._log.clear()

    async def _tell(self, resource: Resource, kind: str, obj: Object, tell: bool) -> None:
        if tell:
            self._log.append((self.version, resource, kind, obj))
        told, self._told = self._told, asyncio.Event()
        told.set()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        watch = request.query.get("watch") == "true"
        self.requests.append((request.path, watch))
        broken = self.fault(request)
        if broken is not None:
            return broken
        if request.path in (
            "/api",
            "/apis",
            *(f"/api/{g}" for g in VERSIONS),
            *(f"/apis/{g}" for g in VERSIONS),
        ):
            return self._discovery(request.path)
        for resource in KINDS:
            namespace = _namespace_in(request.path)
            if request.path == resource.path(namespace) and resource.plural not in self.absent:
                assert not resource.managed_only or request.query.get("labelSelector") == MANAGED_SELECTOR
                if watch:
                    return await self._stream(request, resource, namespace)
                return self._list(request, resource, namespace)
        return refusal(404)

    def _discovery(self, path: str) -> web.Response:
        if path == "/api":
            return web.json_response({"versions": ["v1"]})
        groups = sorted({resource.group for resource in KINDS} - {""})
        if path == "/apis":
            named = [
                {"name": group, "versions": [{"version": v}], "preferredVersion": {"version": v}}
                for group in groups
                for v in {resource.version for resource in KINDS if resource.group == group}
            ]
            return web.json_response({"groups": named})
        known = [
            r for r in (*KINDS, NAMESPACE) if path.endswith(r.api_version) and r.plural not in self.absent
        ]
        return web.json_response(
            {
                "resources": [
                    {
                        "name": r.plural,
                        "singularName": r.kind.lower(),
                        "kind": r.kind,
                        "namespaced": r.namespaced,
                        "verbs": VERBS,
                    }
                    for r in known
                ]
            }
        )

    def _list(self, request: web.Request, resource: Resource, namespace: str) -> web.Response:
        named = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        items = [
            {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}
            for (kind, place, _), obj in sorted(self._items.items(), key=lambda item: item[0][1:])
            if kind is resource and namespace in ("", place) and named in ("", obj["metadata"]["name"])
        ]
        begin, limit = int(request.query.get("continue") or 0), int(request.query.get("limit") or 0)
        # Anybody may hang a megabyte on each object: whoever lists many at once may not hold them.
        assert 0 < limit <= LARGEST_PAGE
        metadata: dict[str, Any] = {"resourceVersion": str(self.version)}
        if len(items) > begin + limit:
            metadata["continue"] = str(begin + limit)
        return web.json_response(
            {
                "kind": f"{resource.kind}List",
                "apiVersion": resource.api_version,
                "metadata": metadata,
                "items": items[begin : begin + limit],
            }
        )

    async def _stream(self, request: web.Request, resource: Resource, namespace: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self.streams[resource.plural] += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                async for line in self._lines(request, resource, namespace):
                    await response.write(line)
        finally:
            self.streams[resource.plural] -= 1
        return response

    async def _lines(self, request: web.Request, resource: Resource, namespace: str) -> AsyncIterator[bytes]:
        if resource.plural in self.garbage:
            yield b'{"type": "MODIFIED", "obj\n'
            return
        loop = asyncio.get_running_loop()
        seen = int(request.query.get("resourceVersion") or 0)
        ends = loop.time() + float(request.query.get("timeoutSeconds") or 1800)
        while loop.time() < ends and resource.plural not in self.stream_error:
            told = self._told
            for version, line in self._news(resource, namespace, seen):
                seen = version
                yield line
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(0.5, max(0.01, ends - loop.time()))):
                    await told.wait()
            if self.silent.is_set():
                ends = loop.time() + 3600
        if resource.plural in self.stream_error:
            self.errors_told += 1
            yield _line("ERROR", {**STATUS, "code": self.stream_error[resource.plural]})
            return
        # A bookmark promises that all before it was told: what came in the last moment comes first.
        while news := self._news(resource, namespace, seen):
            for version, line in news:
                seen = version
                yield line
        bookmark = {"resourceVersion": str(max(seen, self.version))}
        yield _line("BOOKMARK", {"kind": resource.kind, "metadata": bookmark})

    def _news(self, resource: Resource, namespace: str, seen: int) -> list[tuple[int, bytes]]:
        """What a stream has yet to tell after a version."""
        if resource.plural in self.deaf or self.silent.is_set():
            return []
        told = {"kind": resource.kind, "apiVersion": resource.api_version}
        return [
            (version, _line(type_, told | obj))
            for version, kind, type_, obj in self._log
            if version > seen and kind is resource and namespace in ("", key_of(obj)[0])
        ]


def refusal(code: int) -> web.Response:
    """A refusal as the API server words it."""
    return web.json_response({**STATUS, "code": code}, status=code)


def html() -> web.Response:
    """What a proxy says with code 200."""
    return web.Response(text="<html>please log in</html>", content_type="text/html")


def _line(type_: str, obj: Object) -> bytes:
    return json.dumps({"type": type_, "object": obj}, separators=(",", ":")).encode() + b"\n"


def _namespace_in(path: str) -> str:
    parts = path.split("/")
    return parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""
