"""How a port is served that anybody may reach: who asks how slowly or how often costs no more than
this file says, and nothing of what another port has. What there is to read is not known here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
CONNECTIONS = 64
# A connection serves one request and lives so long at most, whoever sends it how slowly.
CONNECTION_SECONDS = 20.0


class Listener:
    """A small HTTP server on the operator's own loop: a loop that hangs answers nobody."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[_Guest, None] = {}

    async def start(self, host: str, port: int) -> None:
        """Begin to answer, on all addresses when `host` is empty; raises OSError when the port is taken."""
        app = web.Application(middlewares=[_once])
        for path, page in self._pages.items():
            app.router.add_get(path, page)
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
        return _Guest(self._runner.server(), self._open)


class _Guest(asyncio.Protocol):
    """One connection with an end: aiohttp's own handler, which would wait for headers for ever."""

    def __init__(self, handler: asyncio.Protocol, present: dict["_Guest", None]) -> None:
        self._handler = handler
        self._present = present
        self._transport: asyncio.BaseTransport | None = None
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        while len(self._present) >= CONNECTIONS:
            # Whoever has been here longest goes: an honest request is over long before.
            next(iter(self._present)).leave()
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


@web.middleware
async def _once(request: web.Request, handler: Page) -> web.StreamResponse:
    """One request a connection, also one for what is not there: nobody keeps one open for nothing."""
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        refusal.force_close()
        raise
    response.force_close()
    return response
