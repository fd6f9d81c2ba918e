"""/metrics, /healthz and /readyz on a port that anybody may reach: who asks how slowly or how often
holds up nobody else. What is well and what is not is said in `health.py`.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from lockgate.web.health import Vitals

# One scrape is drawn for all who ask within this time.
PAGE_SECONDS = 1.0
CONNECTIONS = 64
# A connection serves one request and lives so long at most, whoever sends it how slowly.
CONNECTION_SECONDS = 20.0


class HealthServer:
    """A small HTTP server on the operator's own loop: a loop that hangs answers no probe."""

    def __init__(self, registry: CollectorRegistry, vitals: Vitals, sample: Callable[[], None]) -> None:
        self._registry = registry
        self._sample = sample
        self._vitals = vitals
        self._drawing: asyncio.Task[bytes] | None = None
        self._drawn_at = 0.0
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[_Guest, None] = {}

    async def start(self, host: str, port: int) -> None:
        """Begin to answer, on all addresses when `host` is empty; raises OSError when the port is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._admit, host or None, port)
        except OSError:
            if host:
                raise
            # A machine without IPv6 may say so only now.
            self._server = await loop.create_server(self._admit, "0.0.0.0", port)  # noqa: S104

    @property
    def port(self) -> int:
        """The port that is served."""
        assert self._server is not None
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def stop(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.close()
        for guest in tuple(self._open):
            guest.leave()
        if self._runner is not None:
            await self._runner.cleanup()

    def _admit(self) -> asyncio.Protocol:
        assert self._runner is not None
        assert self._runner.server is not None
        while len(self._open) >= CONNECTIONS:
            # Whoever has been here longest goes: a probe is over long before.
            next(iter(self._open)).leave()
        return _Guest(self._runner.server(), self._open)

    async def _metrics(self, _: web.Request) -> web.Response:
        now = asyncio.get_running_loop().time()
        if self._drawing is None or (self._drawing.done() and now - self._drawn_at > PAGE_SECONDS):
            self._drawn_at = now
            # Gauges are read on the loop that owns what they show; only the drawing leaves it.
            self._sample()
            self._drawing = asyncio.create_task(asyncio.to_thread(generate_latest, self._registry))
        page = await asyncio.shield(self._drawing)
        return _last(web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST}))

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self._vitals.deadly()
        return _last(web.Response(text="; ".join(problems) or "ok", status=503 if problems else 200))

    async def _readyz(self, _: web.Request) -> web.Response:
        problem = self._vitals.blinding()
        return _last(web.Response(text=problem or "ok", status=503 if problem else 200))


class _Guest(asyncio.Protocol):
    """One connection with an end: aiohttp's own handler, which would wait for headers for ever."""

    def __init__(self, handler: asyncio.Protocol, present: dict["_Guest", None]) -> None:
        self._handler = handler
        self._present = present
        self._transport: asyncio.BaseTransport | None = None
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._present[self] = None
        self._transport = transport
        self._end = asyncio.get_running_loop().call_later(CONNECTION_SECONDS, self.leave)
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received()

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._present.pop(self, None)
        if self._end is not None:
            self._end.cancel()
        self._handler.connection_lost(exc)

    def leave(self) -> None:
        """Cut the connection, whatever it is at."""
        self._present.pop(self, None)
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()


def _last(response: web.Response) -> web.Response:
    # One request a connection: nobody keeps one open for nothing.
    response.force_close()
    return response
