"""Runs the demo; at a terminal the world then stays up until Enter or Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from lockgate_sandbox.demo.screen import Screen
from lockgate_sandbox.demo.story import tell
from lockgate_sandbox.errors import SandboxError


def main() -> int:
    """Exit code 0 when everything went as told."""
    parser = argparse.ArgumentParser(
        prog="python -m lockgate_sandbox.demo",
        description="A real one-node Kubernetes cluster, a registry, the operator and a model server: "
        "an alias moves in the registry and the answers of the model follow.",
    )
    stay = parser.add_mutually_exclusive_group()
    stay.add_argument("--stay", action="store_true", default=None, help="leave the world up afterwards")
    stay.add_argument(
        "--no-stay", action="store_false", dest="stay", help="end by itself (default in a pipe)"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Screen()
    try:
        return tell(screen, stays=sys.stdin.isatty() if options.stay is None else options.stay)
    except KeyboardInterrupt:
        screen.say("interrupted; the world is gone")
        return 130
    except SandboxError as error:
        screen.fail(str(error))
        return 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
