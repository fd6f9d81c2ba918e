"""How a stand-in acts on a real API server: it watches some kinds, and does what is due, when it is due.

One thread a watched path and one that does everything else, so a stand-in's own state needs no lock.
What an event means is the stand-in's business.
"""

from __future__ import annotations

import contextlib
import heapq
import http.client
import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from lockgate_sandbox.api import ApiClient, ApiError, Json

_AGAIN_SECONDS = 0.5
_LOOK_SECONDS = 60.0
_WATCH_SECONDS = 120.0
_JOIN_SECONDS = 5.0
_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})

Notice = Callable[[Json], None]


class Acting:
    """The threads of one stand-in. What it does must bear to be done again when the API server was away."""

    def __init__(self, kubeconfig: Path) -> None:
        """Act with the rights of `kubeconfig`."""
        self.client = ApiClient(kubeconfig)
        self._kubeconfig = kubeconfig
        self._watchers: list[ApiClient] = []
        self._threads = [threading.Thread(target=self._work, daemon=True)]
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._counter = itertools.count()
        self._stopping = threading.Event()

    def watch(self, path: str, notice: Notice, query: Mapping[str, str] | None = None) -> None:
        """Have `notice` told of every change of a path, and after a gap of all that is there or gone."""
        watcher = ApiClient(self._kubeconfig, timeout=_WATCH_SECONDS)
        self._watchers.append(watcher)
        arguments = (watcher, path, notice, query or {})
        self._threads.append(threading.Thread(target=self._watch, args=arguments, daemon=True))

    def start(self) -> None:
        """Begin to watch and to act."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop acting, also on what is due."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.abort()
        self.soon(lambda: None)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        self.client.close()

    def soon(self, action: Callable[[], None]) -> None:
        """Do something next; may be called from any thread."""
        self._asked.put(action)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something in so many seconds; only for what is being done, which is in the acting thread."""
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._counter), action))

    def _watch(self, watcher: ApiClient, path: str, notice: Notice, query: Mapping[str, str]) -> None:
        known: dict[str, Json] = {}

        def tell(kind: str, found: Json) -> None:
            known[found["metadata"]["uid"]] = found
            if kind == "DELETED":
                del known[found["metadata"]["uid"]]
            self.soon(partial(notice, {"type": kind, "object": found}))

        while not self._stopping.is_set():
            # Whatever ends a watch (time, a restart of the API server), a fresh list puts it right.
            with contextlib.suppress(OSError, ApiError, http.client.HTTPException, ValueError):
                listed = watcher.get(path, **query)
                there = {found["metadata"]["uid"] for found in listed["items"]}
                for gone in [known[uid] for uid in known.keys() - there]:
                    tell("DELETED", gone)
                for found in listed["items"]:
                    tell("MODIFIED", found)
                version = listed["metadata"]["resourceVersion"]
                for event in watcher.watch(path, resourceVersion=version, **query):
                    if event["type"] not in _CHANGES:
                        break
                    tell(event["type"], event["object"])
            watcher.close()
            self._stopping.wait(0.1)

    def _work(self) -> None:
        while not self._stopping.is_set():
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, action = heapq.heappop(self._due)
                self._attempt(action)
            wake = self._due[0][0] - time.monotonic() if self._due else _LOOK_SECONDS
            with contextlib.suppress(queue.Empty):
                self._attempt(self._asked.get(timeout=max(0.0, wake)))

    def _attempt(self, action: Callable[[], None]) -> None:
        """A real controller outlives an API server that is away, and an object that is gone meanwhile."""
        try:
            action()
        except ApiError as error:
            if error.status not in (http.client.NOT_FOUND, http.client.CONFLICT):
                self.later(_AGAIN_SECONDS, action)
        except (OSError, http.client.HTTPException):
            self.later(_AGAIN_SECONDS, action)
