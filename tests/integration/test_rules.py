"""The alerts fire when they should and are silent when they should be, by the word of promtool."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.contract.test_rules import ALERTS, ROOT
from tests.rules.cases import CASES, Case

from lockgate_sandbox.binaries import programs_of

pytestmark = pytest.mark.integration
RULES = ROOT / "helm" / "lockgate" / "rules" / "lockgate.yaml"


@pytest.fixture(scope="module")
def promtool() -> Path:
    return programs_of(["promtool"])["promtool"]


def told(text: str, labels: dict[str, str], value: str) -> str:
    """A text of an alert as people read it."""
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels.get(found[1], ""), text)
    return re.sub(r"\{\{ \$value [^}]*\}\}", value, text)


def as_promtool_reads(name: str, case: Case) -> dict[str, Any]:
    rule = ALERTS[name]
    expected = [
        {
            "exp_labels": {**labels, **rule["labels"]},
            "exp_annotations": {
                key: told(text, labels, case.value) for key, text in rule["annotations"].items()
            },
        }
        for labels in case.fires
    ]
    return {
        "name": case.says,
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [{"eval_time": f"{case.minutes}m", "alertname": name, "exp_alerts": expected}],
    }


def run(promtool: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *words], capture_output=True, text=True, timeout=60, check=False)


def test_the_rules_are_rules(promtool: Path):
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_is_silent_when_it_should_be(
    promtool: Path, tmp_path: Path, name: str
):
    asked = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [as_promtool_reads(name, case) for case in CASES[name]],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))
    done = run(promtool, "test", "rules", tmp_path / "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
