"""The page of metrics is what Prometheus' own tool calls well written, names and units included."""

import subprocess

import pytest
from tests.unit.test_metrics import KEY, T0, Reason, Shown, at_rest, measured, rolling

from lockgate_sandbox.binaries import programs_of

pytestmark = pytest.mark.integration


def test_promtool_finds_nothing_wrong_with_the_page():
    shown = Shown()
    shown.show(at_rest())
    shown.metrics.rollout_ended(KEY, "canary", "Promoted", 3.0)
    shown.show(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0))
    shown.metrics.analysis_judged(KEY, (measured(passed=2),))
    shown.metrics.registry_answered("default", "look_up", "ok", 0.1)
    program = programs_of(["promtool"])["promtool"]
    page = shown.metrics.page().decode()
    done = subprocess.run(
        [program, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
