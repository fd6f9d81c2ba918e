"""Draws a dashboard from its JSON, with the places, colours and words that are written there.

It is a drawing and not Grafana: whoever changes the dashboard sees the picture change.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import matplotlib as mpl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from tests.pictures.looks import color_of, number, properties, rows_of, threshold, word_color
from tests.pictures.reading import Series, View, answered, filled, marks, panels, values_of

Json = dict[str, Any]
_Place = tuple[float, float, float, float]
WIDTH: Final = 1400
_UNIT, _GAP, _HEAD, _EDGE = 30, 8, 56, 14
_INK, _FAINT, _LINES, _BOARD, _PAPER = "#24292E", "#6E7681", "#E3E6EA", "#F4F5F7", "#FFFFFF"
_DPI: Final = 100
# Letters as shapes, since nobody knows which letters a reader has.
SETTINGS: Final = {"font.family": "DejaVu Sans", "svg.fonttype": "path", "svg.hashsalt": "lockgate"}


def draw(view: View, board: Json) -> Figure:
    """A figure of the whole dashboard."""
    repeats = {
        variable["name"]: values_of(view, board, variable["name"])
        for variable in board["templating"]["list"]
        if variable["hide"] == 2
    }
    known = list(panels(board, repeats))
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel, _ in known)
    height = _HEAD + rows * (_UNIT + _GAP) + _EDGE
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH / _DPI, height / _DPI), dpi=_DPI, facecolor=_BOARD)
        sheet = _Sheet(figure, height)
        _head(sheet, view, board)
        events = marks(view, board)
        for panel, repeated in known:
            place = sheet.place(panel["gridPos"])
            title = filled(panel["title"], {**view.chosen, **repeated})
            if panel["type"] == "row":
                x, y, _, h = place
                sheet.write(x + 4, y + h / 2, f"▾  {title}", size=11, weight="bold")
                continue
            sheet.box(*place)
            x, y, w, _ = place
            sheet.write(x + 12, y + 17, title, size=9.5, weight="bold", room=w - 20)
            _DRAWN[panel["type"]](sheet, place, panel, answered(view, panel, repeated, board), view, events)
    return figure


def svg(figure: Figure) -> str:
    """The figure as text, the same for the same data, without what no reader needs."""
    written = io.StringIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(
        r"<!--.*?-->|<metadata>.*?</metadata>|<!DOCTYPE.*?>", "", written.getvalue(), flags=re.DOTALL
    )
    text = re.sub(r"DejaVuSans(-Bold)?-", lambda found: "b" if found[1] else "g", text)
    text = re.sub(
        r'(?<= d=")[^"]*', lambda found: re.sub(r"\s*([A-Za-z])\s*", r"\1", _tenths(found[0])), text
    )
    # A scale is small, and all of it matters.
    text = re.sub(r"translate\([^)]*\)", lambda found: _tenths(found[0]), text)
    text = re.sub(r'(?<= (?:x|y)=")[^"]*', lambda found: _tenths(found[0]), text)
    # Nobody refers to these.
    text = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", text)
    text = re.sub(r'(?<= style=")[^"]*', lambda found: re.sub(r"([:;]) ", r"\1", found[0]), text)
    return re.sub(r">\s+<", ">\n<", text).strip() + "\n"


def _tenths(text: str) -> str:
    return re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), text)


class _Sheet:
    """The page in pixels, from the top."""

    def __init__(self, figure: Figure, height: float) -> None:
        self.figure = figure
        self.height = height
        self.page = figure.add_axes((0, 0, 1, 1))
        self.page.set_xlim(0, WIDTH)
        self.page.set_ylim(height, 0)
        self.page.axis("off")

    def place(self, grid: Json) -> tuple[float, float, float, float]:
        """Left, top, width and height of a place on the grid."""
        column = (WIDTH - 2 * _EDGE) / 24
        x, y = _EDGE + grid["x"] * column, _HEAD + grid["y"] * (_UNIT + _GAP)
        return x, y, grid["w"] * column - _GAP, grid["h"] * (_UNIT + _GAP) - _GAP

    def box(self, x: float, y: float, w: float, h: float) -> None:
        """The paper of a panel."""
        shape = FancyBboxPatch(
            (x + 3, y + 3), w - 6, h - 6, boxstyle="round,pad=3,rounding_size=3", fc=_PAPER, ec=_LINES, lw=0.8
        )
        self.page.add_patch(shape)
        shape.set_clip_on(False)

    def write(self, x: float, y: float, text: str, *, size: float, room: float = 0.0, **looks: Any) -> None:
        """A text, cut where there is no room for all of it."""
        looks = {"color": _INK, "ha": "left", "va": "center"} | looks
        if room and len(text) * size * 0.82 > room:
            text = text[: max(1, int(room / size / 0.82) - 1)] + "…"
        self.page.text(x, y, text.replace("$", r"\$"), fontsize=size, **looks)

    def share(self, x: float, y: float, w: float, h: float) -> _Place:
        """A place as parts of the page, from below."""
        return x / WIDTH, 1 - (y + h) / self.height, w / WIDTH, h / self.height

    def axes(self, x: float, y: float, w: float, h: float) -> Axes:
        """Axes at a place."""
        return self.figure.add_axes(self.share(x, y, w, h))


_Events = Sequence[tuple[datetime, str, Json]]


def _head(sheet: _Sheet, view: View, board: Json) -> None:
    sheet.write(_EDGE + 2, 27, board["title"], size=14, weight="bold")
    chosen = [f"{name}: {value}" for name, value in view.chosen.items() if value != ".*"]
    span = f"{view.since:%Y-%m-%d %H:%M} to {view.until:%H:%M} UTC"
    sheet.write(WIDTH - _EDGE - 8, 27, "     ".join((*chosen, span)), size=9.5, ha="right", color=_FAINT)


def _stat(sheet: _Sheet, place: _Place, panel: Json, series: list[Series], *_: Any) -> None:
    x, y, w, h = place
    middle, defaults = y + 14 + h / 2, panel["fieldConfig"]["defaults"]
    if not series:
        sheet.write(x + w / 2, middle, defaults.get("noValue", "No data"), size=17, ha="center", color=_FAINT)
        return
    for index, one in enumerate(series):
        value = one.points[-1][1]
        shown = number(value, defaults["unit"], defaults.get("decimals"))
        is_name = panel["options"]["textMode"] == "name"
        text, color = (one.name if is_name else shown), threshold(panel, value)
        at = x + w * (index + 0.5) / len(series)
        size = min(24.0, w / len(series) / max(1, len(text)) * 1.15)
        sheet.write(at, middle, text, size=size, ha="center", weight="bold", color=color)
        if len(series) > 1:
            sheet.write(at, middle - 0.24 * h - 8, one.name, size=8.5, ha="center", color=_FAINT)


def _table(sheet: _Sheet, place: _Place, panel: Json, series: list[Series], *_: Any) -> None:
    x, y, w, h = place
    if not series:
        sheet.write(x + w / 2, y + 14 + h / 2, "No data", size=12, ha="center", color=_FAINT)
        return
    columns, rows = rows_of(panel, series)
    weights = [max(len(column), *(len(row.get(column, "")) for row in rows)) + 3 for column in columns]
    starts = [x + 12 + (w - 20) * sum(weights[:index]) / sum(weights) for index in range(len(weights))]
    step = min(26.0, (h - 42) / (len(rows) + 1))
    for start, column in zip(starts, columns, strict=True):
        sheet.write(start, y + 42, column, size=8.5, color=_FAINT)
    for line, row in enumerate(rows, 1):
        at = y + 42 + line * step
        sheet.page.plot([x + 10, x + w - 10], [at - step / 2] * 2, color=_LINES, lw=0.7)
        for start, column, weight in zip(starts, columns, weights, strict=True):
            word = row.get(column, "")
            has_link = "links" in properties(panel, column)
            color = word_color(panel, column, word) or ("#1F60C4" if has_link else _INK)
            room = (w - 20) * weight / sum(weights)
            sheet.write(start, at, word, size=9, color=color, room=room)


def _timeseries(
    sheet: _Sheet, place: _Place, panel: Json, series: list[Series], view: View, events: _Events
) -> None:
    x, y, w, h = place
    defaults = panel["fieldConfig"]["defaults"]
    colors = [color_of(panel, one.name, index) for index, one in enumerate(series)]
    legend = list(dict.fromkeys(zip((one.name for one in series), colors, strict=True)))
    lines = _legend(sheet, x + 12, y + h, w - 20, legend)
    axes = sheet.axes(x + 62, y + 34, w - 78, h - 34 - 30 - 17 * lines)
    _frame(axes, view, events)
    interval = view.interval(panel).total_seconds() / 86400
    is_stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    (_stacked if is_stacked else _lines)(axes, panel, series, colors, interval)
    top = defaults.get("max", axes.get_ylim()[1])
    axes.set_ylim(defaults.get("min", 0), top)
    are_whole = all(value == round(value) for one in series for _, value in one.points if value == value)
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=are_whole and defaults["unit"] == "short"))
    ticks = [tick for tick in axes.get_yticks() if 0 <= tick <= top * 1.001]
    told = [number(tick, defaults["unit"]) for tick in ticks]
    axes.set_yticks(ticks, told)
    left = 26 + 5.6 * max(map(len, told))
    axes.set_position(sheet.share(x + left, y + 34, w - left - 18, h - 34 - 30 - 17 * lines))


def _lines(axes: Axes, panel: Json, series: list[Series], colors: list[str], interval: float) -> None:
    custom = panel["fieldConfig"]["defaults"]["custom"]
    style = "steps-post" if custom["lineInterpolation"] == "stepAfter" else "default"
    highest = 0.0
    for one, color in zip(series, colors, strict=True):
        told = properties(panel, one.name)
        is_dashed = "custom.lineStyle" in told
        for times, values in _pieces(one, interval):
            axes.plot(
                times, values, color=color, lw=1.6, ls=(0, (5, 3)) if is_dashed else "-", drawstyle=style,
                solid_capstyle="round",
            )  # fmt: skip
            opacity = told.get("custom.fillOpacity", custom["fillOpacity"])
            if opacity and len(times) > 1:
                step = "post" if style == "steps-post" else None
                axes.fill_between(times, values, color=color, alpha=opacity / 100, lw=0, step=step)
            highest = max(highest, *values)
    axes.set_ylim(0, highest * 1.12 or 1.0)


def _stacked(axes: Axes, panel: Json, series: list[Series], colors: list[str], interval: float) -> None:
    is_bars = panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] == "bars"
    moments = sorted({moment for one in series for moment, _ in one.points})
    times = [float(dates.date2num(moment)) for moment in moments]
    below = [0.0] * len(times)
    for one, color in zip(series, colors, strict=True):
        known = dict(one.points)
        values = [known.get(moment, 0.0) for moment in moments]
        above = [a + b for a, b in zip(below, values, strict=True)]
        if is_bars:
            axes.bar(times, values, bottom=below, width=interval * 0.75, color=color, alpha=0.85, lw=0)
        else:
            axes.fill_between(times, below, above, color=color, alpha=0.45, lw=0, step="post")
            axes.plot(times, above, color=color, lw=1.4, drawstyle="steps-post")
        below = above
    axes.set_ylim(0, max(below, default=0.0) * 1.15 or 1.0)


def _timeline(
    sheet: _Sheet, place: _Place, panel: Json, series: list[Series], view: View, events: _Events
) -> None:
    x, y, w, h = place
    axes = sheet.axes(x + 170, y + 34, w - 186, h - 34 - 28)
    _frame(axes, view, events, is_ruled=False)
    interval = view.interval(panel).total_seconds() / 86400
    for row, one in enumerate(series):
        color = color_of(panel, one.name, row)
        for times, _ in _pieces(one, interval):
            bar = Rectangle((times[0], row - 0.38), times[-1] - times[0] + interval, 0.76, color=color, lw=0)
            axes.add_patch(bar)
    axes.set_ylim(len(series) - 0.4, -0.6)
    axes.set_yticks(range(len(series)), [one.name for one in series])
    axes.tick_params(axis="y", labelsize=9, labelcolor=_INK)


def _frame(axes: Axes, view: View, events: _Events, *, is_ruled: bool = True) -> None:
    """Time below, lines behind, and what happened as dashed lines."""
    since, until = float(dates.date2num(view.since)), float(dates.date2num(view.until))
    axes.set_xlim(since, until)
    is_narrow = axes.bbox.width < 500
    axes.xaxis.set_major_locator(dates.MinuteLocator(byminute=(0, 30) if is_narrow else (0, 15, 30, 45)))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.tick_params(length=0, labelsize=8, labelcolor=_FAINT, pad=5)
    axes.set_facecolor("none")
    for side in axes.spines.values():
        side.set_visible(False)
    if is_ruled:
        axes.grid(axis="y", color=_LINES, lw=0.7)
    axes.grid(axis="x", color=_LINES, lw=0.5)
    axes.set_axisbelow(True)
    for at, _, mark in events:
        axes.axvline(float(dates.date2num(at)), color=mark["iconColor"], lw=0.9, ls=(0, (2, 2)))


def _pieces(one: Series, interval: float) -> list[tuple[list[float], list[float]]]:
    """A series where it is without gaps."""
    pieces: list[tuple[list[float], list[float]]] = []
    last = float("-inf")
    for moment, value in one.points:
        at = float(dates.date2num(moment))
        if value != value:
            continue
        if at - last > 1.5 * interval:
            pieces.append(([], []))
        pieces[-1][0].append(at)
        pieces[-1][1].append(value)
        last = at
    return pieces


def _legend(sheet: _Sheet, x: float, bottom: float, room: float, known: Sequence[tuple[str, str]]) -> int:
    """The names of the series at the bottom; how many lines that takes."""
    rows: list[list[tuple[str, str, float]]] = [[]]
    at = 0.0
    for name, color in known:
        width = 32 + len(name) * 6.6
        if rows[-1] and at + width > room:
            rows.append([])
            at = 0.0
        rows[-1].append((name, color, at))
        at += width
    for line, row in enumerate(reversed(rows)):
        y = bottom - 14 - 17 * line
        for name, color, start in row:
            sheet.page.add_patch(Rectangle((x + start, y - 2), 12, 4, color=color, lw=0))
            sheet.write(x + start + 17, y, name, size=8.5)
    return len(rows)


_DRAWN: Final[Mapping[str, Callable[..., None]]] = {
    "stat": _stat,
    "table": _table,
    "timeseries": _timeseries,
    "state-timeline": _timeline,
}
