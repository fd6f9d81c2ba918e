"""How a dashboard of Grafana is written: panels from a few words each, and their places on the grid. Pure.

The words are ours, what comes out is Grafana's JSON model (grafana.com/docs, "Dashboard JSON model").
Panels flow from left to right over 24 columns, and ids follow from the order; nothing is placed by hand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

Json = dict[str, Any]
COLUMNS: Final = 24
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
# One meaning, one colour, on both dashboards.
GREEN, RED, AMBER, BLUE, GREY, PURPLE = "#56A64B", "#E02F44", "#FF9830", "#5794F2", "#8E8E9A", "#B877D9"
_LETTERS: Final = "ABCDEFGH"
_MOST_IN_A_ROW: Final = 3


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One query, how its series are called, and whether it is asked for one moment only, or for rows."""

    expr: str
    legend: str = ""
    instant: bool = False
    is_rows: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel before it has its place: `w` of 24 columns, `h` units of 30 pixels.

    One that is repeated for each value of a variable needs a line of its own, which its copies share.
    """

    type: str
    title: str
    description: str
    w: int
    h: int
    asks: tuple[Ask, ...]
    defaults: Json
    options: Json
    overrides: tuple[Json, ...] = ()
    transformations: tuple[Json, ...] = ()
    interval: str = ""
    repeat: str = ""


def colored(pattern: str, color: str, **custom: Any) -> Json:
    """Series whose name begins so have this colour, and look so."""
    properties = [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}]
    properties += [{"id": f"custom.{name}", "value": value} for name, value in custom.items()]
    return {"matcher": {"id": "byRegexp", "options": f"/^{pattern}/"}, "properties": properties}


def column(name: str, **properties: Any) -> Json:
    """A column of a table with properties of its own; __ in a name stands for a dot."""
    told = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": told}


def words(known: Mapping[str, str]) -> list[Json]:
    """Words in their colours."""
    options = {word: {"color": color, "index": index} for index, (word, color) in enumerate(known.items())}
    return [{"type": "value", "options": options}]


def stat(
    title: str,
    asks: Sequence[Ask],
    *,
    description: str,
    w: int,
    h: int = 3,
    unit: str = "short",
    steps: Sequence[tuple[float | None, str]] = ((None, BLUE),),
    names: bool = False,
    none: str = "",
    decimals: int | None = None,
) -> Panel:
    """Large numbers, or the names of the series in their stead; `none` is what is told without any."""
    defaults: Json = {"unit": unit, "thresholds": _thresholds(steps), "color": {"mode": "thresholds"}}
    if decimals is not None:
        defaults["decimals"] = decimals
    if none:
        defaults["noValue"] = none
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "textMode": "name" if names else "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return Panel(
        type="stat",
        title=title,
        description=description,
        w=w,
        h=h,
        # Of a span of time it would show the last value, also of what is long gone.
        asks=tuple(replace(ask, instant=True) for ask in asks),
        defaults=defaults,
        options=options,
    )


def timeseries(
    title: str,
    asks: Sequence[Ask],
    *,
    description: str,
    w: int,
    h: int = 8,
    unit: str = "short",
    colors: Sequence[Json] = (),
    stacked: bool = False,
    bars: bool = False,
    stepped: bool = False,
    least: float | None = 0,
    most: float | None = None,
    interval: str = "",
    repeat: str = "",
) -> Panel:
    """Lines over time, or areas or bars on top of one another."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "stepAfter" if stepped else "linear",
        "lineWidth": 1 if bars else 2,
        "fillOpacity": 70 if bars else 35 if stacked else 5,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "axisPlacement": "auto",
    }
    defaults: Json = {"unit": unit, "custom": custom, "color": {"mode": "palette-classic"}}
    bounds = {"min": least, "max": most}
    defaults |= {name: bound for name, bound in bounds.items() if bound is not None}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(
        type="timeseries",
        title=title,
        description=description,
        w=w,
        h=h,
        asks=tuple(asks),
        defaults=defaults,
        options=options,
        overrides=tuple(colors),
        interval=interval,
        repeat=repeat,
    )


def timeline(
    title: str, asks: Sequence[Ask], *, description: str, w: int, h: int, colors: Sequence[Json] = ()
) -> Panel:
    """A row for each series, filled for as long as there is one."""
    return Panel(
        type="state-timeline",
        title=title,
        description=description,
        w=w,
        h=h,
        asks=tuple(asks),
        defaults={
            "custom": {"fillOpacity": 80, "lineWidth": 0},
            "color": {"mode": "palette-classic"},
        },
        options={
            "mergeValues": True,
            "showValue": "never",
            "alignValue": "left",
            "rowHeight": 0.8,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        overrides=tuple(colors),
    )


def table(
    title: str,
    asks: Sequence[Ask],
    *,
    description: str,
    w: int,
    h: int,
    columns: Mapping[str, str],
    looks: Sequence[Json] = (),
    sort: str = "",
    down: bool = False,
) -> Panel:
    """Rows of labels and values; `columns` are what is shown, in its order, by what it is to be called.

    The value of the first of several queries is called `Value #A`, of the second `Value #B`. Queries are
    put together where their labels agree, so they should give no labels that are not shown.
    """
    order = {name: place for place, name in enumerate(columns)}
    hidden = [
        name for name in ("Time", "Value", *(f"Value #{letter}" for letter in _LETTERS)) if name not in order
    ]
    organize = {
        "excludeByName": dict.fromkeys(hidden, True),
        "indexByName": order,
        "renameByName": {name: called for name, called in columns.items() if name != called},
    }
    options: Json = {
        "showHeader": True,
        "cellHeight": "sm",
    }
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": down}]
    return Panel(
        type="table",
        title=title,
        description=description,
        w=w,
        h=h,
        asks=tuple(replace(ask, instant=True, is_rows=True) for ask in asks),
        defaults={"custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False}},
        options=options,
        overrides=tuple(looks),
        transformations=({"id": "merge", "options": {}}, {"id": "organize", "options": organize}),
    )


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
        "targets": [_target(letter, ask) for letter, ask in zip(_LETTERS, panel.asks, strict=False)],
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


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


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


def link(title: str, url: str) -> Json:
    """A link of a cell."""
    return {"title": title, "url": url, "targetBlank": False}
