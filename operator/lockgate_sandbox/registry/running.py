"""A registry inside the calling process, on a thread and a loop of its own, for tests and benchmarks.

Bound to loopback; what it stores is in `data_dir`, or in a temporary directory that goes with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Self

from aiohttp import web

from lockgate_sandbox.registry.client import client_environment
from lockgate_sandbox.registry.identity import User, new_users
from lockgate_sandbox.registry.seeding import Seeding
from lockgate_sandbox.registry.services import Services, close_services, open_services
from lockgate_sandbox.registry.store import DEFAULT_REGISTRIES
from lockgate_sandbox.registry.tls import ensure_certificates, server_context
from lockgate_sandbox.registry.web.application import build_application

START_LIMIT = 20.0  # seconds


class RunningRegistry(Seeding):
    """A started registry; leaving the `with` (or `async with`) block stops it.

    `url` is where it listens, `keys` maps user names to API keys, `faults` sets trouble, `requests` tells
    what was asked. The seeding calls (`seed_version`, `move_alias`, ...) make no request at all. With
    certificates (a directory, see `tls`) it speaks HTTPS, and `authority` is the file to trust.
    """

    def __init__(
        self,
        services: Services,
        data_dir: Path,
        *,
        own_dir: bool,
        host: str,
        port: int,
        certificates: Path | None = None,
    ) -> None:
        super().__init__(services.store)
        self.services = services
        self.faults = services.faults
        self.requests = services.requests
        self.keys = {user.name: user.key for user in services.door.users.values()}
        self.organization = services.store.organization
        self.data_dir = data_dir
        self.url = ""
        self.authority = ensure_certificates(certificates) if certificates else None
        self._tls = server_context(certificates) if certificates else None
        self._own_dir = own_dir
        self._started: Future[str] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, args=(host, port), name="registry", daemon=True)

    def start(self) -> Self:
        """Listens, then returns.

        Raises:
            OSError: the port is taken.
        """
        self._thread.start()
        try:
            self.url = self._started.result(START_LIMIT)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends every connection and closes the store. Stopping twice is fine."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # the loop closed just now
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()
        close_services(self.services)
        if self._own_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def client_environment(self, scratch: Path, user: str = "admin") -> dict[str, str]:
        """What the real client needs in its environment to talk to this and write only to `scratch`."""
        return client_environment(self.url, self.keys[user], scratch)

    def _serve(self, host: str, port: int) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._until_stopped(host, port))
        except BaseException as error:  # handed to the starting thread
            if not self._started.done():
                self._started.set_exception(error)

    async def _until_stopped(self, host: str, port: int) -> None:
        runner = web.AppRunner(build_application(self.services), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, ssl_context=self._tls)
            await site.start()
            self._started.set_result(f"{'https' if self._tls else 'http'}://{host}:{runner.addresses[0][1]}")
            await self._stop.wait()
        finally:
            self.faults.clear()
            await runner.cleanup()
            # Requests that hang on purpose outlive the clean-up of the server.
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def __enter__(self) -> Self:
        return self if self.url else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self if self.url else await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)


def start_registry(
    data_dir: Path | None = None,
    *,
    users: Iterable[User] | None = None,
    organization: str = "Harbor",
    team: str = "models",
    registries: Iterable[str] = DEFAULT_REGISTRIES,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: bool = False,
) -> RunningRegistry:
    """A registry that starts when its `with` or `async with` block is entered (or `start` is called).

    Port 0 means a free one. Without `users` there is one of each role, named after it. With `tls` it
    speaks HTTPS with a certificate that nobody trusts who was not given its `authority`.
    """
    root = data_dir or Path(tempfile.mkdtemp(prefix="registry-"))
    known = new_users() if users is None else tuple(users)
    services = open_services(root, known, organization=organization, team=team, registries=registries)
    return RunningRegistry(
        services,
        root,
        own_dir=data_dir is None,
        host=host,
        port=port,
        certificates=root / "tls" if tls else None,
    )
