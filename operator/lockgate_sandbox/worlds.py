"""Which worlds exist on this machine, and are they alive?

A world is a directory under the user's cache. It is alive for as long as some process holds the
lock on its file `alive`; a directory that nobody holds is a leftover and may be swept away. This
file neither starts nor stops anything.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from lockgate_sandbox.errors import SandboxError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")


class Level(StrEnum):
    """How much of a cluster a world has."""

    CONTROL_PLANE = "control-plane"
    CLUSTER = "cluster"
    EXISTING = "existing"


def cache_root() -> Path:
    """The one directory under which the sandbox keeps anything at all."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "lockgate"


def worlds_root() -> Path:
    """Parent of all world directories; private to the user, for the keys in it."""
    root = cache_root() / "worlds"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


@dataclasses.dataclass(frozen=True, slots=True)
class WorldRecord:
    """What another process needs to know of a world; kept as `world.json` in its directory."""

    name: str
    level: Level
    keeper_pid: int = 0
    first_pid: int = 0
    api_port: int = 0
    forward_ports: tuple[int, ...] = ()
    created: str = ""
    detached: bool = False

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the record of a world; SandboxError where there is none that can be read."""
        try:
            raw: dict[str, Any] = json.loads((directory / "world.json").read_text())
            raw["level"] = Level(raw["level"])
            raw["forward_ports"] = tuple(raw["forward_ports"])
            return cls(**raw)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SandboxError(f"world {directory.name!r} has no readable record ({error})") from error

    def save(self, directory: Path) -> None:
        """Replace the record in one step, so that no reader sees half of it."""
        write_atomically(directory / "world.json", json.dumps(dataclasses.asdict(self), indent=1))


def write_atomically(path: Path, text: str) -> None:
    """Write a private file so that it is either the old one or the whole new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file or directory, waiting for it as long as it takes."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    fd = os.open(path, flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def is_alive(directory: Path) -> bool:
    """Whether some process still holds the world in this directory."""
    try:
        fd = os.open(directory / "alive", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def claim(name: str, level: Level, detached: bool = False) -> tuple[Path, int]:
    """Make the directory of a new world and take its lock; returns both, the lock as an open fd.

    Leftovers of dead worlds are removed on the way. Whoever inherits the fd keeps the world alive.
    """
    if not _NAME.fullmatch(name):
        raise SandboxError(f"world name {name!r} must be 1-30 of a-z, 0-9 and '-', not '-' at an end")
    root = worlds_root()
    with locked(root / ".lock"):
        sweep()
        directory = root / name
        if directory.exists():
            raise SandboxError(
                f"a world named {name!r} is running already; choose another name or end it first"
            )
        directory.mkdir(mode=0o700)
        fd = os.open(directory / "alive", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        WorldRecord(name=name, level=level, detached=detached).save(directory)
    return directory, fd


def sweep() -> None:
    """Remove every world directory that no process holds. Call it with the root's lock held."""
    for directory in worlds_root().iterdir():
        if directory.is_dir() and not is_alive(directory):
            shutil.rmtree(directory, ignore_errors=True)


def running() -> list[tuple[Path, WorldRecord]]:
    """All living worlds, by name."""
    found = []
    for directory in sorted(worlds_root().iterdir()):
        if directory.is_dir() and is_alive(directory):
            with contextlib.suppress(SandboxError):
                found.append((directory, WorldRecord.load(directory)))
    return found
