"""`serve`: runs the server in the foreground until SIGTERM or SIGINT.

Prints where it listens; keys are never printed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import ssl

from aiohttp import web

from lockgate_sandbox.registry.errors import Invalid
from lockgate_sandbox.registry.identity import read_users
from lockgate_sandbox.registry.projects import ensure_registry, protect_aliases, protected_aliases
from lockgate_sandbox.registry.services import Services, close_services, open_services
from lockgate_sandbox.registry.store import DEFAULT_REGISTRIES
from lockgate_sandbox.registry.tls import ensure_certificates, server_context
from lockgate_sandbox.registry.web.application import build_application


def serve(options: argparse.Namespace) -> None:
    """Opens the data directory and serves it.

    Raises:
        Invalid: the users or the aliases to protect cannot be read.
        OSError: the port is taken or the directory cannot be written.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    users = read_users(options.user, options.users_file)
    services = open_services(
        options.data_dir,
        users,
        organization=options.organization,
        team=options.team,
        registries=options.registries or DEFAULT_REGISTRIES,
    )
    try:
        for text in options.protect:
            _protect(services, text)
        asyncio.run(_run(services, options.host, options.port, _tls(options)))
    finally:
        close_services(services)


def _protect(services: Services, text: str) -> None:
    registry, colon, alias = text.partition(":")
    if not (registry and colon and alias):
        raise Invalid(f"--protect {text!r} must be REGISTRY:ALIAS, such as model:production")
    project = ensure_registry(services.store, registry)
    protect_aliases(services.store, project, protected_aliases(services.store, project) | {alias})


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.tls is None:
        return None
    authority = ensure_certificates(options.tls, [options.host])
    print(f"clients must trust {authority}", flush=True)
    return server_context(options.tls)


async def _run(services: Services, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    runner = web.AppRunner(build_application(services), access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
        organization = services.store.organization
        where = f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}"
        print(
            f"listening on {where} (organization {organization.name!r}, its entity {organization.entity},"
            f" team {organization.team}, users {', '.join(services.door.users)})",
            flush=True,
        )
        await stop.wait()
    finally:
        services.faults.clear()  # lets hanging requests go
        await runner.cleanup()
