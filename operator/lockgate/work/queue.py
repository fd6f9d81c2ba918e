"""Which ModelDeployment to look at next: de-duplicated, fair, delayed, with back-off.

What people have edited goes before everything else; within a lane the namespaces take turns. A
key is queued at most once and worked on by at most one worker; a wake during work queues it again
afterwards. Delays are bounded by the earliest: an event never waits for a timer.
"""

import asyncio
import heapq
import math
import random
from collections import OrderedDict, deque
from collections.abc import Callable

from lockgate.domain.resources import Key
from lockgate.kube.errand import Errand

BACKOFF_BASE_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 300.0
# What a pass itself asks for comes no sooner, so that nothing that asks each time runs hot.
FLOOR_SECONDS = 1.0
# By then the watch has most likely told what a pass did not know.
MOMENT_SECONDS = 0.1
# The same object is urgent no more often than this: what is edited in a loop is no person's.
URGENT_AGAIN_SECONDS = 1.0
# What the API server turns away is tried again this soon while it is little, in seconds. Of much so
# many are tried a second, and the first that succeeds after so many failures wakes the rest.
SOON_SECONDS = 8.0
_FAILED_PER_SECOND = 10
_LONG_FAILURES = 4
# Nor is what fails tried again more often because an obstacle is said to be gone.
_FAILED_AGAIN_SECONDS = 5.0
_STALE_TIMERS = 1000


class WorkQueue:
    """A keyed queue for one event loop; every operation takes the same time at any length."""

    def __init__(self) -> None:
        self._urgent, self._ordinary = _Lane(), _Lane()
        # In the order of time: a key that is queued anew goes to the end.
        self._queued_at: OrderedDict[Key, float] = OrderedDict()
        self._working: dict[Key, Errand] = {}
        self._again: dict[Key, bool] = {}
        self._urgent_at: dict[Key, float] = {}
        self._unfinished: set[Key] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._reserved: deque[asyncio.Future[None]] = deque()
        self._timers = _Timers(self.wake)
        self._failures: dict[Key, int] = {}
        self._failed_woken_at = -math.inf
        self._failed_alarm: asyncio.TimerHandle | None = None
        self._waits_since = 0.0
        self._moved_at: float | None = None

    def wake(self, key: Key, urgent: bool = False) -> None:
        """Ask for a pass as soon as a worker is free; `urgent` when a person waits for it."""
        self._wake(key, key in self._unfinished or (urgent and self._may_hurry(key)))

    def _wake(self, key: Key, urgent: bool) -> None:
        if key in self._working:
            self._again[key] = urgent or self._again.get(key, False)
            if urgent:
                self._working[key].hurry()
            return
        if key not in self._queued_at:
            if not self._queued_at:
                self._waits_since = _now()
            self._queued_at[key] = _now()
        elif not urgent or key in self._urgent:
            return
        else:
            self._ordinary.remove(key)
        (self._urgent if urgent else self._ordinary).add(key)
        self._call_one()

    def wake_after(self, key: Key, seconds: float) -> None:
        """Ask for a pass in `seconds`, unless one is due earlier anyway."""
        floor = FLOOR_SECONDS if key in self._working else 0.0
        self._timers.set(key, _now() + max(floor, seconds))

    def back_off(
        self, key: Key, at_least: float | None = None, *, at_most: float = BACKOFF_CAP_SECONDS
    ) -> float:
        """Ask for a pass after this key's next delay with jitter; returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        ceiling = min(at_most, BACKOFF_BASE_SECONDS * float(2 ** min(failures, 16)))
        delay = max(at_least or 0.0, ceiling * random.uniform(0.5, 1.0))  # noqa: S311
        self.wake_after(key, delay)
        return delay

    def again(self, key: Key) -> float:
        """Ask for a pass in a moment, but back off when the last one ended badly as well; as `back_off`.

        When one was asked for during the pass it comes at once, and nothing went wrong.
        """
        if key in self._again:
            return 0.0
        if key in self._failures:
            return self.back_off(key)
        self._failures[key] = 1
        self._timers.set(key, _now() + MOMENT_SECONDS)
        return MOMENT_SECONDS

    def patience(self) -> float:
        """How long one that the API server turns away waits at most: nobody tells when it relents."""
        return max(SOON_SECONDS, len(self._failures) / _FAILED_PER_SECOND)

    def succeeded(self, key: Key) -> None:
        """Forget the failures of a key; after many of them its obstacle may have been that of others."""
        if self._failures.pop(key, 0) >= _LONG_FAILURES:
            self.wake_failed()

    def wake_failed(self) -> None:
        """What may have stood in the way of many is gone: all that back off are looked at now.

        Whoever says so again and again is heard once in five seconds.
        """
        if self._failed_alarm is None:
            # One alarm for all: of thousands that recover together each says so.
            due = max(_now(), self._failed_woken_at + _FAILED_AGAIN_SECONDS)
            self._failed_alarm = asyncio.get_running_loop().call_at(due, self._wake_all_failed)

    def _wake_all_failed(self) -> None:
        self._failed_alarm, self._failed_woken_at = None, _now()
        for key in tuple(self._failures):
            self._timers.set(key, _now())

    def unfinished(self, key: Key) -> None:
        """The pass that ends could not do what was asked for: if that was urgent, so is the next."""
        if self._working[key].urgent:
            self._unfinished.add(key)

    def forget(self, key: Key) -> None:
        """Drop what is planned for a key."""
        self._unfinished.discard(key)
        self._urgent_at.pop(key, None)
        self._failures.pop(key, None)
        self._timers.drop(key)

    async def take(self, *, urgent_only: bool = False) -> Key:
        """The next key; the caller must call `done` with it."""
        if self._moved_at is None:
            self._moved_at = _now()
        while (key := self._next(urgent_only)) is None:
            await self._wait(self._reserved if urgent_only else self._waiting)
        self._queued_at.pop(key)
        self._unfinished.discard(key)
        self._timers.drop(key)
        # Whoever was called for this key may have taken another one's: the rest is called for again.
        self._call_one()
        return key

    def done(self, key: Key) -> None:
        """The pass over a key has ended."""
        self._working.pop(key, None)
        self._moved_at = _now()
        if key in self._again:
            urgent = self._again.pop(key)
            self._wake(key, urgent or key in self._unfinished)

    def errand(self, key: Key) -> Errand:
        """The errand of a key that was taken."""
        return self._working[key]

    def __len__(self) -> int:
        return len(self._queued_at)

    @property
    def has_work(self) -> bool:
        """Whether anything waits or is worked on."""
        return bool(self._queued_at or self._working)

    def oldest_seconds(self) -> float:
        """How long the longest waiting key has waited, in seconds."""
        return _now() - next(iter(self._queued_at.values())) if self._queued_at else 0.0

    def stuck_seconds(self) -> float:
        """For how long no pass has ended while keys wait; 0 while none waits and before work begins."""
        if self._moved_at is None or not self._queued_at:
            return 0.0
        return _now() - max(self._moved_at, self._waits_since)

    def _may_hurry(self, key: Key) -> bool:
        now = _now()
        if now - self._urgent_at.get(key, -URGENT_AGAIN_SECONDS) < URGENT_AGAIN_SECONDS:
            return False
        self._urgent_at[key] = now
        return True

    def _next(self, urgent_only: bool) -> Key | None:
        urgent = bool(self._urgent)
        if not urgent and (urgent_only or not self._ordinary):
            return None
        key = (self._urgent if urgent else self._ordinary).pop()
        self._working[key] = Errand(urgent=urgent)
        return key

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        call: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(call)
        try:
            await call
        except asyncio.CancelledError:
            if not call.cancelled():
                # Called and cancelled at once: the call goes to the next in line.
                self._call_one()
            elif call in line:
                line.remove(call)
            raise

    def _call_one(self) -> None:
        lines = (
            (self._reserved, self._waiting) if self._urgent else (self._waiting,) if self._ordinary else ()
        )
        for line in lines:
            while line:
                call = line.popleft()
                if not call.done():
                    call.set_result(None)
                    return


class _Lane:
    """Keys in turn: namespaces go round, and within one the first comes first."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def add(self, key: Key) -> None:
        self._names.setdefault(key[0], OrderedDict())[key[1]] = None

    def remove(self, key: Key) -> None:
        names = self._names[key[0]]
        del names[key[1]]
        if not names:
            del self._names[key[0]]

    def pop(self) -> Key:
        namespace, names = next(iter(self._names.items()))
        name, _ = names.popitem(last=False)
        if names:
            self._names.move_to_end(namespace)
        else:
            del self._names[namespace]
        return (namespace, name)

    def __contains__(self, key: Key) -> bool:
        return key[1] in self._names.get(key[0], ())

    def __bool__(self) -> bool:
        return bool(self._names)


class _Timers:
    """One alarm for the earliest of many times; one time a key."""

    def __init__(self, ring: Callable[[Key], None]) -> None:
        self._ring = ring
        self._heap: list[tuple[float, Key]] = []
        self._due: dict[Key, float] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def set(self, key: Key, due: float) -> None:
        if due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        if len(self._heap) > 2 * len(self._due) + _STALE_TIMERS:
            self._heap = [(at, of) for of, at in self._due.items()]
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, (due, key))
        self._arm()

    def drop(self, key: Key) -> None:
        self._due.pop(key, None)

    def _arm(self) -> None:
        if not self._heap or (self._alarm is not None and self._alarm.when() <= self._heap[0][0]):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(self._heap[0][0], self._release)

    def _release(self) -> None:
        self._alarm = None
        now = _now()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self._ring(key)
        self._arm()


def _now() -> float:
    return asyncio.get_running_loop().time()
