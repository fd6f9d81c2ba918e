"""Keeps kopf watching, in a thread of its own, whatever the API server does to it.

Many faults of an API server end `kopf.operator()`; it is entered again with a growing pause.
Each new entry lists everything anew, and a sweep afterwards finds what vanished meanwhile.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import kopf
import structlog

_log = structlog.get_logger(__name__)
_PAUSES_SECONDS = (0.5, 1, 2, 5, 10, 30)
STABLE_AFTER_SECONDS = 60.0
# An entry that has lasted so long is watching: what is refused is refused at once.
WATCHING_AFTER_SECONDS = 10.0


class WatchSupervisor:
    """Runs kopf's operator again and again until stopped."""

    def __init__(
        self,
        registry: kopf.OperatorRegistry,
        settings: kopf.OperatorSettings,
        namespaces: Sequence[str],
        on_restart: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._namespaces = tuple(namespaces)
        self._on_restart = on_restart
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.entries = 0
        self._entered_at = 0.0
        self._failing_since: float | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the watch; waits at most `timeout` seconds for the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def failing_seconds(self) -> float:
        """For how long no entry has come to watch, in seconds; 0 when all is well."""
        since = self._failing_since
        if since is None or time.monotonic() - self._entered_at > WATCHING_AFTER_SECONDS:
            return 0.0
        return time.monotonic() - since

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self.entries += 1
            self._entered_at = time.monotonic()
            if self.entries > 1:
                self._on_restart()
            elapsed = asyncio.run(self._watch_once())
            if self._stop.is_set():
                return
            if elapsed > WATCHING_AFTER_SECONDS or self._failing_since is None:
                self._failing_since = time.monotonic()
            failures = 0 if elapsed > STABLE_AFTER_SECONDS else failures + 1
            pause = _PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS)) - 1] if failures else 0.5
            _log.warning("watch ended and is entered again", entries=self.entries, pause_seconds=pause)
            self._stop.wait(pause)

    async def _watch_once(self) -> float:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await kopf.operator(
                registry=self._registry,
                settings=self._settings,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=self._stop,
            )
        except Exception as error:
            _log.warning("watch failed", error=type(error).__name__, detail=str(error)[:300])
        return loop.time() - started
