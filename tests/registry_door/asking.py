"""Questions to the registry's door, and the one rule for every answer: it tells no secret."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lockgate.domain.ports import Lookup
from lockgate.domain.version import Alias, Number, Reference, Version
from lockgate.errors import LockgateError
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate_sandbox.registry.running import RunningRegistry


def ref(text: str) -> Reference:
    """`model/churn:production`."""
    registry, rest = text.split("/")
    collection, selector = rest.split(":")
    wanted = Number(selector) if re.fullmatch("v[0-9]+", selector) else Alias(selector)
    return Reference(registry=registry, collection=collection, wanted=wanted)


def ask(door: WandbRegistry, server: RunningRegistry, *references: str) -> Mapping[Reference, Lookup]:
    """Look up; no error may hold a key of this server."""
    answers = door.look_up([ref(text) for text in references])
    for answer in answers.values():
        if isinstance(answer, LockgateError):
            assert_tells_no_secret(answer, server)
    return answers


def ask_one(door: WandbRegistry, server: RunningRegistry, reference: str) -> Lookup:
    """Look one reference up."""
    return ask(door, server, reference)[ref(reference)]


def found(answer: Lookup) -> Version:
    """The answer, which must be a version."""
    assert isinstance(answer, Version), repr(answer)
    return answer


def told(answer: Lookup, kind: type[LockgateError]) -> str:
    """The message of the answer, which must be exactly such an error."""
    assert type(answer) is kind, repr(answer)
    return answer.message


def assert_tells_no_secret(error: LockgateError, server: RunningRegistry) -> None:
    """Neither the message nor what a traceback of it would show."""
    for link in _chain(error):
        for name, key in server.keys.items():
            assert key not in f"{link} {link!r} {vars(link)}", (
                f"the key of {name} is in a {type(link).__name__}"
            )
    assert error.message.isprintable()
    assert "http://" not in error.message


def client_processes() -> list[int]:
    """The pids of the client's own process beneath us."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (directory / "stat").read_text().rpartition(")")[2].split()[:2]
            if (
                int(parent) == os.getpid()
                and state != "Z"
                and (directory / "comm").read_text() == "wandb-core\n"
            ):
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
