"""How a dashboard is written out: panels in their places, variables, and marks in time. Pure.

What comes out is Grafana's JSON model (grafana.com/docs, "Dashboard JSON model"). Panels flow from left to
right over 24 columns, and ids follow from the order; nothing is placed by hand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from helm.dashboards.grafana import LETTERS, Ask, Json, Panel

COLUMNS: Final = 24
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_MOST_IN_A_ROW: Final = 3


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """A dashboard: rows of panels by their titles, what can be chosen, and what is marked in time."""

    uid: str
    title: str
    description: str
    rows: Sequence[tuple[str, Sequence[Panel]]]
    variables: Sequence[Json] = ()
    marks: Sequence[Json] = ()
    links: Sequence[Json] = ()
    since: str = "now-3h"
    tags: Sequence[str] = field(default=("lockgate",))

    def json(self) -> Json:
        """The model that Grafana takes."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": list(self.tags),
            "schemaVersion": 39,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.since, "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "weekStart": "",
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "links": list(self.links),
            "templating": {"list": list(self.variables)},
            "annotations": {"list": list(self.marks)},
            "panels": list(_placed(self.rows)),
        }


def _placed(rows: Iterable[tuple[str, Sequence[Panel]]]) -> Iterable[Json]:
    number, y = 0, 0
    for title, panels in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            "panels": [],
        }
        y += 1
        x = tallest = 0
        for panel in panels:
            if x + panel.w > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            yield _json(panel, number, {"x": x, "y": y, "w": panel.w, "h": panel.h})
            x, tallest = x + panel.w, max(tallest, panel.h)
        y += tallest


def _json(panel: Panel, number: int, place: Json) -> Json:
    told: Json = {
        "id": number,
        "type": panel.type,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [_target(letter, ask) for letter, ask in zip(LETTERS, panel.asks, strict=False)],
        "fieldConfig": {"defaults": panel.defaults, "overrides": list(panel.overrides)},
        "options": panel.options,
    }
    if panel.transformations:
        told["transformations"] = list(panel.transformations)
    if panel.interval:
        told["interval"] = panel.interval
    if panel.repeat:
        told |= {"repeat": panel.repeat, "repeatDirection": "h", "maxPerRow": _MOST_IN_A_ROW}
    return told


def _target(letter: str, ask: Ask) -> Json:
    told: Json = {"refId": letter, "datasource": SOURCE, "expr": ask.expr, "editorMode": "code"}
    told |= {"instant": ask.instant, "range": not ask.instant}
    if ask.is_rows:
        return {**told, "format": "table"}
    return {**told, "format": "time_series", "legendFormat": ask.legend or "__auto"}


def data_source() -> Json:
    """The choice of a Prometheus."""
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
        "options": [],
        "regex": "",
        "multi": False,
        "includeAll": False,
    }


def choice(name: str, label: str, values: str, *, many: bool = False, hidden: bool = False) -> Json:
    """A choice among what `values` gives, a query label_values(...); with `many`, also all of it."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": values, "refId": f"Variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "hide": 2 if hidden else 0,
        "regex": "",
        "multi": many,
        "includeAll": many,
        **({"allValue": ".*"} if many and not hidden else {}),
        **({"current": {"selected": True, "text": ["All"], "value": ["$__all"]}} if many else {}),
        "options": [],
    }


def text(name: str, label: str, value: str, description: str) -> Json:
    """A text that people, or the chart, put in."""
    current = {"selected": False, "text": value, "value": value}
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "textbox",
        "query": value,
        "hide": 0,
        "current": current,
        "options": [current],
    }


def mark(name: str, expr: str, color: str, title: str, *, at_value: bool = False) -> Json:
    """An annotation where the query gives something; with `at_value`, at the moment (ms) that it gives."""
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "step": "60s",
        "titleFormat": title,
        "textFormat": "",
        "tagKeys": "",
        "useValueForTime": at_value,
        "target": {"refId": "Anno", "expr": expr, "interval": "60s"},
    }
