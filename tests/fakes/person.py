"""A person who types: runs the tool's verbs against a small API server, and reads what they said."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.small_api import SmallApi, small_api
from tests.waiting import PATIENCE_SECONDS

from lockgate.cli.door import Door
from lockgate.cli.failing import CliError, Exit
from lockgate.cli.main import verb_named
from lockgate.cli.paint import Painter, When
from lockgate.cli.parser import parse
from lockgate.cli.session import Session


@dataclass
class Person:
    """Types command lines. `said` is the output of the last one, `error` why it ended otherwise."""

    api: SmallApi
    door: Door
    said: str = ""
    error: str = ""
    output: io.StringIO = field(default_factory=io.StringIO)

    async def types(self, *words: str) -> Exit:
        """One command line, to its end."""
        options = parse(words)
        self.output = io.StringIO()
        painter = Painter(self.output, When.NEVER)
        namespace = "" if getattr(options, "all_namespaces", False) else options.namespace or "growth"
        login = self.door.login
        run = verb_named(options.verb)
        self.error = ""
        session = Session(door=self.door, login=login, namespace=namespace, painter=painter)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await run(session, options)
        except CliError as error:
            self.error = error.message
            return error.code
        finally:
            self.said = self.output.getvalue()


@asynccontextmanager
async def a_person() -> AsyncIterator[Person]:
    """Somebody at a cluster of their own."""
    async with small_api() as (api, door):
        yield Person(api, door)
