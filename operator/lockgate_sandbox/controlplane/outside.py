"""What a control plane needs outside: one port on loopback. Run as a module, it is the world's keeper."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from lockgate_sandbox.supervise.keeper import main


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


if __name__ == "__main__":
    sys.exit(main(lambda _, directory: ControlPlaneOutside(directory)))
