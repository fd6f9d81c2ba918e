"""A registry's door with traps: look-ups that hang, and manifests that hang, swell or lead astray.

Which trap it is the collection's name says, so that one namespace falls into it and no other asks
for the same. Everything else goes through to the registry.
"""

import asyncio
import functools
import json
import zlib
from typing import Any

from aiohttp import web
from tests.faults.behaviours import Call
from tests.faults.proxy import Proxy

MANIFEST = "manifest-"
LOOK_UP_HANGS = "look-up-hangs"
MANY_FILES = 200_000
_BOMB_MIB = 512
_FOR_EVER = 3600.0
# Nobody listens there: only the superuser could.
_NOWHERE = "http://127.0.0.1:1/manifest"


class TrapDoor(Proxy):
    """Stands before a registry."""

    async def _pass(self, call: Call, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if request.path.startswith("/traps/"):
            return await _trap(request.path.rsplit("/", 1)[-1], request)
        if request.path != "/graphql":
            return await super()._pass(call, request, body)
        variables = json.loads(body).get("variables") or {}
        if any(str(value).startswith(LOOK_UP_HANGS) for value in variables.values()):
            await asyncio.sleep(_FOR_EVER)
        answer = await self._ask(request, body)
        name = str(variables.get("name", ""))
        if not name.startswith(MANIFEST) or not isinstance(answer.body, bytes):
            return answer
        trap = name.removeprefix(MANIFEST).split("-")[0]
        said = _leading_to(f"{self.url}/traps/{trap}", json.loads(answer.body))
        return web.json_response(said, status=answer.status)


def _leading_to(url: str, said: Any) -> Any:
    """The same answer with another address of the manifest."""
    if isinstance(said, dict):
        return {name: url if name == "directUrl" else _leading_to(url, value) for name, value in said.items()}
    return said


async def _trap(name: str, request: web.BaseRequest) -> web.StreamResponse:
    match name:
        case "huge":
            return web.Response(body=_huge(), content_type="application/json")
        case "bomb":
            return web.Response(body=_bomb(), headers={"Content-Encoding": "gzip"})
        case "html":
            return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
        case "nowhere":
            return web.Response(status=302, headers={"Location": _NOWHERE})
        case "ring":
            return web.Response(status=302, headers={"Location": str(request.path)})
        case "drips":
            return await _drip(request)
    await asyncio.sleep(_FOR_EVER)
    return web.Response(status=500)


async def _drip(request: web.BaseRequest) -> web.StreamResponse:
    out = web.StreamResponse(headers={"Content-Type": "application/json"})
    await out.prepare(request)
    for _ in range(int(_FOR_EVER)):
        await out.write(b" ")
        await asyncio.sleep(1)
    return out


@functools.cache
def _huge() -> bytes:
    return json.dumps({"contents": {f"{n}.onnx": {"size": 1} for n in range(MANY_FILES)}}).encode()


@functools.cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(_BOMB_MIB)) + packer.flush()
