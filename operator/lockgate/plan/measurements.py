"""What is each moment of measurement worth for one metric: did it pass, fail, or say nothing? Pure.

A moment is judged by what was read for that moment alone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockgate.api.analysis import Metric, NoData, Query
from lockgate.domain.analysis import Reading, Seen, Series

_FEWEST_SCRAPES = 2
_SHARE_OF_SCRAPES = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A value of the candidate and the bounds that it had to keep; `of_stable` is what stable had then."""

    value: float
    least: float | None = None
    most: float | None = None
    of_stable: float | None = None

    @property
    def passes(self) -> bool:
        """Whether it keeps its bounds; a bound itself is within them."""
        is_low = self.least is not None and self.value < self.least
        return not is_low and (self.most is None or self.value <= self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The moments of one metric: those with a value, in their order, and how many had no data."""

    seen: tuple[Measurement, ...]
    without_data: int
    no_data: NoData
    missed: int

    @property
    def out_of_bounds(self) -> tuple[Measurement, ...]:
        """Those whose value does not keep its bounds."""
        return tuple(one for one in self.seen if not one.passes)

    @property
    def passed(self) -> int:
        """How many passed."""
        kept = len(self.seen) - len(self.out_of_bounds)
        return kept + (self.without_data if self.no_data is NoData.PASS else 0)

    @property
    def failed(self) -> int:
        """How many failed."""
        return len(self.out_of_bounds) + (self.without_data if self.no_data is NoData.FAIL else 0)

    @property
    def inconclusive(self) -> int:
        """How many said nothing."""
        return self.without_data if self.no_data is NoData.HOLD else 0

    @property
    def last(self) -> Measurement | None:
        """The last one with a value."""
        return self.seen[-1] if self.seen else None


def with_scrapes(scrapes: Series, moments: Iterable[datetime]) -> tuple[datetime, ...]:
    """The moments before which Prometheus was at work for a whole interval.

    From fewer than two samples no rate can be made; and where there are many fewer than usual it was away
    for a part, of which nobody knows what went on.
    """
    known = scrapes.numbers()
    counts = {moment: known.get(moment, 0.0) for moment in moments}
    enough = max(_FEWEST_SCRAPES, _SHARE_OF_SCRAPES * max(counts.values(), default=0.0))
    return tuple(moment for moment, count in counts.items() if count >= enough)


def tally_of(
    metric: Metric, reading: Reading, interval: timedelta, there: Sequence[datetime], missed: int
) -> Tally:
    """What was measured at the moments at which Prometheus was there."""
    candidate = _values(metric, reading.candidate, interval)
    stable = {} if reading.stable is None else _values(metric, reading.stable, interval)
    found = [_measurement(metric, candidate.get(moment), stable.get(moment)) for moment in there]
    seen = tuple(one for one in found if one is not None)
    return Tally(seen=seen, without_data=len(found) - len(seen), no_data=metric.no_data, missed=missed)


def _measurement(metric: Metric, value: float | None, of_stable: float | None) -> Measurement | None:
    if value is None:
        return None
    if metric.max_ratio_to_stable is None:
        return Measurement(value=value, least=metric.min, most=metric.max)
    # Of something below 0 no multiple is a bound.
    if of_stable is None or of_stable < 0:
        return None
    return Measurement(value=value, most=metric.max_ratio_to_stable * of_stable, of_stable=of_stable)


def _values(metric: Metric, seen: Seen, interval: timedelta) -> Mapping[datetime, float]:
    """The value of each moment at which a release answered enough requests for one."""
    requests = None if seen.requests is None else seen.requests.numbers()
    values = {}
    for moment, number in seen.value.numbers().items():
        rate = None if requests is None else requests.get(moment)
        if requests is None or _is_enough(metric, rate, interval):
            value = _value(metric, number, rate)
            if value is not None:
                values[moment] = value
    return values


def _value(metric: Metric, number: float, rate: float | None) -> float | None:
    if metric.query is None:
        return number
    # The three of a runtime are never below 0, whatever was made of a counter that began anew.
    if number < 0:
        return None
    if metric.query is not Query.ERRORS:
        return number
    share = number / rate if rate is not None and rate > 0 else math.inf
    return min(share, 1.0) if math.isfinite(share) else None


def _is_enough(metric: Metric, rate: float | None, interval: timedelta) -> bool:
    asked = 1 if metric.min_samples is None else metric.min_samples
    if metric.query is Query.REQUESTS or asked == 0:
        return True
    # A rate is an estimate, so what it comes to is taken to the nearest whole number.
    return rate is not None and rate * interval.total_seconds() >= asked - 0.5
