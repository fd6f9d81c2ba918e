"""Keeps kopf watching, in a thread of its own, whatever the API server does to it.

Some faults of an API server end `kopf.operator()`, and some leave it running and deaf; it is
entered again after a short pause, or when somebody asks for that. Each new entry lists everything
anew, and a sweep afterwards finds what vanished meanwhile.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import kopf
import structlog

_log = structlog.get_logger(__name__)
# Bounded, so that an API server that is back is seen within seconds.
_PAUSES_SECONDS = (0.5, 1, 2, 4)
STABLE_AFTER_SECONDS = 60.0
# After so long kopf is left behind, with whatever of it does not end.
_LEAVING_SECONDS = 3.0


class WatchSupervisor:
    """Runs kopf's operator again and again until stopped."""

    def __init__(
        self,
        registry: kopf.OperatorRegistry,
        settings: kopf.OperatorSettings,
        namespaces: Sequence[str],
        close_session: Callable[[], Awaitable[None]],
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._namespaces = tuple(namespaces)
        self._close_session = close_session
        self._stopping = threading.Event()
        # One for each entry: kopf waits for it in a thread, which must not outlive the entry.
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.entries = 0
        self._entered_at = time.monotonic()

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the watch; waits at most `timeout` seconds for the thread."""
        self._stopping.set()
        self._leave.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def enter_anew(self, why: str) -> None:
        """Leave the present entry, because it does not hear what it should."""
        _log.warning("the watch is entered anew", why=why)
        self._leave.set()

    def is_alive(self) -> bool:
        """Whether anything watches, or will: false only once the thread has ended."""
        return self._thread.ident is None or self._thread.is_alive()

    def entered_seconds(self) -> float:
        """How old the present entry is, in seconds."""
        return time.monotonic() - self._entered_at

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._leave = threading.Event()
            if self._stopping.is_set():
                return
            self.entries += 1
            self._entered_at = time.monotonic()
            asked = self._enter()
            if self._stopping.is_set():
                return
            failures = 0 if asked or self.entered_seconds() > STABLE_AFTER_SECONDS else failures + 1
            pause = _PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS) - 1)]
            _log.warning("watch ended and is entered again", entries=self.entries, pause_seconds=pause)
            self._stopping.wait(pause)

    def _enter(self) -> bool:
        """One entry, from its beginning to its end; returns whether that end was asked for."""
        leave = self._leave
        # Not asyncio.run: that waits for every thread that the loop ever used, a hanging one too.
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(_left_behind)
        try:
            loop.run_until_complete(self._watch(leave))
        except BaseException as error:
            # A thread has nobody else to tell, and the watch must go on after anything.
            _log.warning("watch failed", error=type(error).__name__, detail=str(error)[:300])
        finally:
            asked = leave.is_set()
            leave.set()
            _close(loop)
        return asked

    async def _watch(self, leave: threading.Event) -> None:
        ours = asyncio.all_tasks()
        try:
            tasks = await kopf.spawn_tasks(
                registry=self._registry,
                settings=self._settings,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=leave,
            )
            running = asyncio.ensure_future(kopf.run_tasks(tasks, ignored=ours))
            # kopf ends when one of these ends; but then it waits for the others without end.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({running}, timeout=_LEAVING_SECONDS)
            if running.done():
                running.result()
        finally:
            await self._close_session()


def _left_behind(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # What kopf's tasks end with when nobody waits for them any more; its end itself has been told.
    _log.debug("left behind", what=context.get("message"), error=repr(context.get("exception"))[:300])


def _close(loop: asyncio.AbstractEventLoop) -> None:
    try:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left, timeout=1.0) if left else asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
    except BaseException as error:
        _log.warning("watch left something behind", error=type(error).__name__)
    finally:
        loop.close()
