"""How numbers, colours and columns of a panel look, by what its JSON says of them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from tests.pictures.reading import Series

Json = dict[str, Any]
# Grafana's classic palette, as far as it is needed.
PALETTE: Final = ("#5794F2", "#FF9830", "#56A64B", "#B877D9", "#E02F44", "#37872D", "#3274D9", "#8E8E9A")
_SPANS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))


def number(value: float, unit: str, decimals: int | None = None) -> str:
    """A number with its unit, as short as people read it."""
    if value != value:
        return "-"
    match unit:
        case "percent":
            return f"{value:.0f}%" if value == int(value) else f"{value:.1f}%"
        case "percentunit":
            share = 100 * value
            digits = decimals if decimals is not None else 0 if share in (0, 100) or share >= 10 else 1
            return f"{share:.{digits}f}%"
        case "s":
            return _span(value)
        case "reqps":
            return f"{_short(value)} req/s"
        case _:
            return _short(value)


def _span(seconds: float) -> str:
    if seconds == 0:
        return "0 s"
    size, name = next(((size, name) for size, name in _SPANS if seconds >= size), _SPANS[-1])
    many = seconds / size
    return f"{many:.0f} {name}" if many >= 10 or many == round(many) else f"{many:.1f} {name}"


def _short(value: float) -> str:
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.3g}"


def threshold(panel: Json, value: float) -> str:
    """The colour of a number."""
    color = "#24292E"
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return color


def properties(panel: Json, name: str) -> Json:
    """What the overrides say of a series or a column."""
    told: Json = {}
    for override in panel["fieldConfig"]["overrides"]:
        kind, options = override["matcher"]["id"], override["matcher"]["options"]
        is_meant = name == options if kind == "byName" else re.search(options.strip("/"), name)
        if is_meant:
            told |= {one["id"]: one["value"] for one in override["properties"]}
    return told


def color_of(panel: Json, name: str, place: int) -> str:
    """The colour of a series: its own, or the next of the palette."""
    told = properties(panel, name).get("color")
    color: str = told["fixedColor"] if told else PALETTE[place % len(PALETTE)]
    return color


def rows_of(panel: Json, series: list[Series]) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a table, after its transformations (merge, then organize)."""
    merged = _merged(series, is_alone=len(panel["targets"]) == 1)
    organize = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    order = organize["indexByName"]
    renamed = organize["renameByName"]
    known = sorted((name for name in order if any(name in row for row in merged)), key=order.__getitem__)
    columns = [name for name in known if not _is_hidden(panel, renamed.get(name, name))]
    rows = []
    for row in merged:
        told = {}
        for name in columns:
            called, value = renamed.get(name, name), row.get(name, "")
            looks = properties(panel, called)
            if isinstance(value, float):
                value = number(value, looks.get("unit", "short"), looks.get("decimals"))
            told[called] = value
        rows.append((row, told))
    for by in panel["options"].get("sortBy", ()):
        original = next((name for name in order if renamed.get(name, name) == by["displayName"]), "")
        rows.sort(key=lambda both: _sortable(both[0].get(original, "")), reverse=by["desc"])
    return [renamed.get(name, name) for name in columns], [told for _, told in rows]


def _sortable(value: str | float) -> tuple[bool, float, str]:
    is_number = isinstance(value, float)
    return (is_number, value if is_number else 0.0, "" if is_number else str(value))  # type: ignore[return-value]


def _is_hidden(panel: Json, called: str) -> bool:
    return bool(properties(panel, called).get("custom.hidden"))


def _merged(series: list[Series], *, is_alone: bool) -> list[dict[str, Any]]:
    """Rows of several queries, put together where the labels that both have agree."""
    rows: list[dict[str, Any]] = []
    for one in series:
        value = "Value" if is_alone else f"Value #{one.query}"
        new: dict[str, Any] = {**one.labels, value: one.points[-1][1]}
        fitting = [row for row in rows if value not in row and _agree(row, one.labels)]
        for row in fitting[:1]:
            row |= new
        if not fitting:
            rows.append(new)
    return rows


def _agree(row: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    shared = set(row) & set(labels)
    return bool(shared) and all(row[label] == labels[label] for label in shared)


def word_color(panel: Json, column: str, word: str) -> str | None:
    """The colour of a word in a table, where its column has one."""
    for mapping in properties(panel, column).get("mappings", ()):
        if word in mapping["options"]:
            color: str = mapping["options"][word]["color"]
            return color
    return None
