"""Where lines are shown: as plain text, in colours at a terminal, or over and over in the same place.

The one door for rich, which is an extra: without it everything is plain, and that is said once. What
is shown has been laid out before, so that it is the same either way.
"""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from lockgate.cli.lines import Line, Tone, clip, line, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

_STYLES: Final = {
    Tone.STRONG: "bold",
    Tone.FAINT: "dim",
    Tone.GOOD: "green",
    Tone.BUSY: "yellow",
    Tone.BAD: "bold red",
}
_LEAST_ROOM: Final = 40
_USUAL_ROOM, _USUAL_ROWS = 80, 24
MISSING: Final = (
    "colours and the live view need the package rich, which is not installed; plain text follows "
    "(pip install rich)"
)


class When(StrEnum):
    """When there are colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Screen(Protocol):
    """A place whose contents can be replaced as a whole."""

    def show(self, lines: Sequence[Line]) -> None:
        """Show these and nothing else."""


class Painter:
    """Standard output, or another stream, as lines are written to it."""

    def __init__(self, stream: TextIO, when: When = When.AUTO, room: int | None = None) -> None:
        """`room` is the width in cells; None means that of the terminal, and none for what is no terminal."""
        self._stream = stream
        self.is_terminal = stream.isatty()
        wanted = when is When.ALWAYS or (when is When.AUTO and self.is_terminal and _may_be_coloured())
        self._console = _console(stream) if wanted else None
        self.is_rich_missing = wanted and self._console is None
        self._room = room

    @property
    def room(self) -> int | None:
        """Cells of a line; None where lines may be of any length."""
        return self._size()[0] if self.is_terminal and self._room is None else self._room

    def print(self, *lines: Line) -> None:
        """Write lines."""
        for shown in lines:
            if self._console is None:
                self._stream.write(plain(shown) + "\n")
            else:
                self._console.print(_text(shown), soft_wrap=True)
        self._stream.flush()

    def write(self, text: str) -> None:
        """Write a document as it is."""
        self._stream.write(text)
        self._stream.flush()

    @contextlib.contextmanager
    def screen(self) -> Iterator[Screen | None]:
        """A live view for as long as it is open; None where there can be none."""
        if self._console is None or not self.is_terminal:
            yield None
            return
        from rich.live import Live

        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            yield _Live(self, live)

    def fitted(self, lines: Sequence[Line]) -> list[Line]:
        """As many lines as the terminal is high, and how many more there would be."""
        rows = self._size()[1] - 1
        if len(lines) <= rows:
            return list(lines)
        return [
            *lines[: rows - 1],
            line(f"… and {len(lines) - rows + 1} more lines; name what you want to see"),
        ]

    def _size(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except OSError:
            columns, rows = 0, 0
        return max(columns or _USUAL_ROOM, _LEAST_ROOM), max(rows or _USUAL_ROWS, 5)


class _Live:
    """Rich's live display, fed with lines."""

    def __init__(self, painter: Painter, live: "Live") -> None:
        self._painter = painter
        self._live = live

    def show(self, lines: Sequence[Line]) -> None:
        """Show these and nothing else."""
        from rich.text import Text

        room = self._painter.room or _USUAL_ROOM
        fitted = (clip(shown, room) for shown in self._painter.fitted(lines))
        self._live.update(Text("\n", no_wrap=True).join(map(_text, fitted)), refresh=True)


def complain(words: Iterable[str]) -> None:
    """Say something on standard error, which is never taken for output."""
    with contextlib.suppress(OSError):
        for text in words:
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _may_be_coloured() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _console(stream: TextIO) -> "Console | None":
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)


def _text(shown: Line) -> "Text":
    from rich.text import Text

    text = Text(no_wrap=True, overflow="ignore", end="")
    for span in shown:
        text.append(span.text, _STYLES.get(span.tone))
    return text
