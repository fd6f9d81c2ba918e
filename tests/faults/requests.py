"""A request as the API server would name it, and the answers that a proxy makes up itself."""

import json
from typing import Any

from aiohttp import web
from tests.faults.behaviours import Call

_HOP = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding", "keep-alive"}
_VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}


def named(request: web.BaseRequest, number: int) -> Call:
    """The call that a request makes; of another server than Kubernetes' only the path's first word."""
    parts = [part for part in request.path.split("/") if part]
    rest = parts[2:] if parts[:1] == ["api"] else parts[3:] if parts[:1] == ["apis"] else None
    if rest is None:
        return Call(number=number, verb=_verb(request, True), resource=parts[0] if parts else "")
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = (*rest, "", "", "")[:3]
    verb = _verb(request, bool(name))
    return Call(
        number=number, verb=verb, resource=resource, namespace=namespace, name=name, subresource=subresource
    )


def _verb(request: web.BaseRequest, one: bool) -> str:
    if request.method == "GET":
        return "watch" if request.query.get("watch") in ("true", "1") else "get" if one else "list"
    if request.method == "PATCH":
        return "apply" if "apply-patch" in request.headers.get("Content-Type", "") else "patch"
    return _VERBS.get(request.method, request.method.lower())


def kept(headers: Any) -> dict[str, str]:
    """The headers that are for the other end."""
    return {name: value for name, value in headers.items() if name.lower() not in _HOP}


def refusal(status: int, body: bytes | None, headers: dict[str, str]) -> web.Response:
    """An answer of a test; without a body the Status that the API server would send."""
    if body is None:
        said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
        body = json.dumps(said | {"reason": "OfATest", "message": "an answer of a test"}).encode()
        headers = {"Content-Type": "application/json", **headers}
    return web.Response(status=status, body=body, headers=headers)


def abort(request: web.BaseRequest) -> None:
    """Reset the connection of a request."""
    if request.transport is not None:
        request.transport.abort()


def reset(request: web.BaseRequest) -> web.Response:
    """What a handler returns after it has reset the connection."""
    abort(request)
    return web.Response(status=500)


async def half(request: web.BaseRequest, answer: web.Response) -> web.StreamResponse:
    """The first half of an answer, then a reset."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    out = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(body))})
    await out.prepare(request)
    await out.write(body[: len(body) // 2])
    abort(request)
    return out
