"""The HTTP application: which address leads where, and what happens around every request.

Around means: recorded, known by its key, and met by the faults in force. The answers themselves are made
in `queries`, `storage` and `admin`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from lockgate_sandbox.registry.database import now
from lockgate_sandbox.registry.errors import Invalid, Missing, RegistryError
from lockgate_sandbox.registry.faults import Fault, FaultBook, FaultKind
from lockgate_sandbox.registry.identity import Door
from lockgate_sandbox.registry.requestlog import RequestLog, RequestRecord
from lockgate_sandbox.registry.store import Store

LARGEST_QUERY = 64 * 1024 * 1024  # bytes, after decompression
WEB_PAGE = "<!doctype html><html><head><title>Sign in</title></head><body>Sign in to go on.</body></html>"

log = logging.getLogger("lockgate_sandbox.registry")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Services:
    """All that the handlers need."""

    store: Store
    door: Door
    faults: FaultBook
    requests: RequestLog


SERVICES = web.AppKey("services", Services)
RECORD = web.RequestKey("record", RequestRecord)


def build_application(services: Services) -> web.Application:
    """The application, ready to be run on any loop."""
    from lockgate_sandbox.registry.web import admin, queries, storage

    app = web.Application(middlewares=[_around], client_max_size=LARGEST_QUERY)
    app[SERVICES] = services
    for module in (admin, queries, storage):
        app.add_routes(module.routes)
    app.router.add_get("/healthz", _healthy)
    app.router.add_route("*", "/{rest:.*}", _not_here)
    return app


async def json_object(request: web.Request) -> dict[str, Any]:
    """The request's body.

    Raises:
        Invalid: it is not a JSON object.
    """
    try:
        found = json.loads(await request.read() or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Invalid("the body must be a JSON object")
    return found


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


async def meet_faults(request: web.Request, operations: list[str], user: str) -> web.StreamResponse | None:
    """Lets the faults in force happen to this request; an answer here replaces the proper one."""
    record = request[RECORD]
    record.operations = operations
    record.user = user
    for fault in request.app[SERVICES].faults.for_request(operations=operations, user=user):
        record.faults.append(fault.kind)
        answer = await _happen(request, fault)
        if answer is not None:
            return answer
    return None


async def _happen(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    match fault.kind:
        case FaultKind.LATENCY:
            await asyncio.sleep(fault.seconds)
            return None
        case FaultKind.STATUS:
            headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
            body = {"errors": [{"message": f"status {fault.status} was asked for by a fault"}]}
            return web.json_response(body, status=fault.status, headers=headers)
        case FaultKind.HTML:
            return web.Response(text=WEB_PAGE, content_type="text/html")
        case FaultKind.HANG:
            await _hang(request, fault)
            return _cut(request)
        case _:
            return _cut(request)


async def _hang(request: web.Request, fault: Fault) -> None:
    loop = asyncio.get_running_loop()
    let_go = asyncio.Event()
    stop = request.app[SERVICES].faults.when_cleared(lambda: loop.call_soon_threadsafe(let_go.set))
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(let_go.wait(), timeout=fault.seconds or None)
    finally:
        stop()


def _cut(request: web.Request) -> web.Response:
    """Ends the connection with a reset instead of an answer."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    raise ConnectionResetError("the connection was cut by a fault")
