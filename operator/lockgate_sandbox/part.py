"""What is a part of a world, and how does a world take one in?

A part is one file `parts/NAME.py` whose PART says what it needs, prepares itself, installs itself and
hands back a handle. The address of each is kept in the world, so that it is installed once and any
process of the user finds it again. Nothing here knows a single part, and none is ever taken out.
"""

from __future__ import annotations

import dataclasses
import json
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from lockgate_sandbox.errors import NotOffered, SandboxError
from lockgate_sandbox.images import Image
from lockgate_sandbox.worlds import Level, locked, write_atomically

# By name only, and so found late: worlds know that there are parts, and none of them.
_PARTS = f"{__package__}.parts"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a part has made ready, by name, before its world need be there."""

    programs: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    images: Mapping[str, Image] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Handle:
    """Where an installed part answers; what can be done with it are the methods of its own kind.

    All fields but `world` are plain JSON: they are what another process learns of it.
    """

    world: object = field(repr=False)
    url: str

    def save(self, path: Path) -> None:
        """Keep the address, privately, for it may hold keys."""
        kept = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "world"}
        write_atomically(path, json.dumps(kept, indent=1))

    @classmethod
    def load(cls, path: Path, world: object) -> Self:
        """Take hold of what was installed before, perhaps by another process."""
        return cls(world=world, **json.loads(path.read_text()))


W = TypeVar("W", contravariant=True)
H = TypeVar("H", bound=Handle, covariant=True)


class Part(Protocol[W, H]):
    """A real component: W is the least that a world must offer it, H its kind of handle."""

    @property
    def name(self) -> str:
        """That of its file."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Parts that are installed before it."""

    @property
    def levels(self) -> frozenset[Level]:
        """Where it can be had: W, said to the command line."""

    @property
    def handle(self) -> type[H]:
        """Its kind of handle."""

    def prepare(self, level: Level) -> Prepared:
        """Make programs and images ready, telling the progress; quick when they are."""

    def install(self, world: W, prepared: Prepared) -> H:
        """Bring it into a world that has what it needs; returns when it answers."""


def part_names() -> tuple[str, ...]:
    """All parts there are: the files, so that nobody has to keep a list."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(import_module(_PARTS).__path__)))


def part_named(name: str) -> Part[Any, Handle]:
    """The part of that name; SandboxError when there is none."""
    if name not in part_names():
        raise SandboxError(f"there is no part {name!r}; there are {', '.join(part_names())}")
    part: Part[Any, Handle] = import_module(f"{_PARTS}.{name}").PART
    return part


def in_order(names: Iterable[str], level: Level) -> tuple[Part[Any, Handle], ...]:
    """These parts and all that they need, needs first; NotOffered when a level cannot have one of them."""
    found: dict[str, Part[Any, Handle]] = {}
    waiting = list(names)
    while waiting:
        part = part_named(waiting.pop())
        if level not in part.levels:
            offered = " or ".join(sorted(part.levels))
            raise NotOffered(f"part {part.name!r} cannot be had on the level {level}; use {offered}")
        found[part.name] = part
        waiting += [need for need in part.needs if need not in found]
    order = TopologicalSorter({part.name: part.needs for part in found.values()})
    return tuple(found[name] for name in order.static_order())


def prepare(names: Iterable[str], level: Level) -> None:
    """Do what takes long the first time, and fail early, before there is a world to wait for it."""
    for part in in_order(names, level):
        part.prepare(level)


def take_in(name: str, world: object, directory: Path, level: Level) -> Handle:
    """Install a part and all that it needs, unless they are there; `directory` is the world's."""
    place = directory / "parts"
    if (kept := place / f"{name}.json").exists():
        return part_named(name).handle.load(kept, world)
    parts = [(part, part.prepare(level)) for part in in_order([name], level)]
    place.mkdir(exist_ok=True)
    for part, prepared in parts:
        # Of two processes that add the same part the second finds it installed.
        with locked(place / f"{part.name}.lock"):
            if not (kept := place / f"{part.name}.json").exists():
                part.install(world, prepared).save(kept)
    return part_named(name).handle.load(place / f"{name}.json", world)


def urls(directory: Path) -> dict[str, str]:
    """Where each part of the world in `directory` answers, by name, and none of its keys."""
    kept = sorted((directory / "parts").glob("[!.]*.json"))
    return {path.stem: str(json.loads(path.read_text())["url"]) for path in kept}
