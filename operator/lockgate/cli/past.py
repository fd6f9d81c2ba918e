"""`history`: the rollouts of one ModelDeployment, the one that is under way first. Pure."""

from datetime import datetime

from lockgate.cli.lines import Line, Span, Tone, line
from lockgate.cli.seen import Ended, Seen
from lockgate.cli.tables import Column, table
from lockgate.cli.words import lasting, since, stamp, tone_of

_COLUMNS = (
    Column(name="ENDED (UTC)", rank=4),
    Column(name="AGO", rank=3),
    Column(name="OUTCOME"),
    Column(name="VERSION", least=6),
    Column(name="RELEASE", rank=5),
    Column(name="TRIGGER", rank=6),
    Column(name="BY", least=8, rank=2),
    Column(name="TOOK", rank=7),
    Column(name="WHY", least=26, rank=1),
)
_LINES = 4


def history(one: Seen, now: datetime, room: int | None) -> list[Line]:
    """The table of `history`; what serves is strong."""
    running = [_running(one, now)] if one.candidate else []
    return table(_COLUMNS, [*running, *(_row(one, ended, now) for ended in one.history)], room, lines=_LINES)


def _running(one: Seen, now: datetime) -> list[Line]:
    assert one.candidate is not None
    took = since(one.started_at, now)
    return [
        line(Span("under way", Tone.FAINT)),
        line(),
        line(Span("Running", tone_of("Running"))),
        line(one.candidate.version),
        line(one.candidate.release or ""),
        line(one.trigger),
        line(),
        line(f"{took} so far" if took else ""),
        line(f"step {one.step}" if one.step else ""),
    ]


def _row(one: Seen, ended: Ended, now: datetime) -> list[Line]:
    revision = ended.revision
    serves = ended.outcome == "Promoted" and revision.is_same(one.stable)
    took = ended.finished_at - ended.started_at if ended.finished_at and ended.started_at else None
    return [
        line(stamp(ended.finished_at)),
        line(since(ended.finished_at, now)),
        line(Span(ended.outcome, tone_of(ended.outcome))),
        line(Span(revision.version, Tone.STRONG if serves else Tone.PLAIN)),
        line(revision.release or ""),
        line(ended.trigger),
        line(ended.by),
        line("" if took is None else lasting(took)),
        line(Span(ended.message, Tone.FAINT)),
    ]
