"""Lines of text with tones: what the tool shows, before anybody knows where it will be shown.

A text enters a line through `Span`, which takes from it whatever could steer a terminal. Widths are
in the cells of a terminal, where some signs take two and some none. Pure.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

_MARK: Final = "…"
_HIDDEN: Final = "\N{REPLACEMENT CHARACTER}"


class Tone(StrEnum):
    """What a piece of text is for the reader, not how it looks."""

    PLAIN = "plain"
    STRONG = "strong"
    FAINT = "faint"
    GOOD = "good"
    BUSY = "busy"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one tone; signs that are not printable are made visible."""

    text: str
    tone: Tone = Tone.PLAIN

    def __post_init__(self) -> None:
        if not self.text.isprintable():
            shown = "".join(sign if sign.isprintable() else _HIDDEN for sign in self.text)
            object.__setattr__(self, "text", shown)


Line = tuple[Span, ...]
EMPTY: Final[Line] = ()


def line(*parts: "str | Span") -> Line:
    """A line of these; texts are plain."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def plain(shown: Line) -> str:
    """The text of a line."""
    return "".join(span.text for span in shown)


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells_of, text))


def width(shown: Line) -> int:
    """How many cells a line takes."""
    return sum(cells(span.text) for span in shown)


def clip(shown: Line, room: int) -> Line:
    """A line that takes at most so many cells; what is cut off leaves a mark."""
    if width(shown) <= room:
        return shown
    kept: list[Span] = []
    room -= cells(_MARK)
    for span in shown:
        text = _head(span.text, room)
        room -= cells(text)
        kept.append(replace(span, text=text))
        if text != span.text:
            break
    last = kept[-1] if kept else Span("")
    return (*kept[:-1], replace(last, text=last.text.rstrip() + _MARK)) if room >= 0 else EMPTY


def fill(shown: Line, room: int) -> Line:
    """A line that takes at least so many cells."""
    missing = room - width(shown)
    return (*shown, Span(" " * missing)) if missing > 0 else shown


def wrap(text: str, room: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """A text broken between words into lines of so many cells; a word that is too long is cut."""
    lines: list[Line] = []
    present = ""
    for word in text.split():
        longer = f"{present} {word}" if present else word
        if present and cells(longer) > room:
            lines.append(clip((Span(present, tone),), room))
            longer = word
        present = longer
    return [*lines, clip((Span(present, tone),), room)] if present else lines


def spread(columns: Sequence[Line], widths: Iterable[int], gap: str = "   ") -> Line:
    """Cells side by side, each filled up to the width of its column, with nothing after the last."""
    spans: list[Span] = []
    for number, (cell, room) in enumerate(zip(columns, widths, strict=True)):
        is_last = number == len(columns) - 1
        spans += (*cell,) if is_last else (*fill(cell, room), Span(gap))
    while spans and not spans[-1].text.strip():
        spans.pop()
    return tuple(spans)


def _head(text: str, room: int) -> str:
    if text.isascii():
        return text[: max(room, 0)]
    taken = 0
    for number, sign in enumerate(text):
        taken += _cells_of(sign)
        if taken > room:
            return text[:number]
    return text


def _cells_of(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
