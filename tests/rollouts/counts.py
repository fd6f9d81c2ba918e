"""What a crowd has counted, moment by moment: its log is followed, and every line kept.

Who asks for a time between two moments gets what was surely asked and answered within it. Nothing is
judged here.
"""

import contextlib
import http.client
import threading
from collections import Counter
from types import TracebackType

from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.crowds import NAMESPACE, Count, Crowd

# An answer that took so long was asked for before: those of the split before are over by then.
AFTER_SECONDS = 1.0
# The watch may tell of a change so much later than a gateway acts on it.
BEFORE_SECONDS = 0.5
_AGAIN_SECONDS = 0.1


class Counts:
    """The lines of a crowd, read on a thread of its own."""

    def __init__(self, crowd: Crowd) -> None:
        self._path = f"/api/v1/namespaces/{NAMESPACE}/pods/{crowd.name}/log"
        self._client = ApiClient(crowd.world.kubeconfig, timeout=30)
        self._lines: list[Count] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Counts":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._client.abort()
        self._thread.join(5)
        self._client.close()

    @property
    def last(self) -> Count | None:
        """The newest count; None before the first."""
        return self._lines[-1] if self._lines else None

    def between(self, begin: float, end: float) -> Counter[str]:
        """Answers by version that surely came between two moments."""
        lines = list(self._lines)
        within = [line for line in lines if begin + AFTER_SECONDS <= line.at <= end - BEFORE_SECONDS]
        if not within:
            return Counter()
        return Counter(within[-1].versions) - Counter(within[0].versions)

    def last_answer_of_others(self, version: str, since: float) -> float:
        """When the last answer by any other version was told, `since` when there was none."""
        last, before = since, None
        for line in list(self._lines):
            others = sum(line.versions.values()) - line.versions.get(version, 0)
            if before is not None and others > before and line.at > since:
                last = line.at
            before = others
        return last

    def take(self, count: Count) -> None:
        """One more count, newer than all."""
        self._lines.append(count)

    def _follow(self) -> None:
        while not self._ends.is_set():
            with contextlib.suppress(OSError, ApiError, http.client.HTTPException, ValueError):
                for told in self._client.watch(self._path, follow="true", tailLines="1"):
                    self.take(Count.by(told))
            self._client.close()
            self._ends.wait(_AGAIN_SECONDS)
