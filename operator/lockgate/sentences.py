"""How a text that a person will read is made: bounded, on one line, with nothing hidden in it.

Names of files, metadata, answers of servers and messages of pods are written by strangers. What
enters a condition, a history entry, an Event or an error goes through here where it is made, so
that no text can make a status unwritable, steer a terminal or fill a page. Pure.
"""

from collections.abc import Iterable
from typing import Final

SENTENCE_LIMIT: Final = 1000
"""Characters of a condition's message; the schema leaves room above it."""
CAUSE_LIMIT: Final = 500
"""Characters of what is told inside another sentence, so that the fix after it is still read."""
NOTE_LIMIT_BYTES: Final = 1024
"""Bytes of an Event's note, as the API server counts them."""
_MARK: Final = "…"


def sentence(text: object, limit: int = SENTENCE_LIMIT) -> str:
    """The text on one line, printable, at most so many characters, and never empty."""
    # Cut twice: the first bounds the work, for a stranger's text may be as long as a stranger likes.
    told = printable(str(text)[: 4 * limit])
    if len(told) > limit:
        told = told[: limit - len(_MARK)].rstrip() + _MARK
    return told or "no more is known"


def cause(text: object) -> str:
    """A text that will stand inside a longer sentence."""
    return sentence(text, CAUSE_LIMIT)


def note(text: object) -> str:
    """A text that fits an Event, whose limit is in bytes."""
    told = sentence(text)
    if len(told.encode()) <= NOTE_LIMIT_BYTES:
        return told
    room = NOTE_LIMIT_BYTES - len(_MARK.encode())
    return told.encode()[:room].decode("utf-8", "ignore").rstrip() + _MARK


def printable(text: str) -> str:
    """Without control characters, escape codes, hidden marks, lone surrogates and line breaks."""
    if not text.isprintable():
        text = "".join(mark if mark.isprintable() else " " for mark in text)
    return " ".join(text.split())


def is_name(text: object, limit: int) -> bool:
    """Whether this is a text that may stand in a status as it is: not empty, bounded, printable."""
    return isinstance(text, str) and 0 < len(text) <= limit and text.isprintable()


def listed(names: Iterable[str], most: int = 3) -> str:
    """A few names as people say them: "a", "a and b", "a, b, c and 28 more"."""
    known = list(names)
    shown = [sentence(name, 100) for name in known[:most]]
    if len(known) > most:
        shown.append(f"{len(known) - most} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))
