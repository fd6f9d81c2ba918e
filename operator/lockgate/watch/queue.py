"""Which ModelDeployment to look at next: de-duplicated, fair, delayed, with back-off.

A key is queued at most once and worked on by at most one worker; a wake during work queues it
again afterwards. Delays are bounded by the earliest: an event never waits for a timer.
"""

import asyncio
import heapq
import random
from collections import deque

from lockgate.domain.resources import Key

BACKOFF_BASE_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 300.0


class WorkQueue:
    """A keyed queue for one event loop."""

    def __init__(self) -> None:
        self._ready: deque[Key] = deque()
        self._queued_at: dict[Key, float] = {}
        self._working: dict[Key, float] = {}
        self._again: set[Key] = set()
        self._timers: list[tuple[float, Key]] = []
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def wake(self, key: Key) -> None:
        """Ask for a pass as soon as a worker is free."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._queued_at:
            self._queued_at[key] = _now()
            self._ready.append(key)
            self._changed.set()

    def wake_after(self, key: Key, seconds: float) -> None:
        """Ask for a pass in `seconds`, unless one is due earlier anyway."""
        due = _now() + max(0.0, seconds)
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            heapq.heappush(self._timers, (due, key))
            self._changed.set()

    def back_off(self, key: Key, at_least: float | None = None) -> float:
        """Ask for a pass after this key's next delay with jitter; returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * float(2 ** min(failures, 16)))
        delay = max(at_least or 0.0, ceiling * random.uniform(0.5, 1.0))  # noqa: S311
        self.wake_after(key, delay)
        return delay

    def succeeded(self, key: Key) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def forget(self, key: Key) -> None:
        """Drop what is planned for a key."""
        self._failures.pop(key, None)
        self._due.pop(key, None)

    async def take(self) -> Key:
        """The next key; the caller must call `done` with it."""
        while True:
            now = _now()
            self._release_due(now)
            if self._ready:
                key = self._ready.popleft()
                self._queued_at.pop(key)
                self._due.pop(key, None)
                self._working[key] = now
                if self._ready:
                    self._changed.set()
                return key
            self._changed.clear()
            timeout = max(0.0, self._timers[0][0] - now) if self._timers else None
            try:
                await asyncio.wait_for(self._changed.wait(), timeout)
            except TimeoutError:
                continue

    def done(self, key: Key) -> None:
        """The pass over a key has ended."""
        self._working.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self.wake(key)

    def _release_due(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            due, key = heapq.heappop(self._timers)
            if self._due.get(key) == due:
                del self._due[key]
                self.wake(key)

    def __len__(self) -> int:
        return len(self._ready)

    def oldest_seconds(self) -> float:
        """How long the longest waiting key has waited, in seconds."""
        return max((_now() - at for at in self._queued_at.values()), default=0.0)

    def longest_pass_seconds(self) -> float:
        """How long the longest running pass has run, in seconds."""
        return max((_now() - at for at in self._working.values()), default=0.0)


def _now() -> float:
    return asyncio.get_running_loop().time()
