"""Whose question is asked next? So many at once, of each namespace fewer, and namespaces take turns.

Who was asked keeps its place for a moment even after it has answered, which bounds how many are asked in a
second. What is asked, and what comes of it, is not known here.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

AT_ONCE = 4
AT_ONCE_PER_NAMESPACE = 2
LEAST_SECONDS = 0.2

Work = Callable[[], Coroutine[Any, Any, None]]


class Turns:
    """A row for one service; belongs to one event loop. Work must not raise."""

    def __init__(self, least_seconds: float = LEAST_SECONDS) -> None:
        self._least_seconds = least_seconds
        self._rows: dict[str, dict[Hashable, Work]] = {}
        self._busy: Counter[str] = Counter()
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    def queue(self, namespace: str, name: Hashable, work: Work) -> None:
        """Do this when it is its turn; what stands in the row by that name already is replaced."""
        self._rows.setdefault(namespace, {})[name] = work
        self._begin_more()

    def drop(self, namespace: str, name: Hashable) -> None:
        """Nobody wants this any more, whether it was begun or not."""
        row = self._rows.get(namespace, {})
        row.pop(name, None)
        if not row:
            self._rows.pop(namespace, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def _begin_more(self) -> None:
        while (namespace := self._next()) is not None:
            row = self._rows.pop(namespace)
            name = next(iter(row))
            self._begin(namespace, name, row.pop(name))
            # To the end: the next free place is another namespace's.
            if row:
                self._rows[namespace] = row

    def _next(self) -> str | None:
        if self._busy.total() >= AT_ONCE:
            return None
        return next((each for each in self._rows if self._busy[each] < AT_ONCE_PER_NAMESPACE), None)

    def _begin(self, namespace: str, name: Hashable, work: Work) -> None:
        loop = asyncio.get_running_loop()
        free_at = loop.time() + self._least_seconds
        self._busy[namespace] += 1
        task = self._tasks[name] = loop.create_task(work())
        task.add_done_callback(lambda done: self._ended(name, done))
        task.add_done_callback(lambda _: loop.call_at(free_at, self._free, namespace))

    def _ended(self, name: Hashable, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if not task.cancelled():
            task.exception()  # heard

    def _free(self, namespace: str) -> None:
        self._busy -= Counter({namespace: 1})
        self._begin_more()
