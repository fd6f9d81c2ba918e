"""What an author asks to be measured before a release goes further: `spec.analysis`, as frozen values.

Field for field the schema under crds/. What a metric does not say for itself is taken from the block
when it is parsed, so a metric here is whole. Parsing lives in `parse_analysis.py`.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Query(StrEnum):
    """The three that a ModelRuntime tells the PromQL of."""

    REQUESTS = "requests"
    ERRORS = "errors"
    LATENCY = "latency"


class NoData(StrEnum):
    """What a measurement counts as for which there are no data."""

    HOLD = "Hold"
    FAIL = "Fail"
    PASS = "Pass"  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One value of the candidate and the bounds that it has to keep.

    Exactly one of `query` and `promql` says what is measured: requests a second, the share (0 to 1) of
    requests that failed, seconds, or whatever the author's own text gives. The bounds are `min` and
    `max`, or `max_ratio_to_stable`: that many times what stable has in the same measurement.
    `min_samples` is how many requests a measurement has to see; None stands for one request where the
    runtime tells requests, else for none. It takes more than `failure_limit` failed measurements to fail.
    With `dry_run` the metric is measured and told, and decides nothing.
    """

    name: str
    query: Query | None = None
    promql: str | None = None
    min: float | None = None
    max: float | None = None
    max_ratio_to_stable: float | None = None
    failure_limit: int = 0
    min_samples: int | None = None
    no_data: NoData = NoData.HOLD
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Which metrics to measure, how often, and how often each must be well.

    `count` measurements of each metric must pass. More than `inconclusive_limit` that say nothing make
    the whole inconclusive, until enough have passed.
    """

    metrics: tuple[Metric, ...]
    interval: timedelta = timedelta(seconds=30)
    count: int = 3
    inconclusive_limit: int = 0
