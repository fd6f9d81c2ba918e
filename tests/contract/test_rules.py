"""The alerts say what somebody needs who is woken by one, ask for what there is, and all are tested."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.contract.promql import labels_of, selected
from tests.rules.cases import CASES

from lockgate.names import Reason

ROOT = Path(__file__).parents[2]
GROUPS = yaml.safe_load((ROOT / "helm" / "lockgate" / "rules" / "lockgate.yaml").read_text())["groups"]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
alert = pytest.mark.parametrize("name", ALERTS)


def test_there_are_alerts_for_what_the_operators_manual_promises():
    assert len(ALERTS) == sum(len(group["rules"]) for group in GROUPS) == 10
    assert len({group["name"] for group in GROUPS}) == len(GROUPS)


@alert
def test_every_alert_has_a_severity_a_summary_a_description_and_a_runbook(name: str):
    rule = ALERTS[name]
    assert re.fullmatch("Lockgate[A-Z][A-Za-z]+", name)
    assert rule["labels"] in [{"severity": severity} for severity in ("critical", "warning", "info")]
    told = rule["annotations"]
    assert set(told) == {"summary", "description", "runbook_url"}
    assert len(told["summary"]) < 90
    assert not told["summary"].endswith(".")
    assert told["description"].endswith(".")
    assert told["runbook_url"] == f"docs/runbooks/{name}.md"


@alert
def test_every_runbook_says_what_it_means_what_to_look_at_and_what_to_do(name: str):
    text = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall("^## (.*)$", text, re.MULTILINE) == ["What it means", "What to look at", "What to do"]
    assert len(text.splitlines()) <= 40


def test_there_is_no_runbook_without_its_alert():
    assert {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} == set(ALERTS)


@alert
def test_every_alert_asks_for_metrics_labels_and_reasons_that_there_are(name: str):
    expr = ALERTS[name]["expr"]
    for metric, labels in selected(expr):
        known = labels_of(metric)
        assert known is not None, metric
        assert labels <= known
    for reasons in re.findall(r'reason!?=~?"([^"]*)"', expr):
        assert set(reasons.split("|")) <= set(Reason)


@alert
def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent(name: str):
    fires = [bool(case.fires) for case in CASES[name]]
    assert {True, False} == set(fires)
    assert set(CASES) == set(ALERTS)


def test_the_manual_lists_every_alert_with_its_severity():
    text = (ROOT / "docs" / "monitoring.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \|", text, re.MULTILINE)
    assert dict(rows) == {name: rule["labels"]["severity"] for name, rule in ALERTS.items()}
