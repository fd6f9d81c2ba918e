"""What every verb has at hand: the door to the cluster, where the person stands, and where to say things."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from lockgate.cli.door import Door
from lockgate.cli.failing import CliError
from lockgate.cli.paint import Painter
from lockgate.kube.kubeconfig import Login, NoLogin, log_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of the tool. `namespace` is empty where all are meant."""

    door: Door
    login: Login
    namespace: str
    painter: Painter

    async def who(self, named: str | None) -> str | None:
        """Who asks: as they say, else as the API server knows them, else as the kubeconfig calls them."""
        if named:
            return named
        known = await self.door.who_am_i() or self.login.user
        return " ".join(known.split()) if known else None


@asynccontextmanager
async def session(options: argparse.Namespace, painter: Painter) -> AsyncIterator[Session]:
    """A session of these options; raises CliError where there is no cluster to talk to."""
    try:
        # A login plug-in may take its time, and is a process of its own.
        login = await asyncio.to_thread(log_in, options.kubeconfig, options.context)
    except NoLogin as error:
        raise CliError(str(error)) from error
    if options.impersonated:
        groups = (("Impersonate-Group", group) for group in options.groups)
        login = replace(login, headers=(("Impersonate-User", options.impersonated), *groups))
    door = Door(login)
    try:
        everywhere = getattr(options, "all_namespaces", False)
        namespace = "" if everywhere else options.namespace or login.namespace
        yield Session(door=door, login=login, namespace=namespace, painter=painter)
    finally:
        await door.close()
