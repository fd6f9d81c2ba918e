"""What the demo prints: steps with the time they take, and tables that grow as things happen.

Lines only, so that a terminal, a log and a pipe show the same. No decisions are made here.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence

_SIGN_OF_LIFE_SECONDS = 5.0


class Screen:
    """Standard output, in the demo's voice."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._colour = sys.stdout.isatty()

    def title(self, text: str) -> None:
        """The beginning of an act."""
        print(f"\n{self._paint('1', text)}", flush=True)

    def say(self, text: str) -> None:
        """A line."""
        print(f"  {text}", flush=True)

    def good(self, text: str) -> None:
        """A line that says that something held."""
        print(f"  {self._paint('32', '✓')} {text}", flush=True)

    def fail(self, text: str) -> None:
        """The last line of a demo that could not go on."""
        print(f"\n{self._paint('31', '✗')} {text}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A step: its name at once, signs of life while it lasts, its duration at its end."""
        begun = time.monotonic()
        print(f"  · {text} …", flush=True)
        ended = threading.Event()
        alive = threading.Thread(target=self._show_life, args=(text, begun, ended), daemon=True)
        alive.start()
        try:
            yield
        finally:
            ended.set()
            alive.join()
        self.good(f"{text} ({time.monotonic() - begun:.1f} s)")

    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self.started

    def _show_life(self, text: str, begun: float, ended: threading.Event) -> None:
        while not ended.wait(_SIGN_OF_LIFE_SECONDS):
            print(f"    still at it: {text}, {time.monotonic() - begun:.0f} s", flush=True)

    def _paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colour else text


class Table:
    """A table that is printed row by row."""

    def __init__(self, screen: Screen, columns: Sequence[tuple[str, int]]) -> None:
        self._screen = screen
        self._widths = [width for _, width in columns]
        self.row(*(name for name, _ in columns))

    def row(self, *cells: str) -> None:
        """One more row; a cell that is too long is cut."""
        padded = (f"{cell[:width]:<{width}}" for cell, width in zip(cells, self._widths, strict=True))
        self._screen.say("  ".join(padded).rstrip())
