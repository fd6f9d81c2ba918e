"""Several long-lived arms as one split: shares multiplied, rounded so that they make a hundred. Pure."""

from collections.abc import Sequence

from lockgate.domain.split import TrafficSplit, Weights


def compose(arms: Sequence[tuple[int, Weights]]) -> TrafficSplit:
    """The split of arms with so many percent each, within which each has a split of its own.

    Rounded by largest remainder, in a stable order; ValueError when the shares make no hundred.
    """
    if sum(share for share, _ in arms) != 100:
        raise ValueError(f"shares that make no hundred: {[share for share, _ in arms]}")
    exact = [(name, share * weight) for share, weights in arms for name, weight in weights]
    parts = {name: hundredths // 100 for name, hundredths in exact}
    missing = 100 - sum(parts.values())
    for name, _ in sorted(exact, key=lambda each: (-(each[1] % 100), each[0]))[:missing]:
        parts[name] += 1
    return TrafficSplit(weights=tuple(parts.items()))
