"""Tables without a frame: headings, columns as wide as they need, and what gives way where room is short.

A column that may be cut is, down to its least width; then whole columns go, the least wanted first. The
last one may go on below itself. Without a width nothing is cut and nothing goes. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.cli.lines import Line, Span, Tone, cells, clip, line, plain, spread, width, wrap

_GAP = "   "
_NARROW_GAP = "  "
_NARROW = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A heading, and how the column gives way.

    `least` is down to how many cells its texts may be cut; None means not at all. `rank` says what goes
    first where cutting is not enough: the highest; 0 stays.
    """

    name: str
    least: int | None = None
    rank: int = 0


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Line]], room: int | None, *, lines: int = 1
) -> list[Line]:
    """The lines of a table in so many cells, headings first; columns in which nothing stands are left out.

    A row takes at most so many `lines`.
    """
    shown = [number for number in range(len(columns)) if columns[number].rank == 0 or _says(rows, number)]
    gap = _GAP if room is None or room > _NARROW else _NARROW_GAP
    while True:
        widths = [max(cells(columns[n].name), *(width(row[n]) for row in rows), 0) for n in shown]
        fits = _fitted([columns[n] for n in shown], widths, room, len(gap))
        dropped = max(shown, key=lambda n: columns[n].rank)
        if fits or columns[dropped].rank == 0:
            break
        shown.remove(dropped)
    heading = [line(Span(columns[n].name, Tone.FAINT)) for n in shown]
    made = [spread(heading, widths, gap)]
    for row in rows:
        made += _row([row[n] for n in shown], widths, gap, lines)
    return made


def _row(texts: Sequence[Line], widths: Sequence[int], gap: str, lines: int) -> list[Line]:
    """A row, of which the last text goes on below itself as long as it may."""
    cut = [clip(text, room) for text, room in zip(texts, widths, strict=True)]
    rest = [cut[-1]]
    if lines > 1 and cut[-1] != texts[-1]:
        rest = wrap(plain(texts[-1]), widths[-1], texts[-1][0].tone)
        if len(rest) > lines:
            rest = [*rest[: lines - 1], clip((*rest[lines - 1], Span(" …", texts[-1][0].tone)), widths[-1])]
    beside = [*cut[:-1]], *([line()] * (len(cut) - 1) for _ in rest[1:])
    return [spread([*cells_, last], widths, gap) for cells_, last in zip(beside, rest, strict=True)]


def _says(rows: Sequence[Sequence[Line]], number: int) -> bool:
    return any(width(row[number]) for row in rows)


def _fitted(columns: Sequence[Column], widths: list[int], room: int | None, gap: int) -> bool:
    """Narrow what may be narrowed, the widest first; whether all fits then."""
    if room is None:
        return True
    excess = sum(widths) + gap * (len(widths) - 1) - room
    while excess > 0:
        yielding = [
            number
            for number, column in enumerate(columns)
            if column.least is not None and widths[number] > max(column.least, cells(column.name))
        ]
        if not yielding:
            return False
        widest = max(yielding, key=widths.__getitem__)
        widths[widest] -= 1
        excess -= 1
    return True
