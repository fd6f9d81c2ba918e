"""pytest fixtures: a started registry for one test.

Use with `pytest_plugins = ["lockgate_sandbox.registry.pytest_plugin"]` in the top-level `conftest.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate_sandbox.registry.running import RunningRegistry, start_registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RunningRegistry]:
    """An empty registry with users `admin`, `member`, `viewer` and registries `model` and `dataset`."""
    with start_registry(tmp_path / "registry") as running:
        yield running
