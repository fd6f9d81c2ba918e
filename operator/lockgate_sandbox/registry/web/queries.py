"""`POST /graphql`: reads the query, runs it, and gives the answer the status its errors ask for.

A refused field makes the whole answer a 403, as a null field alone could not be told from a missing thing.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from graphql import GraphQLError

from lockgate_sandbox.registry.access import Access
from lockgate_sandbox.registry.errors import Invalid, RegistryError
from lockgate_sandbox.registry.graph.binding import Context, prepare, run
from lockgate_sandbox.registry.web.context import RECORD, SERVICES, log, meet_faults

routes = web.RouteTableDef()


@routes.post("/graphql")
async def graphql(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    user = services.door.user(request.headers.get("Authorization"))
    body = await request.read()
    request[RECORD].bytes_in = len(body)
    wanted = _read(body)
    prepared = prepare(wanted["query"])
    trouble = await meet_faults(request, list(prepared.operations), user.name)
    if trouble is not None:
        return trouble
    context = Context(
        store=services.store,
        access=Access(services.store, services.faults, user),
        user=user,
        users=services.door.users,
        base_url=base_url(request),
    )
    with services.store.db.held_still():
        result = run(prepared, wanted.get("variables") or {}, wanted.get("operationName") or None, context)
    request[RECORD].lookups = context.lookups
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [_error(error) for error in result.errors]
    return web.json_response(answer, status=_status(list(result.errors or ())))


def base_url(request: web.Request) -> str:
    """The address the caller came to, so that answers work through a relay as well as without one."""
    return f"{request.scheme}://{request.host}"


def _read(body: bytes) -> dict[str, Any]:
    try:
        wanted = json.loads(body)
    except ValueError:
        wanted = None
    if not isinstance(wanted, dict) or not isinstance(wanted.get("query"), str):
        raise Invalid('the body must be JSON such as {"query": "...", "variables": {}}')
    if not isinstance(wanted.get("variables") or {}, dict):
        raise Invalid("variables must be a JSON object")
    return wanted


def _error(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    if isinstance(cause, RegistryError):
        return dict(error.formatted) | {"extensions": {"code": cause.code}}
    if cause is not None and not isinstance(cause, GraphQLError):
        log.error("a resolver failed", exc_info=cause)
        return dict(error.formatted) | {"message": "the registry failed to answer this field"}
    return dict(error.formatted)


def _status(errors: list[GraphQLError]) -> int:
    if not errors:
        return 200
    statuses = [_status_of(error) for error in errors]
    # A refusal weighs more than a mistake, and a failure of ours more than both.
    return max(statuses, key=lambda status: (status == 500, status == 403, status))


def _status_of(error: GraphQLError) -> int:
    match error.original_error:
        case RegistryError() as cause:
            return cause.status
        case None | GraphQLError():
            return 400
        case _:
            return 500
