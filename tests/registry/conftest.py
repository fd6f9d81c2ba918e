"""The registry fixture, for the tests beneath; all of them start the stand-in or parts of it."""

from pathlib import Path

import pytest

from lockgate_sandbox.registry.pytest_plugin import registry

__all__ = ["registry"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("registry")
