"""What a PromQL text asks for: the metrics it selects, and the labels it selects them by."""

from collections.abc import Iterator
from typing import Any

import promql_parser

from lockgate.telemetry.table import TABLE, Kind
from lockgate_sandbox.modelserver.metrics import Metrics

OF_A_TARGET = frozenset({"namespace", "job", "instance", "pod", "model_deployment", "release"})
_PARTS = ("_bucket", "_count", "_sum")


def selected(promql: str) -> set[tuple[str, frozenset[str]]]:
    """Every metric of a query with the labels that it is chosen by; ValueError for what is no PromQL."""
    return set(_selectors(promql_parser.parse(promql)))


def _selectors(expr: Any) -> Iterator[tuple[str, frozenset[str]]]:
    if isinstance(expr, promql_parser.VectorSelector):
        yield str(expr.name), frozenset(matcher.name for matcher in expr.matchers.matchers)
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        if isinstance(below := getattr(expr, name, None), promql_parser.Expr):
            yield from _selectors(below)
    for below in getattr(expr, "args", None) or ():
        yield from _selectors(below)


def labels_of(metric: str) -> frozenset[str] | None:
    """The labels of a metric, of ours or of the model servers; None when there is no such metric."""
    if metric in (name for name, entry in TABLE.items() if entry.kind is not Kind.HISTOGRAM):
        return frozenset(TABLE[metric].labels)
    for part in _PARTS:
        entry = TABLE.get(metric.removesuffix(part))
        if metric.endswith(part) and entry is not None and entry.kind is Kind.HISTOGRAM:
            return frozenset({*entry.labels, "le"})
    page = Metrics("churn", "v1").page()
    is_known = any(line.startswith(f"{metric}{{") for line in page.splitlines())
    return OF_A_TARGET | {"le", "code", "version"} if is_known else None
