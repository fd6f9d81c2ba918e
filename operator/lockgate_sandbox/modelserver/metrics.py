"""Three metrics of one model as a Prometheus text page.

Written by hand because they are only three and the image carries no client for them.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counts inference requests by HTTP status and sums up how long they took."""

    def __init__(self, model: str, version: str) -> None:
        self._labels = f'model="{_escaped(model)}",version="{_escaped(version)}"'
        self._lock = threading.Lock()
        self._answers: Counter[int] = Counter()
        self._buckets = [0] * (len(_BUCKETS) + 1)
        self._seconds = 0.0

    def observe(self, status: int, seconds: float) -> None:
        """Count one answered inference request."""
        with self._lock:
            self._answers[status] += 1
            self._buckets[bisect_left(_BUCKETS, seconds)] += 1
            self._seconds += seconds

    def page(self) -> str:
        """All metrics in Prometheus' text format."""
        with self._lock:
            answers, buckets, seconds = dict(self._answers), list(self._buckets), self._seconds
        failed = sum(count for status, count in answers.items() if status >= 500)
        below = list(accumulate(buckets))
        lines = [
            *_head("requests_total", "counter", "Inference requests answered, by HTTP status."),
            *(self._line("requests_total", n, f'code="{status}"') for status, n in sorted(answers.items())),
            *_head(
                "failures_total", "counter", "Inference requests that failed through no fault of the client."
            ),
            self._line("failures_total", failed),
            *_head("request_duration_seconds", "histogram", "From a request's head to its answer."),
            *(
                self._line("request_duration_seconds_bucket", count, f'le="{bound}"')
                for bound, count in zip((*_BUCKETS, "+Inf"), below, strict=True)
            ),
            self._line("request_duration_seconds_sum", seconds),
            self._line("request_duration_seconds_count", below[-1]),
        ]
        return "\n".join(lines) + "\n"

    def _line(self, name: str, value: float, label: str = "") -> str:
        labels = f"{self._labels},{label}" if label else self._labels
        return f"modelserver_{name}{{{labels}}} {value}"


def _head(name: str, kind: str, words: str) -> tuple[str, str]:
    return f"# HELP modelserver_{name} {words}", f"# TYPE modelserver_{name} {kind}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
