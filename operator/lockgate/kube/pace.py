"""Which namespace is served slowly by itself, while others are served well?

An admission webhook that is away makes the writes of one namespace hang; that says nothing of the
API server. When nobody is served better, or most are slow, it is the API server itself.
"""

from collections import OrderedDict
from collections.abc import Container
from math import inf

SLOW_SECONDS = 1.0
_HANGS_SECONDS = 4.0
_MEMORY = 1 / 4
# So many may hang each for a reason of its own; more only where as many others are served well.
_FEW = 3
_SLOW_FROM = 0.5
_SLOW_FOR_SECONDS = 600.0
_QUICK_FOR_SECONDS = 60.0
_MOST_QUICK = 64


class Pace:
    """How fast each namespace was served of late."""

    def __init__(self) -> None:
        self._slow: dict[str, tuple[float, float]] = {}
        # Who was served quickly and when, the last of them last.
        self._quick: OrderedDict[str, float] = OrderedDict()

    def judge(self, whose: str, seconds: float, now: float) -> bool:
        """Note how fast a namespace is served; whether it is slow by itself alone."""
        if not whose:
            return False
        known = self._slow.pop(whose, (0.0, 0.0))[0]
        known += _MEMORY * ((seconds > _HANGS_SECONDS) - known)
        if seconds < SLOW_SECONDS:
            self._quick[whose] = now
            self._quick.move_to_end(whose)
            if len(self._quick) > _MOST_QUICK:
                self._quick.popitem(last=False)
        if known > _MEMORY / 4:
            # The last to be judged comes last, and whoever was not judged for long is forgotten.
            self._slow[whose] = (known, now)
        while self._slow and next(iter(self._slow.values()))[1] < now - _SLOW_FOR_SECONDS:
            del self._slow[next(iter(self._slow))]
        return self.is_slow(whose, now)

    def is_slow(self, whose: str, now: float) -> bool:
        """Whether most of its requests hang, and those of others do not."""
        if self._slow.get(whose, (0.0, 0.0))[0] < _SLOW_FROM or not self.is_another_quick((whose,), now):
            return False
        hanging = [name for name, (known, _) in self._slow.items() if known >= _SLOW_FROM]
        return len(hanging) <= _FEW or len(hanging) <= len(self._quick.keys() - hanging)

    def is_another_quick(self, those: Container[str], now: float) -> bool:
        """Whether somebody else than those was served quickly of late."""
        return self._last_quick(those) >= now - _QUICK_FOR_SECONDS

    def is_overtaken(self, whose: str, began: float) -> bool:
        """Whether somebody else was served quickly while a request that began then should long have been."""
        return self._last_quick((whose,)) > began + SLOW_SECONDS

    def _last_quick(self, but: Container[str]) -> float:
        return next((at for name, at in reversed(self._quick.items()) if name not in but), -inf)
