"""`/_sandbox/...`: what a real registry does not have: faults, the request log, protected aliases, roles.

Everything here needs the key of a user whose role is admin.
"""

from __future__ import annotations

import dataclasses

from aiohttp import web

from lockgate_sandbox.registry import projects
from lockgate_sandbox.registry.errors import Denied, Invalid
from lockgate_sandbox.registry.faults import Fault
from lockgate_sandbox.registry.identity import Role, role_named
from lockgate_sandbox.registry.services import Services
from lockgate_sandbox.registry.web.context import SERVICES, json_object

routes = web.RouteTableDef()


def _admin(request: web.Request) -> Services:
    services = request.app[SERVICES]
    user = services.door.user(request.headers.get("Authorization"))
    if user.role < Role.ADMIN:
        raise Denied(f"only an admin may use /_sandbox, {user.name!r} is {user.role.label}")
    return services


def _faults(services: Services) -> web.Response:
    return web.json_response({"faults": services.faults.show()})


@routes.get("/_sandbox/faults")
async def show_faults(request: web.Request) -> web.Response:
    return _faults(_admin(request))


@routes.put("/_sandbox/faults")
async def replace_faults(request: web.Request) -> web.Response:
    """`{"faults": [...]}` takes the place of all faults in force."""
    services = _admin(request)
    listed = (await json_object(request)).get("faults")
    if not isinstance(listed, list):
        raise Invalid('the body must be {"faults": [...]}')
    services.faults.replace([Fault.parse(item) for item in listed])
    return _faults(services)


@routes.post("/_sandbox/faults")
async def add_fault(request: web.Request) -> web.Response:
    services = _admin(request)
    services.faults.add(Fault.parse(await json_object(request)))
    return _faults(services)


@routes.delete("/_sandbox/faults")
async def clear_faults(request: web.Request) -> web.Response:
    services = _admin(request)
    services.faults.clear()
    return _faults(services)


@routes.get("/_sandbox/requests")
async def show_requests(request: web.Request) -> web.Response:
    """Requests after number `?after=`, of one `?operation=`, with the sums since the last clearing."""
    services = _admin(request)
    after = request.query.get("after", "0")
    if not after.isdigit():
        raise Invalid("after must be the number of a request")
    found = services.requests.records(after=int(after), operation=request.query.get("operation"))
    return web.json_response(
        {
            "totals": dataclasses.asdict(services.requests.totals()),
            "requests": [dataclasses.asdict(record) for record in found],
        }
    )


@routes.delete("/_sandbox/requests")
async def clear_requests(request: web.Request) -> web.Response:
    _admin(request).requests.clear()
    return web.json_response({})


@routes.put("/_sandbox/protected-aliases")
async def protect(request: web.Request) -> web.Response:
    """`{"registry": "model", "aliases": ["production"]}`: exactly these are protected there."""
    services = _admin(request)
    wanted = await json_object(request)
    aliases = wanted.get("aliases")
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise Invalid("aliases must be a list of strings")
    registry = projects.ensure_registry(services.store, str(wanted.get("registry") or "model"))
    projects.protect_aliases(services.store, registry, aliases)
    return web.json_response({"registry": registry.short_name, "aliases": sorted(set(aliases))})


@routes.put("/_sandbox/roles")
async def set_role(request: web.Request) -> web.Response:
    """`{"registry": "model", "user": "ada", "role": "viewer"}`; role null gives back the user's own."""
    services = _admin(request)
    wanted = await json_object(request)
    user = wanted.get("user")
    if user not in services.door.users:
        raise Invalid(f"user {user!r} is not known here")
    registry = projects.ensure_registry(services.store, str(wanted.get("registry") or "model"))
    label = wanted.get("role")
    projects.set_role(services.store, registry, user, None if label is None else role_named(str(label)))
    return web.json_response({"registry": registry.short_name, "user": user, "role": label})
