"""What a world needs from the machine around it, by level: ports, control groups, its first command.

An `Outside` is made by the keeper before the first process and cleaned up by it after the last.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Protocol

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.worlds import Level, WorldRecord


class Outside(Protocol):
    """The outer side of one world."""

    api_port: int
    forward_ports: tuple[int, ...]

    def command(self, report_fd: int) -> tuple[list[str], tuple[int, ...]]:
        """The command line of the first process and the descriptors it inherits."""

    def started(self) -> None:
        """Called when the first process has been started."""

    def clean(self) -> None:
        """Remove what the first process could not take with it. Called when all processes are gone."""


class ControlPlaneOutside:
    """One port on loopback, held by a socket that is bound but never listens."""

    forward_ports: tuple[int, ...] = ()

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held = socket.socket()
        # With port sharing on both sides the API server may bind it too, and nobody else's bind(0) gets it.
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._held.bind(("127.0.0.1", 0))
        self.api_port: int = self._held.getsockname()[1]

    def command(self, report_fd: int) -> tuple[list[str], tuple[int, ...]]:
        """Plain Python, no namespaces."""
        module = "lockgate_sandbox.controlplane.boot"
        arguments = [str(self._directory), f"--report={report_fd}", f"--port={self.api_port}"]
        return [sys.executable, "-m", module, *arguments], (report_fd,)

    def started(self) -> None:
        """Nothing to do."""

    def clean(self) -> None:
        """Give the port back."""
        self._held.close()


def outside_of(record: WorldRecord, directory: Path) -> Outside:
    """The outer side that fits the level of a world."""
    match record.level:
        case Level.CONTROL_PLANE:
            return ControlPlaneOutside(directory)
        case Level.CLUSTER:
            from lockgate_sandbox.cluster.outside import ClusterOutside

            return ClusterOutside(record.name, directory)
        case Level.EXISTING:
            raise SandboxError("an existing cluster is not started by the sandbox")
