"""What every handler shares: the services, the record of its request, its body, and the faults in force.

Imports no handler, so that the application may import them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import struct
from typing import Any

from aiohttp import web

from lockgate_sandbox.registry.errors import Invalid
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.requestlog import RequestRecord
from lockgate_sandbox.registry.services import Services

WEB_PAGE = "<!doctype html><html><head><title>Sign in</title></head><body>Sign in to go on.</body></html>"

log = logging.getLogger("lockgate_sandbox.registry")

SERVICES = web.AppKey("services", Services)
RECORD = web.RequestKey("record", RequestRecord)


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
