"""How a process is tied to the life of another, by the kernel and not by good manners.

Everything here works on SIGKILL too: nothing relies on a handler that may not run. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def dies_with(parent: int) -> Callable[[], None]:
    """A step for between fork and exec: the child is killed when `parent`, its parent, ends.

    The tie is to the parent's *thread*, so only a process with one thread may use it.
    """

    def tie() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the tie was made
            os._exit(1)

    return tie


def tie_to_caller() -> Callable[[], None] | None:
    """`dies_with` this process, or None where that tie cannot be made (another thread, another system)."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    return dies_with(os.getpid())


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1) != 0:
        raise OSError(ctypes.get_errno(), "cannot become the reaper of descendants")


def children_of(pid: int) -> list[int]:
    """Direct children of a process; empty when it is gone."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - bare numbers are wanted
        for thread in threads:
            with open(f"/proc/{pid}/task/{thread}/children") as listing:  # noqa: PTH123
                found += [int(child) for child in listing.read().split()]
    except OSError:
        return found
    return found


def end_all_children() -> None:
    """Kill every child, and every orphan that becomes one by that, until none is left."""
    while True:
        for child in children_of(os.getpid()):
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def woken_by(*signals: signal.Signals) -> int:
    """A descriptor that becomes readable on any of these, which then do nothing else to this process."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in signals:
        signal.signal(number, lambda *_: None)
    return reading


def wait_for_signal(waker: int) -> None:
    """Wait until `woken_by` has something to tell, however many signals that were."""
    select.select([waker], [], [])
    signals_of(waker)


def signals_of(waker: int) -> bytes:
    """The numbers of the signals that came since the last call."""
    with contextlib.suppress(BlockingIOError):
        return os.read(waker, 64)
    return b""
