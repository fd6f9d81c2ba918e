"""The end of the process, whatever hangs: a thread that does not answer, a loop that stands still.

Kubernetes kills after its grace period, and with it all that was under way; a process that is told
to end and does not is slower than one that is killed, and tells nobody why. As the first process of
a container it would even be deaf to SIGTERM, unless it says from the beginning what that means.
"""

import asyncio
import atexit
import contextlib
import faulthandler
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from lockgate.processes import descendants

EXIT_CODE = 1
_STDERR = 2
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# A thread of ours ends all; if it does not come to that, one that needs no interpreter does, so much later.
_LAST_RESORT_SECONDS = 0.3
_TIDY_SECONDS = 0.5


def end_at_once_on_signals() -> None:
    """Until there is anything to bring to an end, SIGTERM and SIGINT end the process there and then."""

    def told_to_stop(number: int, _: FrameType | None) -> None:
        os._exit(0)

    for number in _SIGNALS:
        signal.signal(number, told_to_stop)


def stop_on_signals(stop: asyncio.Event, at_most: float) -> None:
    """Set `stop` on SIGTERM and SIGINT; so many seconds later the process is over in any case."""
    loop = asyncio.get_running_loop()
    told = False

    def told_to_stop(number: int, _: FrameType | None) -> None:
        nonlocal told
        if told:
            return
        told = True
        # Not the loop's own handler: a loop that hangs would never call it.
        end_process_after(at_most)
        with contextlib.suppress(RuntimeError):
            # A loop that is closed already has nothing to stop.
            loop.call_soon_threadsafe(stop.set)

    for number in _SIGNALS:
        signal.signal(number, told_to_stop)


def end_process_after(seconds: float) -> None:
    """End this process and all that it has started in so many seconds, unless it has ended by then."""
    with contextlib.suppress(Exception):
        faulthandler.dump_traceback_later(seconds + _LAST_RESORT_SECONDS, exit=True, file=_STDERR)
    with contextlib.suppress(RuntimeError):
        # None is begun any more while the interpreter ends.
        timer = threading.Timer(seconds, _end)
        timer.daemon = True
        timer.start()


def leave(code: int = 0) -> NoReturn:
    """End this process now, when all is done: nothing is waited for, nothing loaded is taken apart.

    The interpreter's own way out takes seconds on a busy machine, and waits without end for a thread
    that asks a name server in vain.
    """
    with contextlib.suppress(RuntimeError):
        tidying = threading.Thread(target=atexit._run_exitfuncs, name="tidying", daemon=True)
        tidying.start()
        tidying.join(_TIDY_SECONDS)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    _leave(code)


def _end() -> None:
    with contextlib.suppress(Exception):
        # Past the log, whose lock may be what hangs; and no line of a source file is read for it.
        os.write(_STDERR, b"lockgate did not end in time; its threads stood at:\n")
        faulthandler.dump_traceback(file=_STDERR)
    _leave(EXIT_CODE)


def _leave(code: int) -> NoReturn:
    with contextlib.suppress(Exception):
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    os._exit(code)
