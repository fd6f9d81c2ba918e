"""The only way into a cluster: accepts on this machine's loopback, connects inside the namespaces.

Runs inside. Its listening sockets were made outside, which is what makes this work. The first leads
to the API server, every other to the service its forward file names, looked up again whenever a
connection fails, and after a few seconds anyway. It passes bytes and understands none of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import sys
import time

from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.cluster.forwards import Forward
from lockgate_sandbox.cluster.machine import HOME, NODE_ADDRESS
from lockgate_sandbox.errors import SandboxError

_CHUNK = 1 << 16
# All targets are on this machine; an address without anybody behind it does not answer at all.
_CONNECT_SECONDS = 0.5
_LOOK_UP_SECONDS = 5.0
_REMEMBER_SECONDS = 3.0
# kube-proxy is a moment behind: a service refuses although its pods are ready already.
_PATIENCE_SECONDS = 3.0
_AGAIN_SECONDS = 0.05

Address = tuple[str, int]


class Target:
    """Where the connections of one listening socket go."""

    def __init__(self, listening: int, fixed: Address | None) -> None:
        self._listening = listening
        self._fixed = fixed
        self._remembered: tuple[float, Forward, Address] | None = None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect inside; OSError when for a while there is nothing to connect to."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return await self._open(await self._address())
            except OSError:
                self._remembered = None
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _open(self, address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(asyncio.open_connection(*address), _CONNECT_SECONDS)

    async def _address(self) -> Address:
        if self._fixed:
            return self._fixed
        forward = Forward.read(HOME, self._listening)
        if forward is None:
            raise ConnectionRefusedError("this spare port leads nowhere")
        now = time.monotonic()
        match self._remembered:
            case (at, known, address) if known == forward and now - at < _REMEMBER_SECONDS:
                return address
        address = await asyncio.to_thread(_look_up, forward)
        self._remembered = (now, forward, address)
        return address


def _look_up(forward: Forward) -> Address:
    path = f"/api/v1/namespaces/{forward.namespace}/services/{forward.service}"
    try:
        with ApiClient(HOME / "inside.kubeconfig", timeout=_LOOK_UP_SECONDS) as client:
            return str(client.get(path)["spec"]["clusterIP"]), forward.port
    except (SandboxError, http.client.HTTPException) as error:
        raise ConnectionRefusedError(str(error)) from error


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes one way until their source ends, then the news of that."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
        return
    # Broken, not ended: the other way has nobody to talk to either.
    writer.close()


async def _serve(listener: socket.socket, target: Target) -> None:
    async def accepted(outer_reader: asyncio.StreamReader, outer_writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await target.connect()
        except OSError:
            outer_writer.close()
            return
        try:
            await asyncio.gather(_pass_on(outer_reader, inner_writer), _pass_on(inner_reader, outer_writer))
        finally:
            inner_writer.close()
            outer_writer.close()

    server = await asyncio.start_server(accepted, sock=listener)
    await server.serve_forever()


async def _run(descriptors: list[int], api_port: int) -> None:
    listeners = [socket.socket(fileno=fd) for fd in descriptors]
    targets = [
        Target(listener.getsockname()[1], (NODE_ADDRESS, api_port) if position == 0 else None)
        for position, listener in enumerate(listeners)
    ]
    await asyncio.gather(*map(_serve, listeners, targets))


if __name__ == "__main__":
    asyncio.run(_run([int(fd) for fd in sys.argv[1].split(",")], int(sys.argv[2])))
