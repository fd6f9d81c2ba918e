"""What Prometheus is told in a world, as its own tool reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from lockgate_sandbox import scraping
from lockgate_sandbox.binaries import programs_of
from lockgate_sandbox.images import Image
from lockgate_sandbox.parts.models import runtime
from lockgate_sandbox.source import EXAMPLES

RUNTIME = yaml.safe_load((EXAMPLES / "runtime-onnx.yaml").read_text())


def promtool(*arguments: str | Path) -> str:
    program = programs_of(["promtool"])["promtool"]
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.integration
@pytest.mark.parametrize(
    "jobs",
    [
        (scraping.pods(), scraping.server("lockgate", "lockgate-metrics.lockgate-system.svc:8080")),
        (scraping.files("scraped/*.json"),),
    ],
    ids=["in a cluster", "on a control plane"],
)
def test_prometheus_own_tool_finds_nothing_wrong_with_what_it_is_told(
    tmp_path: Path, jobs: tuple[dict]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(scraping.configuration(*jobs)))
    assert "is valid prometheus config file syntax" in promtool("check", "config", tmp_path / "config.json")


@pytest.mark.integration
@pytest.mark.parametrize("name", ["requests", "errors", "latency"])
def test_the_promql_of_the_shipped_runtime_is_promql_once_it_is_filled_in(name: str) -> None:
    text = RUNTIME["spec"]["metrics"][name].replace("[$window]", "[30s]")
    shown = promtool("promql", "format", "--experimental", text)
    assert "$release" in shown


def test_the_labels_of_the_shipped_promql_are_those_that_pods_are_given_here() -> None:
    given = {rule.get("target_label") for rule in scraping.pods()["relabel_configs"]}
    for name in ("requests", "errors", "latency"):
        for label in ("namespace", "model_deployment", "release"):
            assert f'{label}="$' in RUNTIME["spec"]["metrics"][name]
            assert label in given


def test_the_runtime_of_the_sandbox_has_the_promql_of_the_shipped_one() -> None:
    made = runtime(Image("modelserver", "image@sha256:0", "", Path()))
    assert made["spec"]["metrics"] == RUNTIME["spec"]["metrics"]
