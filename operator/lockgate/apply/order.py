"""In which order a stage is written: what grows, then what sends requests, then what shrinks. Pure.

So there is never a moment in which something is asked for and not there: a kill may come between any
two writes.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum

from lockgate.domain.drawing import Drawing
from lockgate.domain.resources import HTTP_ROUTE, Object

Known = tuple[Drawing, Object | None]
"""What should be, and what is there of it."""


class Turn(IntEnum):
    """When something is written."""

    GROW = 0
    ROUTE = 1
    SHRINK = 2


def in_order(known: Iterable[Known]) -> list[Known]:
    """Everything in its turn, and within a turn as it was drawn."""
    return sorted(known, key=turn_of)


def turn_of(known: Known) -> Turn:
    """When it is written: a workload that asks for fewer pods than before comes last."""
    drawing, seen = known
    if drawing.directs:
        return Turn.ROUTE
    if seen is None or drawing.release is None:
        return Turn.GROW
    asked, present = drawing.shape.pods(drawing.obj), drawing.shape.pods(seen)
    # The API server puts in one where none is asked for.
    return Turn.SHRINK if asked is not None and asked < (1 if present is None else present) else Turn.GROW


def moves_traffic(known: Sequence[Known]) -> bool:
    """Whether this is more than one workload with its Service, between which nothing can move."""
    workloads = sum(drawing.release is not None for drawing, _ in known)
    return workloads > 1 or any(drawing.obj["kind"] == HTTP_ROUTE.kind for drawing, _ in known)
