"""What a cluster needs outside its namespaces: listening sockets for the relay, and control groups.

Sockets belong to the network namespace they were made in, so those made here accept from this
machine however deep the process is that holds them. All of them are on loopback.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from lockgate_sandbox.cluster import cgroups
from lockgate_sandbox.supervise.keeper import main

SPARE_PORTS = 12
_BACKLOG = 256
_NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")


class ClusterOutside:
    """The outer side of one cluster."""

    def __init__(self, name: str, directory: Path) -> None:
        self._name = name
        self._directory = directory
        self._listeners = [_listen() for _ in range(1 + SPARE_PORTS)]
        ports = [listener.getsockname()[1] for listener in self._listeners]
        self.api_port: int = ports[0]
        self.forward_ports: tuple[int, ...] = tuple(ports[1:])
        self._group_before = cgroups.make_and_enter_groups(name)

    def command(self, report_fd: int) -> tuple[list[str], tuple[int, ...]]:
        """The first process, in namespaces that end with it."""
        listening = tuple(listener.fileno() for listener in self._listeners)
        program = [sys.executable, "-m", "lockgate_sandbox.cluster.boot"]
        arguments = [
            str(self._directory),
            f"--name={self._name}",
            f"--report={report_fd}",
            f"--listeners={','.join(map(str, listening))}",
            f"--api-port={self.api_port}",
        ]
        return [*_NAMESPACES, *program, *arguments], (report_fd, *listening)

    def started(self) -> None:
        """The first process has inherited the cluster's control group; the keeper itself leaves it."""
        cgroups.enter(self._group_before)

    def clean(self) -> None:
        """Remove the control groups and close the ports."""
        cgroups.enter(self._group_before)
        cgroups.remove_groups(self._name)
        for listener in self._listeners:
            listener.close()


def _listen() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(_BACKLOG)
    return listener


if __name__ == "__main__":
    sys.exit(main(lambda record, directory: ClusterOutside(record.name, directory)))
