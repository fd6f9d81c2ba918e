"""Whose request is this, and how urgent? One errand is one pass, or what is done beside passes.

The session asks it of the context that a request is made in, so that nobody between has to hand
it on. An errand that becomes urgent while its request waits is moved forward at once, and given up
in its turn: what it would write rests on what a person has just replaced.
"""

from collections.abc import Callable
from contextvars import ContextVar


class Errand:
    """One pass, as those see it who serve it."""

    __slots__ = ("_hurried", "overtaken", "urgent")

    def __init__(self, *, urgent: bool = False) -> None:
        self.urgent = urgent
        self.overtaken = False
        self._hurried: dict[Callable[[], None], None] = {}

    def hurry(self) -> None:
        """A person has written meanwhile, and waits for its end and for the next one."""
        self.overtaken = True
        if not self.urgent:
            self.urgent = True
            for tell in tuple(self._hurried):
                tell()

    def listen(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the errand becomes urgent."""
        self._hurried[tell] = None

    def ignore(self, tell: Callable[[], None]) -> None:
        """The opposite of `listen`."""
        self._hurried.pop(tell, None)


PRESENT_ERRAND: ContextVar[Errand | None] = ContextVar("present_errand", default=None)
