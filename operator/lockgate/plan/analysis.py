"""May the step be left, as far as Prometheus can say? A pure judgement of whole series, without memory.

Each moment of measurement counts once for each metric: as passed, failed or inconclusive, or not at all
where Prometheus lay down. Too many that failed end the candidate; enough that passed let it go on, also
after moments that said nothing. A pass that is missed, or made twice, changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from lockgate.api.analysis import Analysis, Metric
from lockgate.domain.analysis import (
    SETTLING,
    Judgement,
    Measured,
    Reading,
    Readings,
    Unread,
    due_at,
    settled,
    span_of,
)
from lockgate.domain.gate import YES, GateVerdict, Holds
from lockgate.plan.analysis_words import failure_told, nothing_to_compare_told, progress_told
from lockgate.plan.measurements import Tally, tally_of, with_scrapes

RETRY: Final = timedelta(seconds=10)
"""When to ask again after Prometheus did not answer, if the next measurement is due later."""
# Who has the word where metrics differ.
_WEIGHTIEST_FIRST = (Holds.NO, Holds.INCONCLUSIVE, Holds.NOT_YET)


def judge_analysis(analysis: Analysis, readings: Readings, reached_at: datetime, now: datetime) -> Judgement:
    """Judge what was read for an analysis of which the step was reached then.

    `readings` must be of the same `now`: a moment that nobody asked about is taken for one at which
    Prometheus was away.
    """
    span = span_of(analysis.interval, reached_at, now)
    moments = tuple(span.moments) if span else ()
    there = with_scrapes(readings.scrapes, moments)
    measured = tuple(
        _judge_metric(analysis, metric, reading, there, len(moments) - len(there))
        for metric, reading in zip(analysis.metrics, readings.metrics, strict=True)
    )
    is_over = len(moments) >= analysis.count
    for holds in _WEIGHTIEST_FIRST:
        speaker = next((one for one in measured if _vote(one, is_over=is_over) is holds), None)
        if speaker is not None:
            again_at = None if holds is Holds.NO else _again_at(analysis, readings, reached_at, now)
            verdict = GateVerdict(holds=holds, sentence=speaker.sentence, again_at=again_at)
            return Judgement(verdict=verdict, measured=measured)
    return Judgement(verdict=YES, measured=measured)


def _vote(measured: Measured, *, is_over: bool) -> Holds:
    """What a metric decides; one in a dry run only takes the time that it would take in earnest."""
    if measured.metric.dry_run:
        return Holds.YES if is_over else Holds.NOT_YET
    return measured.holds


def _again_at(analysis: Analysis, readings: Readings, reached_at: datetime, now: datetime) -> datetime:
    """When the next measurement is due and settled; never later than one interval, though a clock jump."""
    number = settled(analysis.interval, reached_at, now) + 1
    following = due_at(number, analysis.interval, reached_at) + SETTLING
    is_away = any(isinstance(one, Unread) and not one.lasting for one in readings.metrics)
    return min(following, now + (RETRY if is_away else analysis.interval + SETTLING))


def _judge_metric(
    analysis: Analysis, metric: Metric, reading: Reading | Unread, there: Sequence[datetime], missed: int
) -> Measured:
    if isinstance(reading, Unread):
        holds = Holds.INCONCLUSIVE if reading.lasting else Holds.NOT_YET
        return Measured(metric=metric, holds=holds, sentence=reading.sentence, missed=missed)
    if metric.max_ratio_to_stable is not None and reading.stable is None:
        told = nothing_to_compare_told(metric)
        return Measured(metric=metric, holds=Holds.YES, sentence=told, missed=missed)
    tally = tally_of(metric, reading, analysis.interval, there, missed)
    holds, last = _holds(analysis, metric, tally), tally.last
    is_failure = holds is Holds.NO
    return Measured(
        metric=metric,
        holds=holds,
        sentence=failure_told(metric, tally) if is_failure else progress_told(metric, tally, analysis.count),
        value=None if last is None else last.value,
        least=None if last is None else last.least,
        most=None if last is None else last.most,
        passed=tally.passed,
        failed=tally.failed,
        inconclusive=tally.inconclusive,
        missed=missed,
    )


def _holds(analysis: Analysis, metric: Metric, tally: Tally) -> Holds:
    if tally.failed > metric.failure_limit:
        return Holds.NO
    if tally.passed >= analysis.count:
        return Holds.YES
    is_said_too_little = tally.inconclusive > analysis.inconclusive_limit
    return Holds.INCONCLUSIVE if is_said_too_little else Holds.NOT_YET
