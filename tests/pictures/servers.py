"""Model servers of a play: they answer requests well or badly, and count them as the sandbox's own does.

What an analysis would read of them is computed from the same counts, as Prometheus would.
"""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lockgate.api.analysis import Metric, Query
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.domain.analysis import Reading, Readings, Seen, Series, span_of
from lockgate_sandbox.modelserver.metrics import _BUCKETS, Metrics


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a version answers: the part of requests that fail, and the median of its durations in seconds.

    `leaks_after` is for how many seconds it does well before `failing` begins.
    """

    failing: float = 0.0004
    seconds: float = 0.009
    leaks_after: float = 0.0


@dataclass
class _Count:
    at: datetime
    requests: int
    failures: int
    buckets: tuple[int, ...]


@dataclass
class Server:
    """All pods of one release as one; counts are kept for as long as an analysis may look back."""

    version: str
    release: str
    manner: Manner
    chance: random.Random
    _metrics: Metrics = field(init=False)
    _born: datetime = field(init=False)
    _counts: list[_Count] = field(default_factory=list)
    _owed: float = 0.0

    def __post_init__(self) -> None:
        self._metrics = Metrics("churn", self.version)

    def answer(self, rate: float, since: datetime, now: datetime) -> None:
        """Answer so many requests a second from then until now."""
        if not self._counts:
            self._counts.append(_Count(since, 0, 0, (0,) * (len(_BUCKETS) + 1)))
            self._born = since
        last = self._counts[-1]
        buckets, failures = list(last.buckets), last.failures
        self._owed += rate * (now - since).total_seconds() * self.chance.uniform(0.92, 1.08)
        whole = int(self._owed)
        self._owed -= whole
        is_well = (now - self._born).total_seconds() < self.manner.leaks_after
        failing = Manner.failing if is_well else self.manner.failing
        for _ in range(whole):
            seconds = self.manner.seconds * math.exp(self.chance.gauss(0.0, 0.4))
            failed = self.chance.random() < failing
            failures += failed
            buckets[bisect_left(_BUCKETS, seconds)] += 1
            self._metrics.observe(500 if failed else 200, seconds)
        self._counts.append(_Count(now, last.requests + whole, failures, tuple(buckets)))

    def page(self) -> str:
        """What a scrape reads of it."""
        return self._metrics.page()

    def value(self, query: Query, at: datetime, window: timedelta) -> float | None:
        """What the runtime's PromQL would give for the window before a moment."""
        begin = bisect_left(self._counts, at - window, key=_moment)
        end = bisect_right(self._counts, at, key=_moment) - 1
        if end <= begin:
            return None
        first, last = self._counts[begin], self._counts[end]
        seconds = (last.at - first.at).total_seconds()
        match query:
            case Query.REQUESTS:
                return (last.requests - first.requests) / seconds
            case Query.ERRORS:
                return (last.failures - first.failures) / seconds
            case _:
                return _quantile(0.99, [b - a for a, b in zip(first.buckets, last.buckets, strict=True)])


def _moment(count: _Count) -> datetime:
    return count.at


def _quantile(share: float, buckets: Sequence[int]) -> float | None:
    """As histogram_quantile() has it: evenly spread within each bucket."""
    rank, below = share * sum(buckets), 0
    if not sum(buckets):
        return None
    for number, count in enumerate(buckets[:-1]):
        if below + count >= rank and count:
            start = _BUCKETS[number - 1] if number else 0.0
            return start + (_BUCKETS[number] - start) * (rank - below) / count
        below += count
    return _BUCKETS[-1]


@dataclass
class Analyst:
    """In the place of `Measurements`: reads servers instead of Prometheus; tells how long that took."""

    servers: dict[str, Server]
    told: Any
    chance: random.Random

    async def read(
        self,
        deployment: ModelDeployment,
        runtime: object,
        candidate: Revision,
        stable: Revision | None,
        reached_at: datetime,
        now: datetime,
    ) -> Readings:
        """What an analysis wants to know of its releases."""
        assert deployment.analysis is not None
        span = span_of(deployment.analysis.interval, reached_at, now)
        moments = tuple(span.moments) if span else ()
        window = deployment.analysis.interval

        def series(query: Query, revision: Revision) -> Series:
            self.told("answered", self.chance.uniform(0.004, 0.03))
            server = self.servers.get(revision.release or "")
            values = [server.value(query, moment, window) if server else None for moment in moments]
            return Series(tuple(zip(moments, values, strict=True)))

        def seen(metric: Metric, revision: Revision) -> Seen:
            asked = metric.query or Query.ERRORS
            requests = None if asked is Query.REQUESTS else series(Query.REQUESTS, revision)
            return Seen(value=series(asked, revision), requests=requests)

        readings = tuple(
            Reading(
                candidate=seen(metric, candidate),
                stable=seen(metric, stable) if metric.max_ratio_to_stable and stable else None,
            )
            for metric in deployment.analysis.metrics
        )
        scrapes = Series(tuple((moment, window.total_seconds() / 15) for moment in moments))
        return Readings(scrapes=scrapes, metrics=readings)
