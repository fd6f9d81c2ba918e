"""Shadow: the candidate gets copies of requests, its answers go nowhere, until it is switched to."""

from lockgate.api.strategy import Shadow
from lockgate.domain.plan import Step
from lockgate.plan.gates.analysed import analysed
from lockgate.plan.gates.available import available
from lockgate.plan.gates.paused import held_by
from lockgate.plan.gates.routed import routed
from lockgate.plan.strategies.whole import WHOLE


def steps(block: Shadow) -> tuple[Step, ...]:
    """A time in the shadow, with pods for as many requests as are copied, and the switch."""
    gates = (available, routed, analysed, *held_by(block.pause))
    shadow = Step(replicas=block.mirror, weight=0, in_place=False, gates=gates, mirror=block.mirror)
    return (shadow, WHOLE)
