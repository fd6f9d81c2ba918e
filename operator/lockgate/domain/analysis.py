"""What an analysis rests on and what it found: moments of measurement, series, readings, measured values.

Values only, and the one question of when measurements are due. A measurement at a moment looks back
on one interval, so that the first one sees nothing of the time before the step was reached.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lockgate.api.analysis import Metric
from lockgate.domain.gate import GateVerdict, Holds

SETTLING: Final = timedelta(seconds=5)
"""How old a moment must be before it is asked for: what Prometheus scrapes it stores a little later."""
MOST_MEASUREMENTS: Final = 1000
"""Of a longer series only the last are asked for, which also bounds the answers of Prometheus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The moments of measurement that are past: `first`, and one each interval until `last`."""

    first: datetime
    last: datetime
    interval: timedelta

    @property
    def moments(self) -> Iterator[datetime]:
        """Every moment, in their order."""
        moment = self.first
        while moment <= self.last:
            yield moment
            moment += self.interval


def due_at(number: int, interval: timedelta, reached_at: datetime) -> datetime:
    """The moment of a measurement; the first has number 1, one interval after the step was reached."""
    # To the second, as statuses keep times; upwards, so that nothing earlier comes into view.
    began = reached_at.replace(microsecond=0)
    return began + timedelta(seconds=began != reached_at) + number * interval


def settled(interval: timedelta, reached_at: datetime, now: datetime) -> int:
    """How many moments of measurement are past and settled; 0 also when a clock was set back."""
    return max(0, (now - SETTLING - due_at(0, interval, reached_at)) // interval)


def span_of(interval: timedelta, reached_at: datetime, now: datetime) -> Span | None:
    """The moments that can be asked for now, the last thousand of them; None before the first."""
    known = settled(interval, reached_at, now)
    if not known:
        return None
    first = max(1, known - MOST_MEASUREMENTS + 1)
    return Span(
        first=due_at(first, interval, reached_at), last=due_at(known, interval, reached_at), interval=interval
    )


@dataclass(frozen=True, slots=True)
class Series:
    """What Prometheus answered: moments with a number, or with None for what is none (NaN, infinite)."""

    points: tuple[tuple[datetime, float | None], ...] = ()

    def numbers(self) -> Mapping[datetime, float]:
        """The number of each moment that has one."""
        return {moment: value for moment, value in self.points if value is not None and math.isfinite(value)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one release for a metric: what its PromQL gave, and requests a second.

    `requests` is None where nobody wants to know.
    """

    value: Series
    requests: Series | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read for a metric; `stable` is None where none is to be compared with."""

    candidate: Seen
    stable: Seen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Why nothing was read for a metric.

    `lasting`: for as long as nobody mends it (no address, a text that is no PromQL), else for now
    (Prometheus is away).
    """

    sentence: str
    lasting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All that was read for an analysis, for its metrics in their order.

    `scrapes` is how often Prometheus scraped (whom it scraped most) in the interval before each moment:
    that it lay down is seen from that alone.
    """

    scrapes: Series
    metrics: tuple[Reading | Unread, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an analysis found for one metric.

    `value` is the last one measured (None: none yet), `least` and `most` the bounds it had to keep, in
    the same unit: a share for errors, seconds for latency. `missed` counts the moments at which
    Prometheus was away. `holds` is of this metric alone, whatever it may decide.
    """

    metric: Metric
    holds: Holds
    sentence: str
    value: float | None = None
    least: float | None = None
    most: float | None = None
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict of an analysis, and what it rests on."""

    verdict: GateVerdict
    measured: tuple[Measured, ...] = ()
