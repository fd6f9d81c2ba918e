"""The client's own process (wandb-core): how its death is told, and how to bring it about.

The client never heals a dead or a standing process by itself; a new one is built only when the
old one is known to be dead.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lockgate.errors import RegistryClientFailed
from lockgate.processes import descendants

T = TypeVar("T")
_NAME = "wandb-core"
# A call that was under way when the process died is told of it in words only (wandb 0.31).
_DIED_MEANWHILE = "service process is not running"


def telling_death(action: Callable[[Any], T]) -> Callable[[Any], T]:
    """The same action on the client; raises RegistryClientFailed when its process died under it."""

    def run(api: Any) -> T:
        try:
            return action(api)
        except Exception as error:
            if _DIED_MEANWHILE in str(error):
                raise RegistryClientFailed(
                    "the registry client's process died; it is started anew"
                ) from error
            raise

    return run


def kill_client_process() -> None:
    """Let the client find its process dead, which the next call heals by building a new one."""
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == _NAME:
                os.kill(pid, signal.SIGKILL)
