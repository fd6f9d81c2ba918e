"""What an analysis says to a series, case by case: whatever is odd about one has a declared answer."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.analyses import (
    BESIDE_STABLE,
    BUSY,
    ERRORS,
    INTERVAL,
    LATENCY,
    OWN,
    after,
    analysis,
    judged,
    moment,
    reading,
    seen,
    series,
)
from tests.fakes.builders import T0

from lockgate.api.analysis import Metric, NoData, Query
from lockgate.domain.analysis import MOST_MEASUREMENTS, SETTLING, Readings, Series, Unread, span_of
from lockgate.domain.gate import Holds
from lockgate.plan.analysis import RETRY, judge_analysis

WELL, BAD = 0.05, 0.32
"""Of ten requests a second so many fail: half a percent, and 3.2 percent."""
AWAY = Unread(sentence="metric errors waits: Prometheus gave no answer", lasting=False)
BROKEN = Unread(sentence="metric errors cannot be measured: parse error", lasting=True)


# -- how it goes ------------------------------------------------------------------------------


def test_enough_measurements_that_pass_let_the_candidate_go_on():
    found = judged(analysis(ERRORS), reading([WELL] * 3), measurements=3)
    assert found.verdict.holds is Holds.YES
    (measured,) = found.measured
    assert (measured.value, measured.most, measured.least) == (pytest.approx(0.005), 0.01, None)
    assert (measured.passed, measured.failed, measured.inconclusive, measured.missed) == (3, 0, 0, 0)


def test_before_that_it_says_how_far_it_is_and_when_the_next_measurement_is_due():
    found = judged(analysis(ERRORS), reading([WELL] * 9), measurements=2)
    assert found.verdict.holds is Holds.NOT_YET
    assert found.verdict.sentence == "metric errors: 2 of 3 measurements passed"
    assert found.verdict.again_at == moment(3) + SETTLING


def test_one_failure_too_many_is_told_with_metric_value_bound_and_number():
    found = judged(
        analysis(replace(ERRORS, failure_limit=1)), reading([BAD, WELL, BAD]), measurements=3
    ).verdict
    assert found.holds is Holds.NO
    assert found.sentence == "metric errors: error rate 3.2 % is above 1 % in 2 of 3 measurements"
    assert found.again_at is None


def test_failures_within_the_limit_are_outlived():
    asked = analysis(replace(ERRORS, failure_limit=2))
    assert judged(asked, reading([BAD, WELL, BAD]), measurements=3).verdict.sentence == (
        "metric errors: 1 of 3 measurements passed, 2 failed"
    )
    assert judged(asked, reading([BAD, WELL, BAD, WELL, WELL]), measurements=5).verdict.holds is Holds.YES


def test_a_failure_after_enough_have_passed_still_counts_while_the_step_is_not_left():
    assert judged(analysis(ERRORS), reading([WELL] * 3 + [BAD]), measurements=4).verdict.holds is Holds.NO


def test_flapping_values_are_counted_and_not_smoothed():
    flapping = [WELL, BAD] * 6
    asked = analysis(replace(ERRORS, failure_limit=4), count=10)
    said = [judged(asked, reading(flapping), measurements=number).verdict.holds for number in range(1, 13)]
    assert said == [Holds.NOT_YET] * 9 + [Holds.NO] * 3


@pytest.mark.parametrize(
    ("metric", "values", "told"),
    [
        (LATENCY, [0.3], "latency 300 ms is above 200 ms"),
        (replace(LATENCY, max=1.5), [2.0], "latency 2 s is above 1.5 s"),
        (Metric(name="calls", query=Query.REQUESTS, min=5), [1.25], "request rate 1.25/s is below 5/s"),
        (replace(LATENCY, max=0.5), [1.0], "latency 1 s is above 500 ms"),
        (OWN, [0.5], "0.5 is above 0.2"),
        (replace(OWN, max=1000.0), [25000.0], "25000 is above 1000"),
        (replace(OWN, max=1e15), [2e15], "2e+15 is above 1e+15"),
        (replace(OWN, min=-1.0), [-3.0], "-3 is below -1"),
        (replace(OWN, max=12345.0), [12346.0], "12346 is above 12345"),
        (replace(OWN, max=1.0), [1.0000004], "1.0000004 is above 1"),
        (replace(ERRORS, max=0.01), [0.10004], "error rate 1.0004 % is above 1 %"),
        (replace(OWN, max=0.0), [1e-9], "1e-09 is above 0"),
        (replace(OWN, max=0.1), [0.1 + 2**-56], "0.10000000000000002 is above 0.10000000000000001"),
    ],
)
def test_a_value_is_told_in_its_unit_and_never_as_the_bound_that_it_breaks(metric, values, told):
    found = judged(analysis(metric), reading(values), measurements=1).verdict
    assert found.sentence == f"metric {metric.name}: {told} in 1 of 1 measurement"


def test_a_value_on_its_bound_is_within_it():
    asked = analysis(replace(OWN, min=0.2, max=0.2), count=1)
    assert judged(asked, reading([0.2]), measurements=1).verdict.holds is Holds.YES


# -- several metrics --------------------------------------------------------------------------


def test_all_metrics_must_pass_and_the_first_that_does_not_speaks():
    asked = analysis(ERRORS, LATENCY)
    found = judged(asked, reading([WELL] * 3), reading([0.1, None, 0.1]), measurements=3).verdict
    assert (found.holds, found.sentence) == (
        Holds.INCONCLUSIVE,
        "metric latency: 2 of 3 measurements passed, some had no data",
    )
    slow = judged(asked, reading([WELL] * 3), reading([0.1, 0.9, 0.1]), measurements=3).verdict
    assert slow.sentence == "metric latency: latency 900 ms is above 200 ms in 1 of 3 measurements"


def test_a_failure_outweighs_what_cannot_be_said_of_another_metric():
    asked = analysis(ERRORS, LATENCY, OWN)
    found = judged(asked, AWAY, reading([0.9]), BROKEN, measurements=1).verdict
    assert (found.holds, found.sentence[:15]) == (Holds.NO, "metric latency:")


def test_a_dry_run_is_measured_and_decides_nothing():
    dry = replace(ERRORS, dry_run=True)
    found = judged(analysis(dry, LATENCY), reading([BAD] * 3), reading([0.1] * 3), measurements=3)
    assert found.verdict.holds is Holds.YES
    assert (found.measured[0].holds, found.measured[0].failed) == (Holds.NO, 3)


@pytest.mark.parametrize("read", [reading([BAD] * 9), reading([]), AWAY, BROKEN])
def test_a_dry_run_alone_takes_the_time_that_it_would_take_in_earnest_and_no_more(read):
    asked = analysis(replace(ERRORS, dry_run=True))
    said = [judged(asked, read, measurements=number, scrapes=()).verdict.holds for number in (1, 2, 3, 9)]
    assert said == [Holds.NOT_YET, Holds.NOT_YET, Holds.YES, Holds.YES]


# -- no data ----------------------------------------------------------------------------------

NOTHING = [
    pytest.param([None] * 3, BUSY, id="empty"),
    pytest.param(["NaN"] * 3, BUSY, id="not a number"),
    pytest.param([WELL] * 3, [0.0] * 3, id="no traffic"),
    pytest.param([WELL] * 3, [None] * 3, id="requests that nobody knows of"),
    pytest.param([WELL] * 3, ["NaN"] * 3, id="requests that are no number"),
    pytest.param([-0.1] * 3, BUSY, id="errors below zero, of a counter that began anew"),
    pytest.param([WELL] * 3, [-4.0] * 3, id="requests below zero, of a counter that began anew"),
]


@pytest.mark.parametrize(("values", "requests"), NOTHING)
@pytest.mark.parametrize(
    ("policy", "holds", "told"),
    [
        (NoData.HOLD, Holds.INCONCLUSIVE, "metric errors: 0 of 3 measurements passed, some had no data"),
        (
            NoData.FAIL,
            Holds.NO,
            "metric errors: no data in 3 of 3 measurements, which noData Fail counts as failed",
        ),
        (NoData.PASS, Holds.YES, ""),
    ],
)
def test_a_measurement_without_data_is_what_the_author_says(values, requests, policy, holds, told):
    asked = analysis(replace(ERRORS, no_data=policy))
    found = judged(asked, reading(values, requests), measurements=3).verdict
    assert (found.holds, found.sentence) == (holds, told)


def test_no_traffic_at_first_holds_and_traffic_later_lets_go_on():
    quiet, busy = [0.0] * 4, [10.0] * 4
    asked, read = analysis(ERRORS), reading([0.0] * 8, quiet + busy)
    said = [judged(asked, read, measurements=number).verdict.holds for number in range(1, 8)]
    assert said == [Holds.INCONCLUSIVE] * 6 + [Holds.YES]


def test_a_long_wait_is_told_once():
    asked = analysis(replace(ERRORS, failure_limit=1), LATENCY)
    read = (reading([BAD, *[WELL] * 90]), reading([None] * 99))
    scrapes = [30] * 50 + [None] * 49
    said = {
        judged(asked, *read, measurements=number, scrapes=scrapes).verdict.sentence for number in range(1, 99)
    }
    assert len(said) == 2


def test_so_many_inconclusive_measurements_as_are_allowed_change_nothing():
    asked = analysis(ERRORS, inconclusive_limit=2)
    read = reading([None, None, WELL, None, WELL])
    said = [judged(asked, read, measurements=number).verdict.holds for number in range(1, 6)]
    assert said == [Holds.NOT_YET] * 3 + [Holds.INCONCLUSIVE] * 2


def test_failures_for_want_of_data_and_by_value_count_together_and_are_told_apart():
    asked = analysis(replace(ERRORS, no_data=NoData.FAIL, failure_limit=1))
    found = judged(asked, reading([BAD, None, WELL]), measurements=3).verdict
    assert found.sentence == (
        "metric errors: error rate 3.2 % is above 1 % in 1 of 3 measurements, and no data in 1"
    )


@pytest.mark.parametrize(
    ("asked", "rate", "is_enough"),
    [
        (30, 1.0, True),
        (30, 0.99, True),  # 29.7 is thirty, as well as a rate can tell
        (30, 0.98, False),
        (None, 0.02, True),
        (None, 0.016, False),
        (0, 0.001, True),
    ],
)
def test_a_measurement_needs_as_many_requests_as_the_author_says_or_one(asked, rate, is_enough):
    metric = replace(LATENCY, min_samples=asked)
    found = judged(analysis(metric, count=1), reading([0.1], [rate]), measurements=1).verdict
    assert found.holds is (Holds.YES if is_enough else Holds.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("rate", "value"), [(0.0, None), (None, None), ("NaN", None), (-1.0, None), (0.5, 0.2)]
)
def test_errors_are_a_share_of_requests_however_few_the_author_asks_for(rate, value):
    asked = analysis(replace(ERRORS, min_samples=0, max=0.3))
    (measured,) = judged(asked, reading([0.1], [rate]), measurements=1).measured
    assert measured.value == value
    assert (measured.passed, measured.inconclusive) == ((0, 1) if value is None else (1, 0))


def test_where_nobody_knows_the_requests_a_value_is_taken_as_it_is():
    assert judged(analysis(LATENCY, count=1), reading([0.1], None), measurements=1).verdict.holds is Holds.YES


def test_no_requests_at_all_are_a_value_of_the_request_rate_itself():
    asked = analysis(Metric(name="calls", query=Query.REQUESTS, min=5, min_samples=100))
    for requests in (None, [0.0]):
        found = judged(asked, reading([0.0], requests), measurements=1)
        assert found.verdict.sentence == "metric calls: request rate 0/s is below 5/s in 1 of 1 measurement"
        assert (found.measured[0].least, found.measured[0].most) == (5, None)


def test_more_errors_than_requests_are_all_of_them():
    assert judged(analysis(ERRORS), reading([20.0]), measurements=1).measured[0].value == 1.0


def test_an_own_text_may_be_below_zero():
    assert judged(analysis(OWN, count=1), reading([-7.0]), measurements=1).verdict.holds is Holds.YES


# -- beside stable ----------------------------------------------------------------------------


def test_a_comparison_is_made_within_one_measurement():
    asked = analysis(BESIDE_STABLE)
    slower = reading([0.1, 0.2, 0.3], stable=seen([0.1, 0.15, 0.2]))
    assert judged(asked, slower, measurements=3).verdict.holds is Holds.YES
    much = reading([0.1, 0.31, 0.3], stable=seen([0.1, 0.2, 0.2]))
    found = judged(asked, much, measurements=3)
    assert found.verdict.sentence == (
        "metric slower: latency 310 ms is above 1.5 times the 200 ms of stable in 1 of 3 measurements"
    )
    assert found.measured[0].most == pytest.approx(0.3)


@pytest.mark.parametrize(("candidate", "holds"), [(0.0, Holds.YES), (0.001, Holds.NO)])
def test_where_stable_has_nothing_only_nothing_is_as_good(candidate, holds):
    metric = replace(ERRORS, max=None, max_ratio_to_stable=2.0)
    read = reading([candidate], stable=seen([0.0]))
    assert judged(analysis(metric, count=1), read, measurements=1).verdict.holds is holds


@pytest.mark.parametrize(
    "stable",
    [
        pytest.param(seen([None]), id="empty"),
        pytest.param(seen(["NaN"]), id="not a number"),
        pytest.param(seen([0.1], [0.0]), id="no traffic"),
    ],
)
def test_without_data_of_stable_there_is_no_comparison(stable):
    read = reading([0.1], stable=stable)
    assert judged(analysis(BESIDE_STABLE), read, measurements=1).verdict.holds is Holds.INCONCLUSIVE


def test_of_a_stable_below_zero_no_multiple_is_a_bound():
    metric = replace(OWN, max=None, max_ratio_to_stable=1.5)
    read = reading([-1.0], stable=seen([-2.0]))
    assert judged(analysis(metric), read, measurements=1).verdict.holds is Holds.INCONCLUSIVE


def test_a_first_release_has_nothing_to_be_compared_with_and_passes():
    found = judged(analysis(BESIDE_STABLE), reading([9.0] * 3), measurements=1)
    assert (found.verdict.holds, found.measured[0].holds) == (Holds.YES, Holds.YES)
    assert found.measured[0].sentence == "metric slower: there is no stable release to compare with"


# -- Prometheus itself ------------------------------------------------------------------------


@pytest.mark.parametrize("policy", NoData)
def test_a_prometheus_that_lies_down_for_five_minutes_aborts_nothing_and_the_count_goes_on(policy):
    asked = analysis(replace(ERRORS, no_data=policy))
    values = [WELL, *[None] * 10, WELL, WELL]
    scrapes = [30, *[None] * 10, 30, 30]
    read = reading(values, [10.0, *[None] * 10, 10.0, 10.0])
    said = [judged(asked, read, measurements=number, scrapes=scrapes).verdict for number in range(1, 14)]
    assert [verdict.holds for verdict in said] == [Holds.NOT_YET] * 12 + [Holds.YES]
    assert said[10].sentence == (
        "metric errors: 1 of 3 measurements passed, "
        "some could not be made as Prometheus scraped too little or nothing"
    )


@pytest.mark.parametrize("scrapes", [[30, 30, 12], [2, 2, 1], [3, 2, 1]])
def test_a_measurement_of_which_prometheus_saw_a_part_is_none(scrapes):
    asked = analysis(replace(ERRORS, no_data=NoData.FAIL))
    found = judged(asked, reading([WELL, WELL, BAD]), measurements=3, scrapes=scrapes)
    assert (found.verdict.holds, found.measured[0].missed) == (Holds.NOT_YET, 1)


@pytest.mark.parametrize("scrapes", [[30, 28, 30], [3, 2, 3], [2, 2, 2]])
def test_a_scrape_more_or_less_makes_no_difference(scrapes):
    found = judged(analysis(ERRORS), reading([WELL] * 3), measurements=3, scrapes=scrapes).verdict
    assert found.holds is Holds.YES


def test_where_an_interval_holds_one_scrape_nothing_is_measured():
    asked = analysis(replace(ERRORS, no_data=NoData.FAIL))
    found = judged(asked, reading([None] * 3), measurements=3, scrapes=[1, 1, 1])
    assert (found.verdict.holds, found.measured[0].missed) == (Holds.NOT_YET, 3)


def test_a_prometheus_that_does_not_answer_is_asked_again_soon_and_nothing_is_concluded():
    judgement = judged(analysis(ERRORS), AWAY, measurements=2, scrapes=[30])
    assert judgement.measured[0].missed == 1
    found = judgement.verdict
    assert (found.holds, found.sentence) == (Holds.NOT_YET, AWAY.sentence)
    assert found.again_at == after(2) + RETRY


def test_what_somebody_has_to_mend_is_inconclusive_and_looked_at_again():
    found = judged(analysis(ERRORS), BROKEN, measurements=2).verdict
    assert (found.holds, found.sentence) == (Holds.INCONCLUSIVE, BROKEN.sentence)
    assert found.again_at == after(3)


# -- time -------------------------------------------------------------------------------------


def test_late_samples_are_waited_for():
    asked, read = analysis(ERRORS), reading([BAD])
    early = after(1) - timedelta(microseconds=1)
    assert judged(asked, read, measurements=1, now=early).verdict.holds is Holds.NOT_YET
    assert judged(asked, read, measurements=1, now=after(1)).verdict.holds is Holds.NO


def test_readings_of_other_metrics_are_a_defect_and_no_verdict():
    with pytest.raises(ValueError, match="shorter"):
        judged(analysis(ERRORS, LATENCY), reading([WELL]), measurements=1)


def test_nothing_from_before_the_step_was_reached_counts():
    found = judge_analysis(
        analysis(ERRORS),
        Readings(
            scrapes=series([30] * 6, first=-3),
            metrics=(reading_from(-3, [BAD] * 4 + [WELL] * 2),),
        ),
        T0,
        after(2),
    )
    assert (found.verdict.holds, found.measured[0].passed) == (Holds.NOT_YET, 2)


def reading_from(first, values):
    candidate = seen(())
    return replace(
        reading(()), candidate=replace(candidate, value=series(values, first), requests=series(BUSY, first))
    )


@pytest.mark.parametrize("jump", [timedelta(hours=-3), timedelta(seconds=-1), -INTERVAL, timedelta(0)])
def test_a_clock_that_jumps_back_makes_it_wait_and_no_longer_than_a_measurement(jump):
    found = judged(analysis(ERRORS), reading([BAD] * 9), measurements=0, now=T0 + jump).verdict
    assert found.holds is Holds.NOT_YET
    assert found.again_at == T0 + min(jump, timedelta(0)) + INTERVAL + SETTLING


def test_a_clock_that_jumps_ahead_finds_nothing_in_the_future():
    asked = analysis(replace(ERRORS, no_data=NoData.FAIL))
    found = judged(asked, reading([WELL] * 2), measurements=200, scrapes=[30] * 2)
    assert (found.verdict.holds, found.measured[0].passed) == (Holds.NOT_YET, 2)


def test_of_a_long_wait_the_last_thousand_measurements_are_looked_at():
    span = span_of(INTERVAL, T0, after(5000))
    assert span is not None
    assert (span.first, span.last) == (moment(5000 - MOST_MEASUREMENTS + 1), moment(5000))
    assert len(list(span.moments)) == MOST_MEASUREMENTS


def test_a_step_that_is_reached_within_a_second_is_measured_from_the_next_full_one():
    span = span_of(INTERVAL, T0 + timedelta(milliseconds=1), after(2))
    assert span is not None
    assert list(span.moments) == [moment(1) + timedelta(seconds=1)]


def test_before_the_first_measurement_there_is_nothing_to_ask():
    assert span_of(INTERVAL, T0, after(1) - timedelta(seconds=1)) is None
    found = judge_analysis(analysis(ERRORS), Readings(scrapes=Series(), metrics=(reading(()),)), T0, T0)
    assert found.verdict.sentence == "metric errors: 0 of 3 measurements passed"
    assert found.verdict.again_at == after(1)
