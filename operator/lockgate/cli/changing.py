"""`pin`, `unpin`, `rollback`, `pause`, `resume`: edit the spec, and tell what the operator says of the edit.

Each is one field of the spec, so that whoever keeps the manifest elsewhere can write the same there.
"""

import argparse
from collections.abc import Callable
from datetime import datetime

from lockgate.api.moments import format_time, parse_time
from lockgate.cli.failing import CliError, Exit, Outdated, Unanswered
from lockgate.cli.finding import find
from lockgate.cli.lines import Line, Span, Tone, line
from lockgate.cli.returning import way_back
from lockgate.cli.seen import Seen
from lockgate.cli.session import Session
from lockgate.cli.waiting import until
from lockgate.cli.words import duration, lasting, tone_of
from lockgate.clock import now
from lockgate.domain.resources import MODEL_DEPLOYMENT, Object
from lockgate.names import ConditionType, Reason
from lockgate.sentences import cause

Edit = Callable[[Seen], tuple[Object | None, str]]
"""From what is there to the fields of the spec to write (None: it is so already), and what that is called."""
_TRIES = 5
_ASKING = (Reason.WAITING_FOR_REGISTRY.value,)


async def pin(session: Session, options: argparse.Namespace) -> Exit:
    """Fix the version."""
    until_ = _moment(options)

    def edit(one: Seen) -> tuple[Object | None, str]:
        return _pinning(options.version, options.reason, until_), f"pinned to {options.version}"

    return await _change(session, options, edit)


async def rollback(session: Session, options: argparse.Namespace) -> Exit:
    """Fix a version that served before."""
    by = await session.who(options.by)

    def edit(one: Seen) -> tuple[Object | None, str]:
        version, origin = way_back(one, options.target)
        reason = f"rolled back from {origin}" if origin else "rolled back"
        reason += f" by {by}" if by else ""
        reason += f": {options.reason}" if options.reason else ""
        return _pinning(version, cause(reason), None), f"pinned to {version}, {reason}"

    code = await _change(session, options, edit)
    if code is Exit.DONE and not options.dry_run:
        hint = f"It stays there; to follow its alias again: kubectl lockgate unpin {options.name}"
        session.painter.print(line(Span(hint, Tone.FAINT)))
    return code


async def unpin(session: Session, options: argparse.Namespace) -> Exit:
    """Follow the alias again."""

    def edit(one: Seen) -> tuple[Object | None, str]:
        if one.pin is None:
            return None, f"not pinned; it follows {one.alias}"
        return {"pin": None}, f"follows {one.alias} again"

    return await _change(session, options, edit)


async def pause(session: Session, options: argparse.Namespace) -> Exit:
    """Hold everything."""

    def edit(one: Seen) -> tuple[Object | None, str]:
        return (None, "paused already") if one.suspended else ({"suspend": True}, "paused")

    return await _change(session, options, edit)


async def resume(session: Session, options: argparse.Namespace) -> Exit:
    """Go on."""

    def edit(one: Seen) -> tuple[Object | None, str]:
        return ({"suspend": False}, "resumed") if one.suspended else (None, "not paused")

    return await _change(session, options, edit)


def _pinning(version: str, reason: str, until_: datetime | None) -> Object:
    # A merge leaves what it does not name, and the end of an earlier pin is none of this one.
    return {"pin": {"version": version, "reason": reason, "until": until_ and format_time(until_)}}


def _moment(options: argparse.Namespace) -> datetime | None:
    if options.until is None:
        return None
    try:
        return now() + duration(options.until)
    except ValueError:
        pass
    try:
        return parse_time(options.until)
    except ValueError as error:
        raise CliError(
            f"--until {options.until} cannot be read ({error}); write a length such as 4h, or a moment such "
            "as 2026-01-05T18:00:00Z"
        ) from error


async def _change(session: Session, options: argparse.Namespace, edit: Edit) -> Exit:
    one = await find(session, options.name)
    for _ in range(_TRIES):
        fields, said = edit(one)
        if fields is None:
            session.painter.print(line(f"{one.name}: {said}"))
            return Exit.DONE
        version = one.raw["metadata"]["resourceVersion"]
        body: Object = {"metadata": {"resourceVersion": version}, "spec": fields}
        try:
            written = await session.door.patch(MODEL_DEPLOYMENT, one.key, body, dry_run=options.dry_run)
            break
        except Outdated:
            one = await find(session, one.name)
    else:
        raise Unanswered(f"{one.name} is changed faster than it can be written; try again")
    if options.dry_run:
        session.painter.print(line(f"{one.name}: would be {said} (dry run)"))
        return Exit.DONE
    session.painter.print(line(f"{one.name}: {said}"))
    if not options.wait:
        return Exit.DONE
    return await _told(session, one, written["metadata"]["generation"], options)


async def _told(session: Session, one: Seen, generation: int, options: argparse.Namespace) -> Exit:
    """Wait until the operator has looked at the edit, and say what it says."""

    def looked_at(seen: Seen) -> Seen | None:
        if seen.observed_generation < generation:
            return None
        resolved = seen.says(ConditionType.RESOLVED)
        is_asking = resolved is not None and resolved.reason in _ASKING
        return None if is_asking else seen

    found, last = await until(session.door, one.key, looked_at, options.timeout.total_seconds())
    if found is None and (last is None or last.observed_generation < generation):
        raise Unanswered(
            f"the edit is made, but the operator has not looked at it for {lasting(options.timeout)}; is "
            "Lockgate running?"
        )
    seen = found or last
    assert seen is not None
    session.painter.print(_verdict(seen))
    resolved = seen.says(ConditionType.RESOLVED)
    is_wrong = ConditionType.STALLED in seen.conditions or (
        resolved is not None and resolved.status == "False"
    )
    return Exit.REFUSED if is_wrong else Exit.DONE


def _verdict(seen: Seen) -> Line:
    resolved = seen.says(ConditionType.RESOLVED)
    if resolved is not None and resolved.status == "False":
        return line(Span(resolved.reason, Tone.BAD), f": {resolved.message}")
    return line(Span(seen.phase, tone_of(seen.phase)), f": {seen.message(ConditionType.READY)}")
