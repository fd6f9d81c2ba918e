"""Blue-green: the candidate stands whole beside stable, is looked at, and is switched to at once."""

from lockgate.api.strategy import BlueGreen
from lockgate.domain.plan import Step
from lockgate.plan.gates.analysed import analysed
from lockgate.plan.gates.available import available
from lockgate.plan.gates.paused import held_by
from lockgate.plan.gates.routed import routed
from lockgate.plan.strategies.whole import WHOLE


def steps(block: BlueGreen) -> tuple[Step, ...]:
    """A look beforehand, and the switch."""
    gates = (available, routed, analysed, *held_by(block.pause))
    return (Step(replicas=100, weight=0, in_place=False, gates=gates), WHOLE)
