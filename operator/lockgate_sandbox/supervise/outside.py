"""What a world needs from the machine around it, whatever its level: ports, first command, clean-up.

An `Outside` is made by the keeper before the first process and cleaned up by it after the last. Each
level has its own, and a module that runs the keeper with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from lockgate_sandbox.worlds import WorldRecord


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


MakeOutside = Callable[[WorldRecord, Path], Outside]
