"""A proxy that a test can make misbehave: HTTP or TLS in, HTTP or TLS out, on a thread of its own.

It stands before the real API server or the registry stand-in. Every call gets a number and a name,
watches go through line by line, and what is armed in `faults` happens to them.
"""

import asyncio
import base64
import contextlib
import json
import socket
import ssl
import threading
from collections import defaultdict, deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, get_args

import aiohttp
from aiohttp import web
from tests.faults.behaviours import (
    WRITES,
    Answer,
    Behaviour,
    Call,
    Cut,
    Delay,
    Fault,
    Faults,
    Hang,
    Hold,
    Match,
    OnRequest,
    Stale,
    Swallow,
    Truncate,
)
from tests.faults.requests import abort, half, kept, named, refusal, reset
from tests.faults.streams import Stream
from tests.faults.versions import shifted, shifted_body

_REQUEST_KINDS: tuple[type, ...] = get_args(OnRequest)
_REMEMBERED = 8
_LARGEST_BODY = 64 * 2**20


class Proxy:
    """One door before one server; a context manager."""

    def __init__(
        self, upstream: str, *, tls: ssl.SSLContext | None = None, upstream_tls: ssl.SSLContext | None = None
    ) -> None:
        """Stand before `upstream`; with `tls` callers must speak TLS."""
        self._upstream = upstream
        self._tls = tls
        self._upstream_tls = upstream_tls
        # Bound without listening, so that a closed door is refused and the port stays ours.
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._holder.bind(("127.0.0.1", 0))
        self.port: int = self._holder.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.faults = Faults(self._poke)
        self.calls: deque[Call] = deque(maxlen=2000)
        self.version_shift = 0
        self._loop = asyncio.new_event_loop()
        self._started: Future[None] = Future()
        self._stop = asyncio.Event()
        self._streams: set[Stream] = set()
        self._waiting: set[asyncio.Event] = set()
        self._answers: defaultdict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.faults.clear()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._holder.close()

    def fault(self, match: Match, behaviour: Behaviour, times: int | None = None, skip: int = 0) -> Fault:
        """Arm a fault."""
        return self.faults.arm(match, behaviour, times, skip)

    def clear(self) -> None:
        """End all faults and open the door."""
        self.faults.clear()
        self.open_door()

    def close_door(self) -> None:
        """Refuse connections from now on, and reset those that are open."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    def open_door(self) -> None:
        """Take connections again; harmless when the door is open."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    def shift_versions(self, by: int) -> None:
        """Tell resourceVersions that are larger by so much; open connections are reset.

        Less than before is what an etcd looks like that was restored from a backup.
        """
        asyncio.run_coroutine_threadsafe(self._shift(by), self._loop).result(10)

    def writes(self) -> list[Call]:
        """The writes that have come in, lately."""
        return [call for call in list(self.calls) if call.verb in WRITES]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
            # Connections that were closed are let go of in later turns of the loop.
            self._loop.run_until_complete(asyncio.sleep(0.1))
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._upstream_tls or True, limit=0)
        timeout = aiohttp.ClientTimeout(total=None, connect=10)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False, read_bufsize=2**22
        ) as self._client:
            self._server = web.Server(self._handle, access_log=None)
            self._runner = web.ServerRunner(self._server, handle_signals=False, shutdown_timeout=0.1)
            await self._runner.setup()
            await self._open()
            self._started.set_result(None)
            await self._stop.wait()
            self._reset_connections()
            await self._runner.cleanup()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _open(self) -> None:
        if self._site is None and self._runner is not None:
            self._site = web.TCPSite(
                self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_port=True
            )
            await self._site.start()

    async def _close(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
        self._reset_connections()

    async def _shift(self, by: int) -> None:
        self.version_shift = by
        self._answers.clear()
        self._reset_connections()

    def _reset_connections(self) -> None:
        for connection in list(self._server.connections if self._server else ()):
            transport = connection.transport
            if transport is not None:
                transport.abort()

    def _poke(self) -> None:
        def poke() -> None:
            for stream in self._streams:
                stream.poked.set()
            for event in self._waiting:
                event.set()

        with contextlib.suppress(RuntimeError):  # not started, or ended
            self._loop.call_soon_threadsafe(poke)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = named(request, self.faults.number())
        self.calls.append(call)
        fault = self.faults.take(call, _REQUEST_KINDS)
        body = await request.read()
        try:
            if fault is not None:
                return await self._misbehave(fault, call, request, body)
            return await self._pass(call, request, body)
        except (aiohttp.ClientError, OSError):
            return reset(request)

    async def _misbehave(
        self, fault: Fault, call: Call, request: web.BaseRequest, body: bytes
    ) -> web.StreamResponse:
        match fault.behaviour:
            case Answer(status, said, headers):
                return refusal(status, said, dict(headers))
            case Delay(seconds):
                await asyncio.sleep(seconds)
                return await self._pass(call, request, body)
            case Swallow():
                await self._ask(request, body)
                return reset(request)
            case Truncate():
                answer = await self._ask(request, body)
                return await half(request, answer)
            case Hold():
                answer = await self._ask(request, body)
                fault.landed.set()
                await self._until_cleared(fault)
                return answer
            case Hang():
                await self._until_cleared(fault)
            case Stale(back):
                return await self._stale(back, request, body)
            case Cut():
                pass
        return reset(request)

    async def _stale(self, back: int, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        known = self._answers[request.path_qs]
        if len(known) < back:
            return await self._ask(request, body)
        return web.Response(body=known[-back], content_type="application/json")

    async def _until_cleared(self, fault: Fault) -> None:
        poked = asyncio.Event()
        self._waiting.add(poked)
        try:
            while not fault.cleared.is_set():
                poked.clear()
                await poked.wait()
        finally:
            self._waiting.discard(poked)

    async def _pass(self, call: Call, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        return await (self._stream(call, request) if call.verb == "watch" else self._ask(request, body))

    async def _ask(self, request: web.BaseRequest, body: bytes) -> web.Response:
        async with self._request(request, shifted_body(body, -self.version_shift)) as answer:
            said = shifted_body(await answer.read(), self.version_shift)
            if request.method == "GET" and answer.status == 200:
                self._answers[request.path_qs].append(said)
            return web.Response(status=answer.status, body=said, headers=kept(answer.headers))

    async def _stream(self, call: Call, request: web.BaseRequest) -> web.StreamResponse:
        async with self._request(request, b"") as answer:
            if answer.status != 200:
                return web.Response(
                    status=answer.status, body=await answer.read(), headers=kept(answer.headers)
                )
            out = web.StreamResponse(status=200, headers=kept(answer.headers))
            out.enable_chunked_encoding()
            await out.prepare(request)
            stream = Stream(
                call, self.faults, out, lambda: abort(request), lambda: request.transport is not None
            )
            self._streams.add(stream)
            try:
                await stream.forward(answer, lambda line: shifted_body(line, self.version_shift))
            finally:
                self._streams.discard(stream)
            return out

    def _request(self, request: web.BaseRequest, body: bytes) -> Any:
        query = dict(request.query)
        if self.version_shift and query.get("resourceVersion", "0") != "0":
            query["resourceVersion"] = shifted(query["resourceVersion"], -self.version_shift)
        headers = kept(request.headers) | {"Accept-Encoding": "identity"}
        return self._client.request(
            request.method, self._upstream + request.path, params=query, data=body or None, headers=headers
        )


def tls_of(kubeconfig: Path) -> ssl.SSLContext:
    """TLS that trusts the server of a kubeconfig of the sandbox."""
    cluster = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]
    return ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
