"""Do requests wait for one another within the API server?

Where many at once take each much longer than one alone, more at once get nothing done sooner: they
only wait where nothing overtakes them. It shows when most answers take much longer than the quickest
of late; TCP Vegas compares round trips so (Brakmo and Peterson, 1995).
"""

from math import inf

_MUCH_LONGER = 3.0
_AT_LEAST_SECONDS = 0.001
_MEMORY = 1 / 32
# What was quick is believed for up to twice as long: the API server may have moved since.
_BELIEVED_SECONDS = 900.0


class Crowding:
    """Compares what each answer took with the quickest."""

    def __init__(self) -> None:
        self._quickest = self._quickest_before = inf
        self._since = 0.0
        self._crowded = 0.0

    def note(self, seconds: float, now: float) -> None:
        """A write that was done took so long."""
        if now - self._since > _BELIEVED_SECONDS:
            self._quickest_before, self._quickest, self._since = self._quickest, inf, now
        self._quickest = min(self._quickest, max(seconds, _AT_LEAST_SECONDS))
        much = _MUCH_LONGER * min(self._quickest, self._quickest_before)
        self._crowded += _MEMORY * ((seconds > much) - self._crowded)

    @property
    def is_felt(self) -> bool:
        """Whether most of the last few dozen took much longer than they need."""
        return self._crowded > 0.5
