"""Makes calls that may hang, and never waits for them longer than it was told.

The client bounds each of its own steps but not their sum, and one of them (reading a manifest)
not at all; a step cannot be cancelled, so its thread is left to itself and counted.
"""

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)
Answer = TypeVar("Answer")


class BoundedCalls:
    """Calls in daemon threads, of which at most `most` may be alive, hanging ones included."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def each(
        self, items: Iterable[Item], action: Callable[[Item], Answer], *, width: int, until: float
    ) -> dict[Item, Answer]:
        """What `action`, which must not raise, answers for each item until then (monotonic seconds).

        At most `width` calls run at a time. Items without an answer in time are left out, and
        those that were not begun never will be. Answers with nothing, at once, when as many
        threads as allowed hang already.
        """
        wanted = list(items)
        answers: dict[Item, Answer] = {}
        arriving: queue.SimpleQueue[tuple[Item, Answer]] = queue.SimpleQueue()
        work = _Work(wanted)
        started = [
            self._start(lambda: _work_off(work, action, arriving)) for _ in range(min(width, len(wanted)))
        ]
        try:
            while any(started) and len(answers) < len(wanted):
                item, answer = arriving.get(timeout=max(0.0, until - time.monotonic()))
                answers[item] = answer
        except queue.Empty:
            pass
        finally:
            work.stop()
        return answers

    def _start(self, call: Callable[[], None]) -> bool:
        """Whether there was room for one more thread."""

        def run() -> None:
            try:
                call()
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        with self._lock:
            if len(self._threads) >= self._most:
                return False
            thread = threading.Thread(target=run, name=self._name, daemon=True)
            self._threads.add(thread)
        thread.start()
        return True


class _Work(Iterator[Item]):
    """Hands each item to one thread, until it is stopped."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()
        self._stopped = False

    def __next__(self) -> Item:
        with self._lock:
            if self._stopped:
                raise StopIteration
            return next(self._items)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True


def _work_off(
    work: _Work[Item], action: Callable[[Item], Answer], arriving: queue.SimpleQueue[tuple[Item, Answer]]
) -> None:
    for item in work:
        arriving.put((item, action(item)))
