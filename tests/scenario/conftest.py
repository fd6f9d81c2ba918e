"""One ModelDeployment on fakes for every scenario."""

import pytest
from tests.fakes.rig import Rig


@pytest.fixture
def rig() -> Rig:
    """A rig with the ModelDeployment growth/churn in it."""
    rig = Rig()
    rig.create()
    return rig
