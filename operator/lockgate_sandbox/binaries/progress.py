"""What a person sees while programs are built: which one, how long, how far, what is left.

On a terminal one line that moves; elsewhere a plain line every fifteen seconds. Counts nothing itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

_QUIET_SECONDS = 15.0
_LIVE_SECONDS = 0.2
_SPINNER = "|/-\\"


class Progress:
    """The story of one tool's build, told to one stream."""

    def __init__(self, tool: str, left: Sequence[str], out: TextIO | None = None) -> None:
        """`left` names the tools that come after this one."""
        self._tool = tool
        self._left = f"; then {', '.join(left)}" if left else ""
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._began = time.monotonic()
        self._told = 0.0 if self._live else self._began
        self._turn = 0

    def tick(self, doing: str) -> None:
        """Show what is being done, as often as suits the stream; cheap enough to call all the time."""
        now = time.monotonic()
        if now - self._told < (_LIVE_SECONDS if self._live else _QUIET_SECONDS):
            return
        self._told = now
        self._turn += 1
        if self._live:
            sign = _SPINNER[self._turn % len(_SPINNER)]
            self._write(f"\r\033[K{sign} {self._tool:<12}{self._elapsed():>7}  {doing}{self._left}")
        else:
            self.say(f"{doing}{self._left}")

    def say(self, words: str) -> None:
        """A line that stays."""
        erase = "\r\033[K" if self._live else ""
        self._write(f"{erase}  {self._tool:<12}{self._elapsed():>7}  {words}\n")

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
