"""How measured values are told to people: which metric, which value, which bound, how often. Pure."""

from lockgate.api.analysis import Metric, Query
from lockgate.plan.measurements import Measurement, Tally

_CALLED = {Query.REQUESTS: "request rate ", Query.ERRORS: "error rate ", Query.LATENCY: "latency ", None: ""}


def failure_told(metric: Metric, tally: Tally) -> str:
    """Why a metric fails: the last value that was out of bounds, or that there were no data."""
    number = len(tally.seen) + tally.without_data
    of_all = f"of {number} measurement{'' if number == 1 else 's'}"
    failures = tally.out_of_bounds
    if not failures:
        counted = f"which noData {tally.no_data.value} counts as failed"
        return f"metric {metric.name}: no data in {tally.without_data} {of_all}, {counted}"
    what = f"{_CALLED[metric.query]}{_out_of_bounds(metric, failures[-1])}"
    more = f", and no data in {tally.without_data}" if tally.failed > len(failures) else ""
    return f"metric {metric.name}: {what} in {len(failures)} {of_all}{more}"


def progress_told(metric: Metric, tally: Tally, count: int) -> str:
    """How far a metric is that has not failed.

    Without a number that could grow for ever, so that a long wait is told once.
    """
    told = [f"metric {metric.name}: {min(tally.passed, count)} of {count} measurements passed"]
    if tally.failed:
        told.append(f"{tally.failed} failed")
    if tally.without_data:
        told.append("some had no data")
    if tally.missed:
        told.append("some could not be made as Prometheus scraped too little or nothing")
    return ", ".join(told)


def nothing_to_compare_told(metric: Metric) -> str:
    """Why a comparison with stable passes when there is none."""
    return f"metric {metric.name}: there is no stable release to compare with"


def _out_of_bounds(metric: Metric, failure: Measurement) -> str:
    if failure.of_stable is not None:
        shown, beside = _told_apart(metric, failure.value, failure.of_stable)
        return f"{shown} is above {metric.max_ratio_to_stable:g} times the {beside} of stable"
    is_low = failure.least is not None and failure.value < failure.least
    bound = failure.least if is_low else failure.most
    shown, limit = _told_apart(metric, failure.value, 0.0 if bound is None else bound)
    return f"{shown} is {'below' if is_low else 'above'} {limit}"


def _told_apart(metric: Metric, value: float, bound: float) -> tuple[str, str]:
    """Both, with as few digits as tell one from the other."""
    for digits in (3, 6, 9, 12):
        shown, limit = _shown(metric, value, digits), _shown(metric, bound, digits)
        if shown != limit:
            return shown, limit
    return _shown(metric, value, 17), _shown(metric, bound, 17)


def _shown(metric: Metric, value: float, digits: int) -> str:
    match metric.query:
        case Query.ERRORS:
            return f"{_number(100 * value, digits)} %"
        case Query.REQUESTS:
            return f"{_number(value, digits)}/s"
        case Query.LATENCY if abs(value) < 1:
            return f"{_number(1000 * value, digits)} ms"
        case Query.LATENCY:
            return f"{_number(value, digits)} s"
        case _:
            return _number(value, digits)


def _number(value: float, digits: int) -> str:
    is_plain = 10**digits <= abs(value) < 1e15
    return f"{value:.0f}" if is_plain else f"{value:.{digits}g}"
