"""`approve`, `promote`, `abort`, `retry`: write the request, wait for the operator's answer, and tell it.

A request that is not told which release it is for is bound to the candidate that is there now, so
that it can never reach another one. What the operator makes of it is the operator's business.
"""

import argparse
import secrets

from lockgate.api.requests import Request, Verb
from lockgate.cli.failing import CliError, Exit, Outdated, Unanswered
from lockgate.cli.finding import find
from lockgate.cli.lines import Span, line
from lockgate.cli.seen import Answered, Seen
from lockgate.cli.session import Session
from lockgate.cli.waiting import until
from lockgate.cli.words import lasting, tone_of
from lockgate.domain.resources import MODEL_DEPLOYMENT
from lockgate.names import ANNOTATION_REQUEST, ConditionType

_TRIES = 5
_DONE = {
    Verb.APPROVE: "approve",
    Verb.PROMOTE: "promote",
    Verb.ABORT: "abort",
    Verb.RETRY: "try again",
}


async def ask(session: Session, options: argparse.Namespace) -> Exit:
    """One request, to its end."""
    verb = Verb(options.verb)
    one = await find(session, options.name)
    request = _request(one, verb, options, await session.who(options.by))
    if not options.replace:
        one = await _let_others_finish(session, one, options)
    await _write(session, one, request, options)
    about = _about(one, request)
    said = f"would be asked to {_DONE[verb]}" if options.dry_run else f"asked to {_DONE[verb]}"
    session.painter.print(
        line(f"{one.name}: {said} {about}".rstrip() + (" (dry run)" if options.dry_run else ""))
    )
    if options.dry_run or not options.wait:
        return Exit.DONE
    return await _answer(session, one, request, options)


def _request(one: Seen, verb: Verb, options: argparse.Namespace, by: str | None) -> Request:
    release = options.release
    if release is None and verb is not Verb.RETRY and one.candidate is not None:
        release = one.candidate.release
    if release is None and verb is Verb.APPROVE:
        raise CliError(
            f"nothing of {one.name} is being rolled out that could be approved: "
            f"{one.message(ConditionType.READY) or 'the operator says nothing of it yet'}"
        )
    try:
        return Request(verb=verb, release=release, by=by, reason=options.reason, token=secrets.token_hex(4))
    except ValueError as error:
        raise CliError(f"this cannot be asked: {error}") from error


def _about(one: Seen, request: Request) -> str:
    """What is asked for, as people call it."""
    if request.release is None:
        return ""
    known = [one.candidate, one.stable, one.previous, *(ended.revision for ended in one.history)]
    versions = (revision.version for revision in known if revision and revision.release == request.release)
    version = next(versions, None)
    return f"{version} (release {request.release})" if version else f"release {request.release}"


async def _let_others_finish(session: Session, one: Seen, options: argparse.Namespace) -> Seen:
    """Wait until what somebody else asked is answered; written over, it might never be seen."""
    waiting = one.waiting_request
    if waiting is None:
        return one

    def answered(seen: Seen) -> Seen | None:
        return seen if seen.waiting_request is None else None

    done, last = await until(session.door, one.key, answered, options.timeout.total_seconds())
    if done is None:
        text = last.waiting_request if last else waiting
        raise Unanswered(
            f'another request has waited for the operator for {lasting(options.timeout)}: "{text}"; '
            "--replace puts yours in its place"
        )
    return done


async def _write(session: Session, one: Seen, request: Request, options: argparse.Namespace) -> None:
    """Write the annotation into the version that was looked at, or into a later one that means the same."""
    meant = one.candidate.release if one.candidate else None
    for _ in range(_TRIES):
        body = {
            "metadata": {
                "resourceVersion": one.raw["metadata"]["resourceVersion"],
                "annotations": {ANNOTATION_REQUEST: request.text},
            }
        }
        try:
            await session.door.patch(MODEL_DEPLOYMENT, one.key, body, dry_run=options.dry_run)
            return
        except Outdated:
            one = await find(session, one.name)
        if options.release is None and (one.candidate.release if one.candidate else None) != meant:
            raise CliError(
                f"what {one.name} rolls out has changed in this very moment; look again, then ask again"
            )
        if one.waiting_request and not options.replace:
            raise CliError(f'somebody else asked in this very moment: "{one.waiting_request}"; look again')
    raise Unanswered(f"{one.name} is changed faster than it can be written; try again")


async def _answer(session: Session, one: Seen, request: Request, options: argparse.Namespace) -> Exit:
    def answer(seen: Seen) -> Answered | None:
        known = seen.answered
        if known is not None and known.request == request.text:
            return known
        if seen.request != request.text:
            raise CliError(
                f'somebody else asked before the operator answered: "{seen.request or ""}"; yours may not '
                "have been seen, look again"
            )
        return None

    found, _ = await until(session.door, one.key, answer, options.timeout.total_seconds())
    if found is None:
        raise Unanswered(
            f"the operator has not answered for {lasting(options.timeout)}; the request stays, and holds as "
            "soon as it is seen. Is Lockgate running? To take it back: "
            f"kubectl annotate mdep {one.name} -n {one.namespace} {ANNOTATION_REQUEST}-"
        )
    session.painter.print(
        line(f"{one.name}: ", Span(found.outcome.lower(), tone_of(found.outcome)), f": {found.message}")
    )
    return Exit.DONE if found.outcome == "Accepted" else Exit.REFUSED
