"""Every query of the dashboards has an answer in a real Prometheus that saw a fleet roll out and fail."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.pictures.history import prometheus_with
from tests.pictures.looks import rows_of
from tests.pictures.play import BEGIN, END, SHOWN, play
from tests.pictures.reading import View, answered, dashboard, marks, panels, values_of

pytestmark = pytest.mark.integration
LARGEST_PICTURE = 300_000
CHOSEN = {
    "fleet": {"namespace": ".*"},
    "deployment": {"namespace": SHOWN[0], "name": SHOWN[1]},
}
QUERIES = [
    pytest.param(name, panel["id"], target["refId"], id=f"{name}: {panel['title']} {target['refId']}")
    for name in CHOSEN
    for panel in dashboard(name)["panels"]
    for target in panel.get("targets", ())
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_with(asyncio.run(play()), tmp_path_factory.mktemp("prometheus")) as address:
        yield address


def looked_at(url: str, name: str) -> View:
    return View(url=url, since=BEGIN, until=END, chosen=CHOSEN[name])


def drawn(view: View, name: str) -> str:
    # Everyone who looks for tests loads this file, and few of them draw.
    from tests.pictures.drawing import draw, svg

    return svg(draw(view, dashboard(name)))


def found(url: str, name: str) -> dict[str, tuple[dict[str, Any], list[Any]]]:
    """Panels by their titles, with what their queries give."""
    view, board = looked_at(url, name), dashboard(name)
    repeats = {"metric": values_of(view, board, "metric")} if name == "deployment" else {}
    known = [both for both in panels(board, repeats) if both[0]["type"] != "row"]
    return {
        panel["title"].replace("$metric", repeated.get("metric", "")): (
            panel,
            answered(view, panel, repeated, board),
        )
        for panel, repeated in known
    }


@pytest.mark.parametrize(("name", "panel", "letter"), QUERIES)
def test_a_query_gives_data(url: str, name: str, panel: int, letter: str) -> None:
    view, board = looked_at(url, name), dashboard(name)
    repeats = {"metric": values_of(view, board, "metric")} if name == "deployment" else {}
    seen = [
        series
        for known, repeated in panels(board, repeats)
        if known["id"] == panel
        for series in answered(view, known, repeated, board)
        if series.query == letter
    ]
    assert seen
    assert any(value == value for series in seen for _, value in series.points)


def test_what_can_be_chosen_and_what_is_marked_in_time_has_data_too(url: str) -> None:
    view, board = looked_at(url, "deployment"), dashboard("deployment")
    assert "churn" in values_of(view, board, "name")
    assert values_of(view, board, "namespace") == ["ads", "growth", "risk", "search"]
    assert values_of(view, board, "metric") == ["errors", "latency"]
    told = [(f"{at:%H:%M}", title) for at, title, _ in marks(view, board)]
    assert told == [
        ("09:10", "rollout started"),
        ("09:28", "promoted"),
        ("09:52", "rollout started"),
        ("10:03", "aborted"),
        ("10:22", "rollout started"),
    ]


def test_the_fleet_shows_who_serves_what_who_is_on_the_way_and_who_is_stuck(url: str) -> None:
    shown = found(url, "fleet")
    _, live = rows_of(*shown["What is live where"])
    assert {row["name"]: (row["serves"], row["phase"], row["why"]) for row in live} == {
        "aml": ("v2", "Serving", "RolledOut"),
        "bids": ("v1", "Serving", "AliasNotFound"),
        "churn": ("v8", "RollingOut", "WaitingForApproval"),
        "credit": ("v12", "RollingOut", "StepHeld"),
        "embed": ("v2", "Suspended", "Suspended"),
        "fraud": ("v4", "RollingOut", "AnalysisInconclusive"),
        "ltv": ("v3", "Serving", "RolledOut"),
        "ranker": ("v5", "Degraded", "RolloutAborted"),
        "spell": ("v9", "Serving", "RolledOut"),
        "upsell": ("v5", "Serving", "RolledOut"),
    }
    _, under_way = rows_of(*shown["Rollouts under way"])
    assert {row["name"]: (row["candidate"], row["step"], row["of"], row["traffic"]) for row in under_way} == {
        "churn": ("v10", "2", "3", "50%"),
        "credit": ("v13", "2", "3", "50%"),
        "fraud": ("v5", "1", "3", "10%"),
    }
    _, stuck = rows_of(*shown["What is stuck, and why"])
    assert {row["name"] for row in stuck} == {"churn", "embed", "fraud", "ranker"}
    ended: dict[str, float] = {}
    for series in shown["Rollouts that ended"][1]:
        ended[series.name] = sum(value for _, value in series.points)
    assert ended == {"Promoted": 6, "Aborted": 2, "Superseded": 0}


def test_one_deployment_shows_its_versions_side_by_side_and_why_one_was_given_up(url: str) -> None:
    shown = found(url, "deployment")
    requests = {series.name for series in shown["Requests"][1]}
    assert {"stable v7", "candidate v8", "stable v8", "candidate v9", "candidate v10"} <= requests
    weights = [series for series in shown["Traffic by track"][1] if series.name == "candidate"]
    assert {value for series in weights for _, value in series.points} >= {10, 50}
    measured = {series.name: series.points for series in shown["Analysis: errors"][1]}
    assert max(value for _, value in measured["measured"]) > 0.01
    assert {value for _, value in measured["max"]} == {0.01}
    failing = [series for series in shown["Errors"][1] if series.name == "candidate v9"]
    assert max(value for series in failing for _, value in series.points) > 0.02
    _, releases = rows_of(*shown["Releases"])
    assert {(row["track"], row["version"]) for row in releases} == {("stable", "v8"), ("candidate", "v10")}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_picture_is_drawn_also_of_what_there_is_nothing_to_see_of(url: str, name: str) -> None:
    nobody = {"namespace": "nowhere", "name": "nobody"}
    before = END - timedelta(days=1)
    view = View(url=url, since=before - timedelta(hours=1), until=before, chosen=nobody)
    assert drawn(view, name).count("<use ") > 200


@pytest.mark.parametrize("name", CHOSEN)
def test_a_picture_is_drawn_whole_small_and_the_same_each_time(url: str, name: str, tmp_path: Path) -> None:
    first, second = (drawn(looked_at(url, name), name) for _ in range(2))
    assert first == second
    assert len(first) < LARGEST_PICTURE
    assert first.count("<use ") > 500
