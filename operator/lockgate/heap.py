"""When does Python look for garbage? Rarely, and never through all that is known of the cluster.

Reference counts free nearly everything. What is left are cycles, and whoever looks for them in a
heap of a thousand deployments holds every thread for a second. What has lasted is set aside.
"""

import asyncio
import gc
import sys
from collections.abc import Callable

LOOK_SECONDS = 2.0
# Set aside anew when there is so much more than the last time: a few times in a process's life.
GROWN = 1.25
# Young objects are looked through when there are so many; Python's own 700 is a small script's.
YOUNG, MIDDLE, OLD = 10_000, 20, 50


class Heap:
    """Sets aside what has lasted whenever the heap has grown."""

    def __init__(self, is_quiet: Callable[[], bool]) -> None:
        """`is_quiet`: nobody would wait for a thorough look."""
        self._is_quiet = is_quiet
        self._blocks = 0
        gc.set_threshold(YOUNG, MIDDLE, OLD)

    def set_aside(self) -> bool:
        """Keep what there is out of all later looks, if there is much more than the last time."""
        blocks = sys.getallocatedblocks()
        if blocks < GROWN * self._blocks:
            return False
        # What is garbage now would never be found again; amid work the young part must do.
        gc.collect(2 if self._is_quiet() else 1)
        gc.freeze()
        self._blocks = blocks
        return True

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            self.set_aside()
            await asyncio.sleep(LOOK_SECONDS)
