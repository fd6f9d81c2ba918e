"""The HTTP application: which address leads where, and what happens around every request.

Around means: recorded, and answered in words when it was refused. The answers themselves are made in
`queries`, `storage` and `admin`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from lockgate_sandbox.registry.database import now
from lockgate_sandbox.registry.errors import Missing, RegistryError
from lockgate_sandbox.registry.requestlog import RequestRecord
from lockgate_sandbox.registry.services import Services
from lockgate_sandbox.registry.web import admin, queries, storage
from lockgate_sandbox.registry.web.context import RECORD, SERVICES

LARGEST_QUERY = 64 * 1024 * 1024  # bytes, after decompression

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_application(services: Services) -> web.Application:
    """The application, ready to be run on any loop."""
    app = web.Application(middlewares=[_around], client_max_size=LARGEST_QUERY)
    app[SERVICES] = services
    for module in (admin, queries, storage):
        app.add_routes(module.routes)
    app.router.add_get("/healthz", _healthy)
    app.router.add_route("*", "/{rest:.*}", _not_here)
    return app


async def _healthy(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _not_here(request: web.Request) -> web.Response:
    raise Missing(f"there is nothing at {request.method} {request.path}")


@web.middleware
async def _around(request: web.Request, handler: Handler) -> web.StreamResponse:
    record = RequestRecord(at=now(), method=request.method, path=request.path)
    request[RECORD] = record
    begun = time.monotonic()
    try:
        response = await _answer(request, handler)
        record.status = response.status
        record.bytes_out = record.bytes_out or int(response.headers.get("Content-Length") or 0)
        return response
    finally:
        record.seconds = round(time.monotonic() - begun, 6)
        record.bytes_in = record.bytes_in or int(request.headers.get("Content-Length") or 0)
        if not request.path.startswith(("/_sandbox/", "/healthz")):
            request.app[SERVICES].requests.add(record)


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RegistryError as error:
        body = {"errors": [{"message": str(error), "extensions": {"code": error.code}}]}
        return web.json_response(body, status=error.status)
