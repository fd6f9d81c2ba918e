"""Long-lived arms beside a rollout: who of them gets its part now, and what that is of the whole. Pure.

An arm rolls out by itself, as a ModelDeployment of its own; nothing here knows how. One that does not
answer gets nothing, and its part is that of the ModelDeployment it stands beside.
"""

from collections.abc import Sequence
from dataclasses import replace

from lockgate.api.strategy import Variant
from lockgate.domain.observed import Observed
from lockgate.domain.plan import Stage
from lockgate.domain.split import WHOLE, Arm, TrafficSplit, Weights


def with_arms(stage: Stage, variants: Sequence[Variant], observed: Observed) -> Stage:
    """The stage with a part of the traffic for each variant that answers; without a route there is none."""
    if stage.split is None or not variants:
        return stage
    answering = {arm.name for arm in observed.arms if arm.answers}
    arms = tuple(
        Arm(each.name, each.weight, each.match, each.cookie)
        for each in variants
        # Who is to have no pods is let go of first.
        if each.name in answering and each.has_pods
    )
    return replace(stage, split=replace(stage.split, arms=arms))


def compose(arms: Sequence[tuple[int, Weights]]) -> TrafficSplit:
    """What everybody gets of the whole, of arms with so many percent each, within which each has a split.

    Rounded by largest remainder, in a stable order; ValueError when the shares make no hundred.
    """
    if sum(share for share, _ in arms) != WHOLE:
        raise ValueError(f"shares that make no hundred: {[share for share, _ in arms]}")
    exact = [(name, share * weight) for share, weights in arms for name, weight in weights]
    parts = {name: hundredths // WHOLE for name, hundredths in exact}
    missing = WHOLE - sum(parts.values())
    for name, _ in sorted(exact, key=lambda each: (-(each[1] % WHOLE), each[0]))[:missing]:
        parts[name] += 1
    return TrafficSplit(weights=tuple(parts.items()))
