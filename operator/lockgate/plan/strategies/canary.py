"""Canary: the candidate gets a growing part of the traffic, as the author drew it, and then all of it."""

from dataclasses import replace

from lockgate.api.strategy import Canary, CanaryStep, Capacity
from lockgate.domain.plan import Step
from lockgate.plan.gates.analysed import analysed
from lockgate.plan.gates.available import available
from lockgate.plan.gates.paused import held_by
from lockgate.plan.gates.routed import routed
from lockgate.plan.strategies.whole import WHOLE


def steps(block: Canary) -> tuple[Step, ...]:
    """One for each of the author's, and the last, in which the candidate has all."""
    gives_way = block.capacity is Capacity.RESOURCE_AWARE
    return (*(_step(step, gives_way) for step in block.steps), replace(WHOLE, gives_way=gives_way))


def _step(step: CanaryStep, gives_way: bool) -> Step:
    return Step(
        replicas=_percent(step),
        weight=step.weight,
        in_place=False,
        gates=(available, routed, analysed, *held_by(step.pause)),
        match=step.match,
        mirror=step.mirror,
        gives_way=gives_way,
    )


def _percent(step: CanaryStep) -> int:
    """Of all pods: as many as the requests and the copies of requests ask for, where nothing is given."""
    return min(100, max(1, step.weight + step.mirror)) if step.replicas is None else step.replicas
