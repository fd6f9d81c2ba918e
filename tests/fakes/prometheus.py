"""A Prometheus that answers as a test says: a real HTTP server on loopback, in the test's own loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from lockgate.observe.prometheus import Prometheus

Handler = Callable[[web.Request], Any]


@asynccontextmanager
async def door_to(
    handler: Handler, *, path: str = "", timeout: float = 10.0, token_file: Path | None = None
) -> AsyncIterator[Prometheus]:
    """The product's door to a server that answers everything so."""
    app = web.Application()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = handler(request)
        return await response if asyncio.iscoroutine(response) else response

    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    door = Prometheus(url, token_file=token_file, timeout=timeout)
    try:
        yield door
    finally:
        await door.close()
        await runner.cleanup()


def matrix(*series: Any) -> dict[str, Any]:
    """An answer with these series, each a list of (seconds, text)."""
    result = [{"metric": {}, "values": [list(point) for point in one]} for one in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def says(body: Any, status: int = 200) -> Handler:
    """Always the same answer: bytes as they are, else JSON."""
    if isinstance(body, bytes):
        return lambda request: web.Response(body=body, status=status)
    return lambda request: web.json_response(body, status=status)
