"""What the documents claim about names and places is so."""

import re
from dataclasses import fields
from pathlib import Path

import yaml
from tests.fakes.builders import deployment

from lockgate.backends.deployment.marks import labels_of
from lockgate.names import API_VERSION, GROUP, MODEL_DEPLOYMENT_KIND, ConditionType
from lockgate.settings import Settings
from lockgate.telemetry.table import TABLE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROSE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]


def test_every_path_that_the_architecture_names_exists():
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:operator|crds|tests|docs|helm|pyproject)[\w./-]*)`", text)
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_relative_link_leads_somewhere():
    for document in PROSE:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_readme_lists_every_metric_with_its_labels_and_meaning():
    rows = re.findall(r"^\| `(lockgate_\w+)` \| (\w+) \|(.*?)\| (.*?) \|$", README, re.MULTILINE)
    assert {name: (kind, labels.strip(), meaning) for name, kind, labels, meaning in rows} == {
        name: (entry.kind.value, ", ".join(f"`{label}`" for label in entry.labels), entry.meaning)
        for name, entry in TABLE.items()
    }


def test_the_readme_explains_every_condition():
    explained = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert set(ConditionType) <= set(explained)


def test_the_readme_shows_the_shipped_example():
    shown = re.search(r"## The resource\n\n```yaml\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert yaml.safe_load(shown[1]) == yaml.safe_load((ROOT / "docs" / "examples" / "churn.yaml").read_text())


def test_operations_shows_the_shipped_budget_which_selects_the_pods_of_one_model():
    text = (ROOT / "docs" / "operations.md").read_text()
    shown = [
        yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    ]
    shipped = yaml.safe_load((ROOT / "docs" / "examples" / "disruption-budget.yaml").read_text())
    assert shipped in shown
    chosen = shipped["spec"]["selector"]["matchLabels"]
    assert chosen.items() <= labels_of(deployment(name=shipped["metadata"]["name"])).items()
    assert not chosen.items() <= labels_of(deployment(name="other")).items()


def test_operations_shows_the_shipped_autoscaler_which_targets_a_model_deployment():
    text = (ROOT / "docs" / "operations.md").read_text()
    shown = re.findall(r"^```yaml\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    shipped = yaml.safe_load((ROOT / "docs" / "examples" / "autoscaler.yaml").read_text())
    assert shipped in map(yaml.safe_load, shown)
    target = {"apiVersion": f"{GROUP}/{API_VERSION}", "kind": MODEL_DEPLOYMENT_KIND}
    assert shipped["spec"]["scaleTargetRef"] == {**target, "name": "churn"}


def test_every_setting_is_explained():
    explained = re.findall(r"^  LOCKGATE_(\w+).*\n      \S+", Settings.explanation(), re.MULTILINE)
    assert explained == [setting.name.upper() for setting in fields(Settings)]


def test_decisions_are_short_and_have_the_three_parts():
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = path.read_text()
        assert len(text.splitlines()) <= 40, path.name
        for part in ("**Context.**", "**Choice.**", "**Consequence.**"):
            assert part in text, f"{path.name}: {part}"


def test_the_source_folder_shadows_nothing():
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_no_file_of_the_product_is_longer_than_one_job():
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / "operator").rglob("*.py")}
    assert {path.name: length for path, length in lengths.items() if length > 300} == {}
