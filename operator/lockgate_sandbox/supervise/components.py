"""What is a server of a world, and how does one more get into a world that runs already?

A caller leaves a file that names the server and wakes the supervisor, which starts it as one of its
own: logged, restarted when it ends, and gone with the world. Nothing is started here.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lockgate_sandbox.worlds import write_atomically

JOINING = signal.SIGHUP


@dataclass(frozen=True, slots=True)
class Component:
    """One server: its name is also that of its log file. `keep_fds` stay open in it."""

    name: str
    argv: Sequence[str]
    keep_fds: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def join(directory: Path, supervisor_pid: int, component: Component) -> None:
    """Have the supervisor of the world in `directory` start a server, without waiting for that."""
    place = _place(directory)
    place.mkdir(exist_ok=True)
    write_atomically(place / f"{component.name}.json", json.dumps(dataclasses.asdict(component)))
    os.kill(supervisor_pid, JOINING)


def joined(directory: Path) -> Iterator[Component]:
    """Every server that was to join the world in `directory` so far."""
    for path in sorted(_place(directory).glob("[!.]*.json")):
        yield Component(**json.loads(path.read_text()))


def free_port() -> int:
    """A port on loopback that nobody has at this moment, for a server that is to join."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _place(directory: Path) -> Path:
    return directory / "joined"
