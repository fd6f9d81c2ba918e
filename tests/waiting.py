"""The one way in which tests wait: for a condition, with a deadline that only a failure reaches."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Far more than anything takes, also on a machine that has much else to do.
PATIENCE_SECONDS = 60.0
# What has not come at once is not asked for all the time: who is asked has to answer.
RAREST_SECONDS = 0.2


def wait_until(
    what: str,
    holds: Callable[[], T],
    within: float = PATIENCE_SECONDS,
    every: float = 0.02,
    tell: Callable[[], str] = str,
) -> T:
    """What `holds` gave when it was true at last; fails with what `tell` says of the surroundings.

    It is asked `every` so many seconds at first, and ever more rarely.
    """
    end, pause = time.monotonic() + within, every
    while not (answer := holds()):
        assert time.monotonic() < end, f"not within {within:g} s: {what}, but {answer!r}\n{tell()}"
        time.sleep(pause)
        pause = min(1.1 * pause, max(every, RAREST_SECONDS))
    return answer
