"""Lets a test move the clock of a Python program: seconds in the file named by LOCKGATE_TEST_CLOCK.

Python imports this by itself at start when its directory is on the path. Only what the clock on
the wall says moves; what measures how long something took (monotonic) does not, as on a machine.
"""

import datetime
import os
import time
from pathlib import Path

_real_time, _Real = time.time, datetime.datetime


def _offset() -> float:
    try:
        # Asked each time: who was forked has another one than who forked it.
        return float(Path(os.environ["LOCKGATE_TEST_CLOCK"]).read_text() or 0)
    except (KeyError, OSError, ValueError):
        return 0.0


class _Kind(type(_Real)):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Real)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, _Real)


class _Moved(_Real, metaclass=_Kind):
    @classmethod
    def now(cls, tz=None):
        return _Real.now(tz) + datetime.timedelta(seconds=_offset())

    @classmethod
    def utcnow(cls):
        return cls.now(datetime.UTC).replace(tzinfo=None)


if os.environ.get("LOCKGATE_TEST_CLOCK"):
    time.time = lambda: _real_time() + _offset()
    datetime.datetime = _Moved
