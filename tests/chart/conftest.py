"""helm itself, built first where it is not there yet, and a control plane under the chart's policies."""

from pathlib import Path

import pytest
from tests.chart.guarding import administrator, children, guarded, operator

from lockgate_sandbox.binaries import programs_of

__all__ = ["administrator", "children", "guarded", "helm", "operator"]


@pytest.fixture(scope="session")
def helm() -> Path:
    return programs_of(["helm"])["helm"]
