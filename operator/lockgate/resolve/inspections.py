"""Which manifests are read, when, and what was found: once per version and never inside a pass.

What a version holds cannot change, so what was read or refused is remembered. After a failure it is
read again at growing intervals for as long as somebody waits for it, who need not ask again. Each
namespace has a few reads at a time, so that manifests that hang delay nobody else's.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from lockgate.domain.resources import Key
from lockgate.domain.version import Contents, Version
from lockgate.errors import LockgateError, Terminal, Unanswered
from lockgate.resolve.answers import comparable

AT_ONCE = 12
AT_ONCE_PER_NAMESPACE = 2
_LONGEST_PAUSE_SECONDS = 300.0
_FIRST_PAUSE_SECONDS = 2.0
# So long those for whom a manifest is read ahead are left alone; then they tell what they wait for.
AHEAD_SECONDS = 2.0

Name = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class _Known:
    """What was said of a version, and how often in a row it could not be read."""

    said: Contents | LockgateError
    failures: int = 0


class Inspections:
    """Reads manifests in the background; belongs to one event loop."""

    def __init__(self, read: Callable[[Version], Awaitable[Contents]], wake: Callable[[Key], None]) -> None:
        self._read = read
        self._wake = wake
        self._known: dict[Name, _Known] = {}
        self._waiting: defaultdict[Name, dict[Key, float]] = defaultdict(dict)
        self._queued: dict[str, dict[Name, Version]] = {}
        self._running: dict[Name, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def inspect(self, version: Version, key: Key) -> Contents:
        """The summary of a version's manifest; raises Unanswered when it has yet to be read."""
        name, now = version.identity, asyncio.get_running_loop().time()
        known = self._known.get(name)
        if known is None or known.failures:
            since = self._waiting[name].setdefault(key, now)
        if known is None:
            self._enqueue(name, version, key[0])
            raise Unanswered(f"the manifest of {version.uri} is being read", waited=now - since)
        if isinstance(known.said, LockgateError):
            raise known.said.with_traceback(None)
        return known.said

    def read_ahead(self, version: Version, keys: Collection[Key]) -> bool:
        """Read the manifest now and wake these when it is there; False when they may look at once."""
        name, loop = version.identity, asyncio.get_running_loop()
        if name in self._known or not keys:
            return False
        for key in keys:
            self._waiting[name].setdefault(key, loop.time())
            self._enqueue(name, version, key[0])
        loop.call_later(AHEAD_SECONDS, self._look_meanwhile, name)
        return True

    def _look_meanwhile(self, name: Name) -> None:
        for key in tuple(self._waiting.get(name, ())):
            self._wake(key)

    def keep(self, names: Collection[Name]) -> None:
        """Forget every version but these."""
        kept = set(names) | self._running.keys()
        books: list[dict[Name, Any]] = [self._known, self._waiting, *self._queued.values()]
        for book in books:
            for unused in book.keys() - kept:
                del book[unused]

    def close(self) -> None:
        """Wait for no answer any more."""
        self._known.clear()
        for task in self._tasks:
            task.cancel()

    def _enqueue(self, name: Name, version: Version, namespace: str) -> None:
        if name not in self._running:
            self._queued.setdefault(namespace, {})[name] = version
            self._start_more()

    def _start_more(self) -> None:
        busy = Counter(self._running.values())
        for namespace in tuple(self._queued):
            if len(self._running) >= AT_ONCE:
                return  # each in its place, or whoever is first would be so each time
            queued = self._queued[namespace]
            while queued and len(self._running) < AT_ONCE and busy[namespace] < AT_ONCE_PER_NAMESPACE:
                name = next(iter(queued))
                version = queued.pop(name)
                # Another namespace may have asked for the same.
                if name not in self._running and self._is_wanted(name):
                    busy[namespace] += 1
                    self._start(name, version, namespace)
            # To the end of the row: the next free place is another namespace's.
            del self._queued[namespace]
            if queued:
                self._queued[namespace] = queued

    def _is_wanted(self, name: Name) -> bool:
        return bool(self._waiting.get(name))

    def _start(self, name: Name, version: Version, namespace: str) -> None:
        self._running[name] = namespace
        task = asyncio.get_running_loop().create_task(self._inspect(name, version))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _inspect(self, name: Name, version: Version) -> None:
        said: Contents | LockgateError
        namespace = self._running[name]
        try:
            said = await self._read(version)
        except LockgateError as error:
            said = error
        finally:
            del self._running[name]
        pause = self._take(name, said)
        if pause is not None:
            asyncio.get_running_loop().call_later(pause, self._read_again, name, version, namespace)
        self._start_more()

    def _read_again(self, name: Name, version: Version, namespace: str) -> None:
        if name in self._known:
            self._enqueue(name, version, namespace)

    def _take(self, name: Name, said: Contents | LockgateError) -> float | None:
        """Remember and tell; returns after how many seconds to read it again, if at all."""
        before = self._known.get(name)
        pause, failures = None, 0
        waiting = self._waiting.get(name, {})
        if isinstance(said, LockgateError) and not isinstance(said, Terminal):
            failures = before.failures + 1 if before else 1
            for queued in self._queued.values():
                queued.pop(name, None)  # else everybody's row would try it at once
            pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 16))
        else:
            self._waiting.pop(name, None)
        self._known[name] = _Known(said, failures)
        # Whoever was told the same before has its own time to look again.
        if before is None or comparable(before.said) != comparable(said):
            for key in tuple(waiting):
                self._wake(key)
        return pause
