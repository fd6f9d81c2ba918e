"""A dashboard as Grafana reads it: variables put in, panels with their places, queries answered.

Only what the two dashboards use is known here; what is not fails, so that no picture shows less than
Grafana would.
"""

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from helm.dashboards.__main__ import PLACE

Json = dict[str, Any]
SCRAPES: Final = timedelta(seconds=15)
_PLACES: Final = re.compile(r"\$\{([a-z_]\w*)(?::\w+)?\}|\$([a-z_]\w*)")


@dataclass(frozen=True, kw_only=True)
class Series:
    """What a query gave: labels, the name in the legend, and moments with numbers."""

    labels: Mapping[str, str]
    name: str
    points: tuple[tuple[datetime, float], ...]
    query: str
    """The letter of the query."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What people look at: a Prometheus, a span of time, and what they chose."""

    url: str
    since: datetime
    until: datetime
    chosen: Mapping[str, str]
    points: int = 400
    """How many a panel of full width shows."""

    def interval(self, panel: Json) -> timedelta:
        """How far apart points are, as Grafana's $__interval."""
        width = max(1, self.points * panel["gridPos"]["w"] // 24)
        seconds = (self.until - self.since).total_seconds() / width
        least = duration(panel["interval"]) if panel.get("interval") else SCRAPES
        return max(least, timedelta(seconds=15 * round(seconds / 15)))


def dashboard(name: str) -> Json:
    """A dashboard of the chart."""
    found: Json = json.loads((PLACE / f"{name}.json").read_text())
    return found


def panels(board: Json, values: Mapping[str, list[str]] | None = None) -> Iterator[tuple[Json, Json]]:
    """Every panel with what it is repeated for.

    Copies share the line of the one that is repeated, at most so many in one; what is below makes room.
    """
    lower = 0
    for panel in board["panels"]:
        place = panel["gridPos"] | {"y": panel["gridPos"]["y"] + lower}
        if "repeat" not in panel:
            yield panel | {"gridPos": place}, {}
            continue
        known = (values or {}).get(panel["repeat"]) or [""]
        width = 24 // min(len(known), panel["maxPerRow"])
        for number, value in enumerate(known):
            line, column = divmod(number, 24 // width)
            spot = {"x": column * width, "y": place["y"] + line * place["h"], "w": width, "h": place["h"]}
            yield panel | {"gridPos": spot}, {panel["repeat"]: value}
        lower += (len(known) - 1) // (24 // width) * place["h"]


def filled(text: str, known: Mapping[str, str]) -> str:
    """A text with every variable put in; KeyError for one that is none. What is in a regex, $1, stays."""
    return _PLACES.sub(lambda found: known[found[1] or found[2]], text)


def defaults(board: Json) -> dict[str, str]:
    """What the variables are until somebody chooses."""
    known = {}
    for variable in board["templating"]["list"]:
        is_all = variable.get("includeAll")
        value = variable.get("current", {}).get("value", "")
        known[variable["name"]] = ".*" if is_all else value if isinstance(value, str) else value[0]
    return known


def builtins(view: View, interval: timedelta) -> dict[str, str]:
    """Grafana's own variables."""
    whole = view.until - view.since
    return {
        "__interval": f"{interval.total_seconds():.0f}s",
        "__rate_interval": f"{max(4 * SCRAPES, interval + SCRAPES).total_seconds():.0f}s",
        "__range": f"{whole.total_seconds():.0f}s",
    }


def answered(view: View, panel: Json, repeated: Mapping[str, str], board: Json) -> list[Series]:
    """All series of a panel."""
    interval = view.interval(panel)
    known = {**defaults(board), **view.chosen, **repeated, **builtins(view, interval)}
    found: list[Series] = []
    for target in panel.get("targets", ()):
        expr = filled(target["expr"], known)
        if target["instant"]:
            raw = _ask(view, "query", query=expr, time=view.until.timestamp())
        else:
            raw = _ask(
                view,
                "query_range",
                query=expr,
                start=view.since.timestamp(),
                end=view.until.timestamp(),
                step=interval.total_seconds(),
            )
        found += sorted((_series(one, target) for one in raw), key=lambda series: series.name)
    return found


def values_of(view: View, board: Json, name: str) -> list[str]:
    """What a variable can be in the time that is looked at: its label_values(...)."""
    variable = next(one for one in board["templating"]["list"] if one["name"] == name)
    matched = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
    assert matched is not None
    selector = filled(matched[1], {**defaults(board), **view.chosen})
    path = f"label/{matched[2]}/values"
    found = _get(
        view, path, {"match[]": selector, "start": view.since.timestamp(), "end": view.until.timestamp()}
    )
    return sorted(found)


def marks(view: View, board: Json) -> list[tuple[datetime, str, Json]]:
    """The annotations: moments with their titles."""
    found = []
    known = {**defaults(board), **view.chosen, **builtins(view, timedelta(minutes=1))}
    for mark in board["annotations"]["list"]:
        raw = _ask(
            view,
            "query_range",
            query=filled(mark["expr"], known),
            start=view.since.timestamp(),
            end=view.until.timestamp(),
            step=duration(mark["step"]).total_seconds(),
        )
        for one in raw:
            title = legend(mark["titleFormat"], one["metric"])
            moments = {float(value) / 1000 if mark["useValueForTime"] else at for at, value in one["values"]}
            found += [(datetime.fromtimestamp(at, UTC), title, mark) for at in moments]
    return sorted(found, key=lambda one: one[0])


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """The name of a series by its labels."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), pattern)


def duration(text: str) -> timedelta:
    """A span such as 60s or 5m."""
    return timedelta(seconds=int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]])


def _series(raw: Json, target: Json) -> Series:
    labels = {name: value for name, value in raw["metric"].items() if name != "__name__"}
    points = raw.get("values") or [raw["value"]]
    pattern = target.get("legendFormat", "__auto")
    automatic = ", ".join(labels.values())
    return Series(
        labels=labels,
        name=automatic if pattern == "__auto" else legend(pattern, labels),
        points=tuple((datetime.fromtimestamp(at, UTC), float(value)) for at, value in points),
        query=target["refId"],
    )


def _ask(view: View, kind: str, **asked: object) -> list[Json]:
    found: list[Json] = _get(view, kind, asked)["result"]
    return found


def _get(view: View, path: str, asked: Mapping[str, object]) -> Any:
    url = f"{view.url}/api/v1/{path}?{urllib.parse.urlencode(asked)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["data"]


def place_of(directory: Path, name: str) -> Path:
    """Where a picture is."""
    return directory / f"{name}.svg"
