"""What Prometheus answered to a range query, checked before anybody relies on it. Pure.

Between us and it stand proxies, and they too answer 200, with pages for people. What is no answer of
the HTTP API (prometheus.io/docs/prometheus/latest/querying/api) means that Prometheus is unavailable,
and nothing is concluded.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lockgate.domain.analysis import Series
from lockgate.errors import PrometheusUnavailable, QueryRefused
from lockgate.sentences import cause

# With these it says that the query is wrong, or that what it finds cannot be put together; all else may pass.
_OF_THE_QUERY = (400, 422)
_SAYS = {
    401: "it wants another token, or one at all",
    403: "it refuses the token",
    404: "there is no Prometheus API at its address",
    405: "what is at its address takes no queries",
    429: "it asks for patience",
    503: "it is not ready, or the query took too long",
}


def series_of(status: int, raw: bytes) -> Series:
    """The one series of an answer, empty where it has none; raises QueryRefused or PrometheusUnavailable."""
    body = _decoded(raw)
    if body.get("status") == "error" and status in _OF_THE_QUERY:
        raise QueryRefused(f"Prometheus refuses the query: {cause(body.get('error'))}")
    if status != 200:
        raise unavailable(_SAYS.get(status, f"it answered with status {status}"))
    data = body.get("data")
    if body.get("status") != "success" or not isinstance(data, Mapping):
        raise not_prometheus()
    result = data.get("result")
    if data.get("resultType") != "matrix" or not isinstance(result, list):
        raise not_prometheus()
    if len(result) > 1:
        raise QueryRefused("the query gives more than one series; put them together, for instance with sum()")
    return _series(result[0]) if result else Series()


def unavailable(why: str) -> PrometheusUnavailable:
    """The error that says why nothing came of a query."""
    return PrometheusUnavailable(f"Prometheus gave no answer: {why}")


def not_prometheus() -> PrometheusUnavailable:
    """The error for an answer that Prometheus cannot have given."""
    return unavailable("what answered is no Prometheus")


def _series(one: Any) -> Series:
    values = one.get("values") if isinstance(one, Mapping) else None
    if values is None and isinstance(one, Mapping) and "histograms" in one:
        raise QueryRefused("the query gives a histogram; take one number of it, for instance a quantile")
    if not isinstance(values, list):
        raise not_prometheus()
    try:
        return Series(tuple(_point(value) for value in values))
    except (TypeError, ValueError, OverflowError, OSError):
        raise not_prometheus() from None


def _point(value: Any) -> tuple[datetime, float | None]:
    moment, text = value
    if not isinstance(text, str) or isinstance(moment, bool):
        raise TypeError
    number = float(text)
    return datetime.fromtimestamp(moment, UTC), number if math.isfinite(number) else None


def _decoded(raw: bytes) -> Mapping[str, Any]:
    try:
        decoded: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
