"""Strategies: each is a function from its block of the spec to steps, and nothing else."""

from lockgate.api.spec import Rolling
from lockgate.domain.plan import Step
from lockgate.plan.strategies import rolling

_STEPS = {Rolling: rolling.steps}


def steps_of(block: Rolling) -> tuple[Step, ...]:
    """The steps of a strategy; never none."""
    return _STEPS[type(block)](block)
