"""How the panels of a dashboard are written, from a few words each. Pure.

The words are ours; what comes of them is Grafana's JSON model, which `boards.py` writes out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

Json = dict[str, Any]
# One meaning, one colour, on both dashboards.
GREEN, RED, AMBER, BLUE, GREY, PURPLE = "#56A64B", "#E02F44", "#FF9830", "#5794F2", "#8E8E9A", "#B877D9"
LETTERS: Final = "ABCDEFGH"


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
        name for name in ("Time", "Value", *(f"Value #{letter}" for letter in LETTERS)) if name not in order
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


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def link(title: str, url: str) -> Json:
    """A link of a cell."""
    return {"title": title, "url": url, "targetBlank": False}
