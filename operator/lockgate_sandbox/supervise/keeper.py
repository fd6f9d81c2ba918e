"""The process outside a world: it starts the first process inside and cleans up after the last.

It outlives everything in the world, and removes the world's directory when all is gone, however
that came: a signal to it, the end of whoever started it (the lifeline), or a SIGKILL of the first
process. If it is killed itself, the kernel kills the world and the next start sweeps up.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
import selectors
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.supervise.lifetime import (
    adopt_orphans,
    children_of,
    dies_with,
    end_all_children,
    signals_of,
    woken_by,
)
from lockgate_sandbox.supervise.outside import MakeOutside, Outside
from lockgate_sandbox.supervise.reports import Reporter
from lockgate_sandbox.worlds import WorldRecord

_FIRST_PROCESS_SECONDS = 10.0


def keep(make_outside: MakeOutside, directory: Path, report_fd: int, lifeline_fd: int | None) -> None:
    """Start the first process, wait for the end of the world, clean up."""
    adopt_orphans()
    record = WorldRecord.load(directory)
    waker = woken_by(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    reporter = Reporter(report_fd)
    try:
        outside = make_outside(record, directory)
    except SandboxError as error:
        reporter.failed(str(error))
        shutil.rmtree(directory, ignore_errors=True)
        return
    asked = True
    try:
        first = _start_first(outside, report_fd)
        reporter.close()
        _save(directory, record, outside, _inner(first))
        asked = _wait_for_end(waker, lifeline_fd, first)
    finally:
        end_all_children()
        outside.clean()
        crashed = not asked and not (directory / "ready").exists()
        _remove(directory, keep_logs=crashed or (directory / "failed").exists())


def _remove(directory: Path, keep_logs: bool) -> None:
    """Remove a world; of one that failed to start its logs stay until the next start of any world."""
    if not keep_logs:
        shutil.rmtree(directory, ignore_errors=True)
        return
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink() and entry.name != "logs":
            shutil.rmtree(entry, ignore_errors=True)
        elif not entry.is_dir() and entry.suffix != ".log":
            entry.unlink()


def _start_first(outside: Outside, report_fd: int) -> subprocess.Popen[bytes]:
    command, keep_fds = outside.command(report_fd)
    first = subprocess.Popen(
        command, pass_fds=keep_fds, stdin=subprocess.DEVNULL, preexec_fn=dies_with(os.getpid())
    )
    outside.started()
    return first


def _inner(first: subprocess.Popen[bytes]) -> int:
    """The process number of the first process proper: `unshare` has it as its one child."""
    if Path(str(first.args[0])).name != "unshare":  # type: ignore[index]
        return first.pid
    deadline = time.monotonic() + _FIRST_PROCESS_SECONDS
    while time.monotonic() < deadline and first.poll() is None:
        if inner := children_of(first.pid):
            return inner[0]
        time.sleep(0.01)
    return first.pid


def _save(directory: Path, record: WorldRecord, outside: Outside, first_pid: int) -> None:
    dataclasses.replace(
        record,
        keeper_pid=os.getpid(),
        first_pid=first_pid,
        api_port=outside.api_port,
        forward_ports=outside.forward_ports,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    ).save(directory)


def _wait_for_end(waker: int, lifeline_fd: int | None, first: subprocess.Popen[bytes]) -> bool:
    """Wait until the world is to end (True) or has ended by itself (False)."""
    with selectors.DefaultSelector() as selector:
        selector.register(waker, selectors.EVENT_READ)
        if lifeline_fd is not None:
            selector.register(lifeline_fd, selectors.EVENT_READ)
        while first.poll() is None:
            for key, _ in selector.select():
                if key.fd == lifeline_fd:
                    return True
                if any(number != signal.SIGCHLD for number in signals_of(waker)):
                    return True
    return False


def main(make_outside: MakeOutside) -> int:
    """Entry point of each level's keeper; descriptors come by number from the starter."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--report", type=int, required=True)
    parser.add_argument("--lifeline", type=int)
    arguments = parser.parse_args()
    keep(make_outside, arguments.directory, arguments.report, arguments.lifeline)
    return 0
