"""Ends a process with everything that it has started.

The registry's client starts its service in a session of its own, which no signal to the group
reaches; so whoever descends from the process is looked up where the system tells it (/proc).
"""

import contextlib
import os
import signal
import subprocess
from collections import defaultdict
from pathlib import Path


def end_with_descendants(process: subprocess.Popen[bytes]) -> None:
    """Kill, and wait for the end of the process itself."""
    if process.poll() is None:
        # Stopped first: a process that stands still starts no others while we look.
        _signal_group(process.pid, signal.SIGSTOP)
        below = descendants(process.pid)
        _signal_group(process.pid, signal.SIGKILL)
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, as of now."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The second field, the name, may hold anything, even brackets.
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
            children[int(fields[1])].append(int(directory.name))
    found, ahead = [], [pid]
    while ahead:
        below = children[ahead.pop()]
        found += below
        ahead += below
    return found
