"""From the block `spec.analysis` and the PromQL of a runtime to values, naming the field in the way. Pure."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from lockgate.api import read
from lockgate.api.analysis import Analysis, Metric, Query
from lockgate.api.promql import PLACES, RELEASE, places_of, unknown_places
from lockgate.api.spec import RuntimeMetrics
from lockgate.errors import InvalidSpec
from lockgate.sentences import listed, sentence

METRICS_LIMIT: Final = 16
PROMQL_LIMIT: Final = 2048
SHORTEST_INTERVAL: Final = timedelta(seconds=5)
_NAME_LIMIT = 63
_MOST = 100
_MOST_SAMPLES = 1_000_000
_BLOCK = "spec.analysis"
_DEFAULTS = Metric(name="")


def parse_analysis(raw: Mapping[str, Any] | None) -> Analysis | None:
    """Read the block; None when it is absent."""
    if raw is None:
        return None
    interval = read.duration(raw, "interval", _BLOCK, default="30s")
    if interval < SHORTEST_INTERVAL:
        raise InvalidSpec(
            f"{_BLOCK}.interval", "is too short for anything to be seen in it; write at least 5s"
        )
    return Analysis(
        metrics=_parse_metrics(raw, _parse_common(raw, _BLOCK, _DEFAULTS)),
        interval=interval,
        count=read.integer(raw, "count", _BLOCK, default=3, least=1, most=_MOST),
        inconclusive_limit=read.integer(raw, "inconclusiveLimit", _BLOCK, default=0, least=0, most=_MOST),
    )


def parse_runtime_metrics(
    raw: Mapping[str, Any] | None, path_limit: int, port_limit: int
) -> RuntimeMetrics | None:
    """Read `spec.metrics` of a runtime; None when it is absent."""
    if raw is None:
        return None
    parent = "spec.metrics"
    has_port = raw.get("port") is not None
    return RuntimeMetrics(
        path=read.text(raw, "path", parent, path_limit),
        port=read.integer(raw, "port", parent, least=1, most=port_limit) if has_port else None,
        **{query.value: parse_promql(raw, query.value, parent) for query in Query},
    )


def parse_promql(raw: Mapping[str, Any], name: str, parent: str) -> str | None:
    """A PromQL text, if there is one; its lines stay, for a comment ends with its line."""
    value, path = raw.get(name), f"{parent}.{name}"
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > PROMQL_LIMIT or not value.strip():
        raise InvalidSpec(path, f"is no PromQL; write a text of at most {PROMQL_LIMIT} characters")
    if unknown := unknown_places(value):
        known = listed((f"${place}" for place in PLACES), most=len(PLACES))
        raise InvalidSpec(path, f"names {listed(unknown)}; what can be put in is {known}")
    return value


def _parse_metrics(raw: Mapping[str, Any], common: Metric) -> tuple[Metric, ...]:
    path, entries = f"{_BLOCK}.metrics", raw.get("metrics")
    if not isinstance(entries, list) or not 0 < len(entries) <= METRICS_LIMIT:
        raise InvalidSpec(path, f"must be a list of one to {METRICS_LIMIT} metrics")
    metrics = tuple(_parse_metric(entry, f"{path}[{index}]", common) for index, entry in enumerate(entries))
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidSpec(
            path, f"names {sentence(twice, _NAME_LIMIT)} twice; give each metric a name of its own"
        )
    return metrics


def _parse_metric(raw: Any, path: str, common: Metric) -> Metric:
    if not isinstance(raw, Mapping):
        raise InvalidSpec(path, "holds fields of its own")
    own = _parse_common(raw, path, common)
    query, promql = raw.get("query"), parse_promql(raw, "promql", path)
    if (query is None) == (promql is None):
        raise InvalidSpec(path, "must have either query, which means the runtime's own PromQL, or promql")
    least, most, ratio = (_parse_number(raw, name, path) for name in ("min", "max", "maxRatioToStable"))
    _check_bounds(path, least, most, ratio)
    if ratio is not None and promql is not None and RELEASE not in places_of(promql):
        raise InvalidSpec(
            f"{path}.promql", "must name $release, or the candidate could not be told from stable"
        )
    return Metric(
        name=read.text(raw, "name", path, _NAME_LIMIT),
        query=None if query is None else read.choice(raw, "query", path, default=Query.ERRORS),
        promql=promql,
        min=least,
        max=most,
        max_ratio_to_stable=ratio,
        failure_limit=own.failure_limit,
        min_samples=own.min_samples,
        no_data=own.no_data,
        dry_run=own.dry_run,
    )


def _parse_common(raw: Mapping[str, Any], path: str, default: Metric) -> Metric:
    """What both the block and a metric may say, with what holds where this one does not say it."""
    has_samples, has_dry_run = raw.get("minSamples") is not None, raw.get("dryRun") is not None
    samples = read.integer(raw, "minSamples", path, default=0, least=0, most=_MOST_SAMPLES)
    return Metric(
        name="",
        failure_limit=read.integer(
            raw, "failureLimit", path, default=default.failure_limit, least=0, most=_MOST
        ),
        min_samples=samples if has_samples else default.min_samples,
        no_data=read.choice(raw, "noData", path, default=default.no_data),
        dry_run=read.boolean(raw, "dryRun", path) if has_dry_run else default.dry_run,
    )


def _check_bounds(path: str, least: float | None, most: float | None, ratio: float | None) -> None:
    if (ratio is None) == (least is None and most is None):
        raise InvalidSpec(path, "must be bounded by min, by max or by both, or by maxRatioToStable alone")
    if ratio is not None and ratio <= 0:
        raise InvalidSpec(f"{path}.maxRatioToStable", f"is {ratio:g}; write a number above 0")
    if least is not None and most is not None and least > most:
        raise InvalidSpec(path, f"has min {least:g} above max {most:g}, which nothing could keep")


def _parse_number(raw: Mapping[str, Any], name: str, path: str) -> float | None:
    value = raw.get(name)
    if value is None:
        return None
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number):
        raise InvalidSpec(f"{path}.{name}", "is not a number; write one such as 0.01")
    return number
