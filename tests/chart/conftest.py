"""helm itself, built first where it is not there yet."""

from pathlib import Path

import pytest

from lockgate_sandbox.binaries import programs_of


@pytest.fixture(scope="session")
def helm() -> Path:
    return programs_of(["helm"])["helm"]
