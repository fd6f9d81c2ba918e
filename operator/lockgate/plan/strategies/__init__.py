"""Strategies: each is a function from its block of the spec to steps, and nothing else."""

from collections.abc import Callable
from typing import Any

from lockgate.api.strategy import BlueGreen, Canary, Rolling, Shadow, Strategy
from lockgate.domain.plan import Step
from lockgate.plan.strategies import blue_green, canary, rolling, shadow

_STEPS: dict[type, Callable[[Any], tuple[Step, ...]]] = {
    Rolling: rolling.steps,
    Canary: canary.steps,
    BlueGreen: blue_green.steps,
    Shadow: shadow.steps,
}


def steps_of(block: Strategy) -> tuple[Step, ...]:
    """The steps of a strategy; never none, and with the last the candidate has all there is."""
    return _STEPS[type(block)](block)
