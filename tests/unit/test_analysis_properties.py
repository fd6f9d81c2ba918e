"""What holds of every analysis, whatever Prometheus says and however the policy is set."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.analyses import INTERVAL, OWN, after, analysis, judged, moment, reading, series
from tests.fakes.builders import T0

from lockgate.api.analysis import Analysis, Metric, NoData, Query
from lockgate.domain.analysis import Reading, Readings, Seen, Series, Unread
from lockgate.domain.gate import Holds
from lockgate.plan.analysis import judge_analysis

LEAST, GOOD, MOST, RATE = 0.01, 0.5, 1.0, 10.0
"""Bounds, a value within those of every metric that is drawn, and enough requests a second for it."""
values = st.one_of(
    st.none(),
    st.just("NaN"),
    st.sampled_from([0.0, LEAST, GOOD, 0.9, MOST, 1.1, 5.0, -1.0, 1e308, 5e-324]),
    st.floats(allow_nan=True, allow_infinity=True),
)
lines = st.lists(values, max_size=12)
scraped = st.lists(st.sampled_from([None, 0, 1, 2, 17, 29, 30, 31]), max_size=12)
Change = Callable[[Series], Series]


@st.composite
def metrics(draw, name):
    query = draw(st.sampled_from([None, *Query]))
    is_compared = draw(st.booleans())
    return Metric(
        name=name,
        query=query,
        promql="own" if query is None else None,
        max=None if is_compared else MOST,
        min=None if is_compared else draw(st.sampled_from([None, LEAST])),
        max_ratio_to_stable=MOST if is_compared else None,
        failure_limit=draw(st.integers(0, 3)),
        min_samples=draw(st.sampled_from([None, 0, 1, 200])),
        no_data=draw(st.sampled_from(NoData)),
        dry_run=draw(st.booleans()),
    )


@st.composite
def seen(draw, metric):
    is_asked = metric.query is Query.ERRORS or draw(st.booleans())
    requests = draw(st.one_of(st.just([RATE] * 12), lines)) if is_asked else None
    return Seen(value=series(draw(lines)), requests=None if requests is None else series(requests))


def readings(metric):
    read = st.builds(Reading, candidate=seen(metric), stable=st.one_of(st.none(), seen(metric)))
    return st.one_of(read, read, st.builds(Unread, sentence=st.just("why"), lasting=st.booleans()))


@st.composite
def cases(draw, scrapes=scraped):
    """An analysis, what was read for it, and after how many measurements."""
    asked = Analysis(
        metrics=tuple(draw(metrics(f"m{index}")) for index in range(draw(st.integers(1, 3)))),
        interval=INTERVAL,
        count=draw(st.integers(1, 4)),
        inconclusive_limit=draw(st.integers(0, 3)),
    )
    read = tuple(draw(readings(metric)) for metric in asked.metrics)
    return asked, Readings(scrapes=series(draw(scrapes)), metrics=read), draw(st.integers(0, 13))


def found(asked, read, number, more=timedelta()):
    return judge_analysis(asked, read, T0, after(number) + more)


@given(cases())
def test_a_verdict_is_always_found_and_adds_up(case):
    asked, read, number = case
    judgement = found(*case)
    assert [one.metric for one in judgement.measured] == list(asked.metrics)
    for one, of_it in zip(judgement.measured, read.metrics, strict=True):
        is_read = isinstance(of_it, Reading) and not (one.metric.max_ratio_to_stable and of_it.stable is None)
        made = one.passed + one.failed + one.inconclusive
        assert made == (number - one.missed if is_read else 0)
        assert one.sentence
    verdict = judgement.verdict
    assert (verdict.sentence == "") is (verdict.holds is Holds.YES)
    assert (verdict.again_at is None) is (verdict.holds in (Holds.YES, Holds.NO))
    assert verdict.again_at is None or after(number) < verdict.again_at <= after(number + 1)


@given(
    lines,
    st.sampled_from(NoData),
    st.integers(0, 4),
    st.sampled_from([None, LEAST]),
    st.integers(0, 13),
)
def test_a_candidate_is_given_up_just_when_more_measurements_failed_than_are_allowed(
    line, policy, limit, least, number
):
    numbers = [value if isinstance(value, float) and math.isfinite(value) else None for value in line]
    past = (numbers + [None] * 13)[:number]
    failed = sum(
        policy is NoData.FAIL if value is None else value > MOST or (least is not None and value < least)
        for value in past
    )
    metric = replace(OWN, max=MOST, min=least, failure_limit=limit, no_data=policy)
    verdict = judged(analysis(metric), reading(line, None), measurements=number).verdict
    assert (verdict.holds is Holds.NO) is (failed > limit)


@given(cases())
def test_none_is_given_up_but_for_a_metric_in_earnest_that_failed_too_often(case):
    judgement = found(*case)
    at_fault = [one for one in judgement.measured if one.failed > one.metric.failure_limit]
    assert [one for one in judgement.measured if one.holds is Holds.NO] == at_fault
    in_earnest = [one for one in at_fault if not one.metric.dry_run]
    assert (judgement.verdict.holds is Holds.NO) is bool(in_earnest)


@given(cases(), st.lists(st.tuples(st.integers(-400, 0), st.floats()), max_size=6))
def test_nothing_from_before_the_step_was_reached_changes_a_verdict(case, earlier):
    asked, read, number = case
    before = tuple((T0 + timedelta(seconds=seconds), value) for seconds, value in earlier)
    changed = changed_by(lambda known: Series((*before, *known.points)), read)
    assert found(asked, changed, number) == found(*case)


@given(cases(), st.integers(1, 13))
def test_one_more_good_measurement_never_gives_a_candidate_up(case, at):
    asked, read, number = case

    def with_point(value):
        return lambda known: Series(
            (*(point for point in known.points if point[0] != moment(at)), (moment(at), value))
        )

    better = changed_by(with_point(GOOD), read, requests=with_point(RATE), scrapes=with_point(30.0))
    if found(*case).verdict.holds is not Holds.NO:
        assert found(asked, better, number).verdict.holds is not Holds.NO


@given(cases(), st.integers(0, 99))
def test_the_same_answers_give_the_same_verdict_in_whatever_order_they_come(case, seed):
    asked, read, number = case

    def shuffled(known):
        points = list(known.points)
        Random(seed).shuffle(points)
        return Series(tuple(points))

    assert found(asked, changed_by(shuffled, read), number) == found(*case)


@given(cases(), st.integers(0, 29))
def test_between_two_measurements_nothing_changes_but_the_time(case, seconds):
    first, later = found(*case), found(*case, timedelta(seconds=seconds))
    assert first.measured == later.measured
    assert first.verdict.holds is later.verdict.holds


@given(cases(scrapes=st.lists(st.sampled_from([None, 30]), max_size=12)))
def test_a_candidate_that_was_given_up_stays_so(case):
    asked, read, number = case
    if found(*case).verdict.holds is Holds.NO:
        assert found(asked, read, number + 1).verdict.holds is Holds.NO


def changed_by(change: Change, read, requests: Change | None = None, scrapes: Change | None = None):
    """All series that were read, changed so."""
    requests, scrapes = requests or change, scrapes or change

    def changed(known):
        if known is None:
            return None
        beside = None if known.requests is None else requests(known.requests)
        return Seen(value=change(known.value), requests=beside)

    return Readings(
        scrapes=scrapes(read.scrapes),
        metrics=tuple(
            one
            if isinstance(one, Unread)
            else Reading(candidate=changed(one.candidate), stable=changed(one.stable))
            for one in read.metrics
        ),
    )
