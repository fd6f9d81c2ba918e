"""Analyses and what Prometheus says to them, one measurement every thirty seconds from `T0` on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.fakes.builders import T0

from lockgate.api.analysis import Analysis, Metric, Query
from lockgate.domain.analysis import SETTLING, Judgement, Reading, Readings, Seen, Series, Unread
from lockgate.plan.analysis import judge_analysis

INTERVAL = timedelta(seconds=30)
Value = float | str | None
"""A number, "NaN" for what is none, or None where Prometheus has no point at all."""

ERRORS = Metric(name="errors", query=Query.ERRORS, max=0.01)
LATENCY = Metric(name="latency", query=Query.LATENCY, max=0.2)
BESIDE_STABLE = Metric(name="slower", query=Query.LATENCY, max_ratio_to_stable=1.5)
OWN = Metric(name="drift", promql="drift", max=0.2)
BUSY = (10.0,) * 100
"""Requests a second: three hundred in a measurement."""


def moment(number: int) -> datetime:
    """The moment of a measurement, from 1."""
    return T0 + number * INTERVAL


def after(number: int) -> datetime:
    """When so many measurements are past and settled, and not one more."""
    return moment(number) + SETTLING


def series(values: Sequence[Value], first: int = 1) -> Series:
    """One value each measurement from `first` on."""
    return Series(
        tuple(
            (moment(number), value if isinstance(value, float | int) else None)
            for number, value in enumerate(values, first)
            if value is not None
        )
    )


def seen(values: Sequence[Value], requests: Sequence[Value] | None = BUSY) -> Seen:
    """One release."""
    return Seen(value=series(values), requests=None if requests is None else series(requests))


def reading(
    values: Sequence[Value],
    requests: Sequence[Value] | None = BUSY,
    stable: Seen | None = None,
) -> Reading:
    """The candidate, and stable beside it."""
    return Reading(candidate=seen(values, requests), stable=stable)


def analysis(*metrics: Metric, count: int = 3, inconclusive_limit: int = 0) -> Analysis:
    """An analysis of these metrics."""
    return Analysis(metrics=metrics, interval=INTERVAL, count=count, inconclusive_limit=inconclusive_limit)


def judged(
    asked: Analysis,
    *readings: Reading | Unread,
    measurements: int,
    scrapes: Sequence[Value] = (30,) * 100,
    now: datetime | None = None,
) -> Judgement:
    """What is said after so many measurements."""
    read = Readings(scrapes=series(scrapes), metrics=readings)
    return judge_analysis(asked, read, T0, after(measurements) if now is None else now)
