"""The dashboards are what their source makes, what Grafana can read, and ask for metrics that there are."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest
from helm.dashboards.__main__ import PLACE, written
from tests.contract.promql import OF_A_TARGET, labels_of, selected

from lockgate.telemetry.table import TABLE

Json = dict[str, Any]
BOARDS: Mapping[str, Json] = {name: json.loads(content) for name, content in written().items()}
BUILT_IN = {"__interval", "__rate_interval", "__range", "__all", "datasource"}
# What a dashboard leaves to whoever looks for it.
NOT_SHOWN = {
    "lockgate_build_info",
    "lockgate_namespace_watchable",
    "lockgate_prometheus_query_duration_seconds",
    "lockgate_queue_depth",
    "lockgate_runtime_edits_waiting",
    "lockgate_watch_entries",
    "lockgate_webhook_questions_total",
}

TARGET = {
    "type": "object",
    "required": ["refId", "datasource", "expr", "instant", "range", "format"],
    "properties": {
        "refId": {"pattern": "^[A-Z]$"},
        "datasource": {"const": {"type": "prometheus", "uid": "${datasource}"}},
        "expr": {"type": "string", "minLength": 3},
        "format": {"enum": ["time_series", "table"]},
        "legendFormat": {"type": "string"},
    },
}
GRID = {
    "type": "object",
    "required": ["x", "y", "w", "h"],
    "additionalProperties": False,
    "properties": {
        "x": {"minimum": 0, "maximum": 23},
        "y": {"minimum": 0},
        "w": {"minimum": 2, "maximum": 24},
        "h": {"minimum": 1, "maximum": 20},
    },
}
FIELDS = {
    "type": "object",
    "required": ["defaults", "overrides"],
    "additionalProperties": False,
    "properties": {
        "defaults": {"type": "object"},
        "overrides": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["matcher", "properties"],
                "properties": {
                    "matcher": {
                        "type": "object",
                        "required": ["id", "options"],
                        "properties": {"id": {"enum": ["byName", "byRegexp"]}},
                    },
                    "properties": {"type": "array", "items": {"required": ["id", "value"]}},
                },
            },
        },
    },
}
OPTIONS = {
    "stat": ["reduceOptions", "textMode", "colorMode", "graphMode", "justifyMode", "orientation"],
    "timeseries": ["legend", "tooltip"],
    "state-timeline": ["legend", "tooltip", "mergeValues", "rowHeight", "showValue", "alignValue"],
    "table": ["showHeader", "cellHeight"],
}
PANEL = {
    "type": "object",
    "required": ["id", "type", "title", "description", "gridPos", "datasource", "targets", "fieldConfig"],
    "properties": {
        "type": {"enum": [*OPTIONS]},
        "title": {"minLength": 3},
        "description": {"pattern": r"^[A-Z].*\.$"},
        "gridPos": GRID,
        "targets": {"type": "array", "minItems": 1, "items": TARGET},
        "fieldConfig": FIELDS,
        "transformations": {"type": "array", "items": {"required": ["id", "options"]}},
    },
    "allOf": [
        {
            "if": {"properties": {"type": {"const": kind}}},
            "then": {"properties": {"options": {"required": needed}}, "required": ["options"]},
        }
        for kind, needed in OPTIONS.items()
    ],
}
ROW = {
    "type": "object",
    "required": ["id", "type", "title", "collapsed", "gridPos", "panels"],
    "properties": {"type": {"const": "row"}, "collapsed": {"const": False}, "gridPos": GRID},
}
IS_ROW = {"properties": {"type": {"const": "row"}}}
BOARD = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "panels", "templating", "annotations", "time", "tags"],
    "properties": {
        "uid": {"pattern": "^[a-z-]{1,40}$"},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "panels": {"type": "array", "items": {"if": IS_ROW, "then": ROW, "else": PANEL}},
        "templating": {"properties": {"list": {"items": {"required": ["name", "type", "hide", "options"]}}}},
        "annotations": {
            "properties": {
                "list": {"items": {"required": ["name", "datasource", "enable", "expr", "target"]}}
            }
        },
    },
}
board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def panels(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: Json) -> Iterator[tuple[str, str]]:
    """Every query with where it stands, Grafana's variables put in."""
    known = {variable["name"]: _chosen(variable) for variable in board["templating"]["list"]}
    known |= dict.fromkeys(BUILT_IN, "5m")
    for panel in panels(board):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", _filled(target["expr"], known)
    for mark in board["annotations"]["list"]:
        yield mark["name"], _filled(mark["expr"], known)
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"]["query"])
            assert asked is not None
            yield variable["name"], _filled(asked[1], known)


def _chosen(variable: Json) -> str:
    return str(variable["query"]) if variable["type"] == "textbox" else "chosen"


def _filled(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?([a-z_]\w*)\}?", lambda found: known[found[1]], text)


def test_the_charts_dashboards_are_what_their_source_makes():
    assert {path.name: path.read_text() for path in PLACE.iterdir()} == dict(written()), "make dashboards"


@board
def test_every_panel_says_what_grafana_needs_to_know_of_it(board: Json):
    jsonschema.validate(board, BOARD)


@board
def test_ids_are_given_once_and_no_two_panels_have_a_place(board: Json):
    assert max(Counter(panel["id"] for panel in board["panels"]).values()) == 1
    taken = Counter(
        (column, line)
        for panel in board["panels"]
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for line in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )
    assert max(taken.values()) == 1
    assert max(column for column, _ in taken) == 23
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))


@board
def test_the_panels_of_a_line_are_of_one_height_and_fill_it_and_what_is_repeated_is_alone(board: Json):
    lines: dict[int, list[Json]] = {}
    for panel in board["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel)
    for line in lines.values():
        assert sum(panel["gridPos"]["w"] for panel in line) == 24, line[0]["title"]
        assert len({panel["gridPos"]["h"] for panel in line}) == 1, line[0]["title"]
        assert len(line) == 1 or not any("repeat" in panel for panel in line)


@board
def test_every_query_is_promql_and_asks_for_metrics_and_labels_that_there_are(board: Json):
    found = list(queries(board))
    assert len(found) > 20
    for where, promql in found:
        for metric, labels in selected(promql):
            known = labels_of(metric)
            assert known is not None, f"{where}: there is no {metric}"
            assert labels <= known, f"{where}: {metric} has no {sorted(labels - known)}"


@board
def test_every_variable_that_is_named_is_declared_and_every_declared_one_is_named(board: Json):
    declared = {variable["name"] for variable in board["templating"]["list"]}
    told = json.dumps([board["panels"], board["annotations"], board["templating"]])
    named = set(re.findall(r"\$\{?([a-z_]\w*)(?=[^.\w]|$)", told)) - BUILT_IN
    fields = set(re.findall(r"\$\{__data\.fields\.(\w+)", told))
    assert named - {"__data"} == declared - {"datasource"}
    columns = {column for panel in panels(board) for column in _labels_by(panel)}
    assert fields <= columns


@board
def test_every_column_of_a_table_is_a_label_that_its_query_gives_or_a_value(board: Json):
    tables = [panel for panel in panels(board) if panel["type"] == "table"]
    assert tables
    for panel in tables:
        (organize,) = (one["options"] for one in panel["transformations"] if one["id"] == "organize")
        values = {f"Value #{target['refId']}" for target in panel["targets"]}
        for name in organize["indexByName"]:
            assert name in values | _labels_by(panel), f"{panel['title']}: {name}"
        assert set(organize["renameByName"]) <= set(organize["indexByName"])
        shown = {organize["renameByName"].get(name, name) for name in organize["indexByName"]}
        assert {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]} <= shown
        assert {one["displayName"] for one in panel["options"].get("sortBy", ())} <= shown


def _labels_by(panel: Json) -> set[str]:
    """The labels that the outermost aggregations of a panel's queries leave."""
    texts = [target["expr"] for target in panel["targets"]]
    by = (re.search(r"\b(?:max|sum|count) by \(([^)]*)\)", text) for text in texts)
    return {label for found in by if found for label in found[1].split(", ")} - {"le"}


def test_links_lead_to_dashboards_that_there_are():
    linked = set(re.findall(r'"/d/([a-z-]+)', json.dumps(list(BOARDS.values()))))
    assert linked == {board["uid"] for board in BOARDS.values()}


def test_every_metric_is_on_a_dashboard_or_left_out_on_purpose():
    asked = {
        metric for board in BOARDS.values() for _, text in queries(board) for metric, _ in selected(text)
    }
    shown = {re.sub("_(bucket|count|sum)$", "", metric) for metric in asked}
    assert set(TABLE) - shown == NOT_SHOWN


def test_the_helper_sees_what_it_must_refuse():
    assert labels_of("lockgate_rollouts") is None
    assert labels_of("lockgate_rollout_held_seconds_bucket") == {"gate", "le"}
    assert labels_of("modelserver_failures_total") is not None
    assert {"release"} <= OF_A_TARGET
    assert selected('sum(rate(a{b="c"}[5m])) / on (d) max(e)') == {
        ("a", frozenset({"b"})),
        ("e", frozenset()),
    }
    with pytest.raises(ValueError):
        selected("sum(")
