"""`get`: a line for each ModelDeployment, and below it why it is not at rest if that has no room. Pure."""

from collections.abc import Sequence
from datetime import datetime

from lockgate.cli.lines import Line, Span, Tone, clip, line, width, wrap
from lockgate.cli.seen import Seen
from lockgate.cli.tables import Column, table
from lockgate.cli.words import since, tone_of
from lockgate.names import ConditionType, Reason

_CANDIDATE = "candidate"
_COLUMNS = (
    Column(name="NAME", least=12),
    Column(name="FOLLOWS", least=10, rank=5),
    Column(name="SERVES"),
    Column(name="NEXT", rank=1),
    Column(name="STEP", rank=3),
    Column(name="TRAFFIC", rank=4),
    Column(name="STATE"),
    Column(name="AGE", rank=6),
    Column(name="WHY", rank=2),
)
_MOST_BELOW = 2
_WIDE = (
    Column(name="MODEL", least=12, rank=7),
    Column(name="RUNTIME", least=8, rank=9),
    Column(name="PODS", rank=10),
    Column(name="RELEASE", rank=8),
)


def listing(
    deployments: Sequence[Seen],
    now: datetime,
    room: int | None,
    *,
    namespaces: bool = False,
    wide: bool = False,
    headings: bool = True,
) -> list[Line]:
    """The table of `get`; with `namespaces` each line names its own."""
    columns, extra = list(_COLUMNS), _WIDE if wide else ()
    if namespaces:
        columns.insert(0, Column(name="NAMESPACE", least=10))
    columns[-1:-1] = extra
    rows = []
    for one in deployments:
        cells = [line(one.namespace)] if namespaces else []
        cells += _row(one, now)
        cells[-1:-1] = _wide_row(one) if wide else []
        rows.append(cells)
    lines = table(columns, rows, None)
    if room is not None and max(map(width, lines)) > room:
        head, *short = table(columns[:-1], [row[:-1] for row in rows], room)
        below = ([] if _is_at_rest(one) else _below(_why(one), room) for one in deployments)
        lines = [head, *(shown for first, rest in zip(short, below, strict=True) for shown in (first, *rest))]
    return lines[0 if headings else 1 :]


def _below(why: Span, room: int) -> list[Line]:
    lines = wrap(why.text, room - 2, why.tone)
    if len(lines) > _MOST_BELOW:
        last = clip((*lines[_MOST_BELOW - 1], Span(" …", why.tone)), room - 2)
        lines = [*lines[: _MOST_BELOW - 1], last]
    return [line("  ", *shown) for shown in lines]


def _is_at_rest(one: Seen) -> bool:
    ready = one.says(ConditionType.READY)
    # Who serves on although the alias is gone is ready as well, and has something to say.
    return one.is_caught_up and ready is not None and ready.reason == Reason.ROLLED_OUT


def _row(one: Seen, now: datetime) -> list[Line]:
    pin = one.pinned(now)
    follows = Span(f"pinned {pin.version}", Tone.STRONG) if pin else Span(one.alias)
    serves = one.stable.version if one.stable else ""
    weight = one.weight(_CANDIDATE)
    phase = one.phase or "Unseen"
    return [
        line(Span(one.name, Tone.STRONG)),
        line(follows),
        line(serves or Span("-", Tone.FAINT)),
        line(_following(one)),
        line(one.step),
        line("" if weight is None or one.candidate is None else f"{weight} %"),
        line(Span(phase, tone_of(phase))),
        line(since(one.created, now)),
        line(_why(one)),
    ]


def _following(one: Seen) -> Span:
    """What is rolled out, or should be and is not."""
    following = one.candidate or one.desired
    if following is None or following.is_same(one.stable):
        return Span("")
    if one.candidate is None and any(following.is_same(failed) for failed in one.failed):
        return Span(f"{following.version} aborted", Tone.BAD)
    return Span(following.version, Tone.BUSY)


def _wide_row(one: Seen) -> list[Line]:
    release = one.stable.release if one.stable else None
    return [line(one.model), line(one.runtime), line(str(one.replicas)), line(release or "")]


def _why(one: Seen) -> Span:
    if not one.phase:
        return Span("no operator has looked at it yet", Tone.BUSY)
    ready = one.says(ConditionType.READY)
    if not one.is_caught_up:
        return Span("the last edit was not looked at yet", Tone.BUSY)
    if ready is None:
        return Span("")
    return Span(ready.message, Tone.FAINT if _is_at_rest(one) else Tone.PLAIN)
