"""Whose request is this, and how urgent? One errand is one pass, or what is done beside passes.

The session asks it of the context that a request is made in, so that nobody between has to hand
it on. An errand that becomes urgent while its request waits is moved forward at once, and given up
in its turn: what it would write rests on what a person has just replaced. One that waits for nothing
that its pods need, or for a namespace that hangs, makes room for another to begin.
"""

from collections.abc import Callable
from contextvars import ContextVar


class Errand:
    """One pass, as those see it who serve it."""

    __slots__ = ("_hurried", "_place", "overtaken", "urgent")

    def __init__(self, *, urgent: bool = False) -> None:
        self.urgent = urgent
        self.overtaken = False
        self._place: Callable[[], None] | None = None
        self._hurried: dict[Callable[[], None], None] = {}

    def hurry(self) -> None:
        """A person has written meanwhile, and waits for its end and for the next one."""
        self.overtaken = True
        if not self.urgent:
            self.urgent = True
            for tell in tuple(self._hurried):
                tell()

    def take(self, place: Callable[[], None]) -> None:
        """Have `place` called as soon as another may begin beside this one."""
        self._place = place

    def make_room(self) -> None:
        """Another may begin; only the first time counts."""
        place, self._place = self._place, None
        if place is not None:
            place()

    def listen(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the errand becomes urgent."""
        self._hurried[tell] = None

    def ignore(self, tell: Callable[[], None]) -> None:
        """The opposite of `listen`."""
        self._hurried.pop(tell, None)


PRESENT_ERRAND: ContextVar[Errand | None] = ContextVar("present_errand", default=None)
