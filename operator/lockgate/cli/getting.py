"""`get`, `history` and `plan`: read once, and show as a table or as a document."""

import argparse
from collections.abc import Sequence

from lockgate.cli.documents import Output, document, names_of, of_objects, without_managed_fields
from lockgate.cli.failing import CliError, Exit
from lockgate.cli.finding import all_objects, find_object
from lockgate.cli.lines import line
from lockgate.cli.listing import listing
from lockgate.cli.paint import complain
from lockgate.cli.past import history
from lockgate.cli.planning import as_document, outlook, plan_lines
from lockgate.cli.seen import see
from lockgate.cli.session import Session
from lockgate.clock import now
from lockgate.domain.resources import Object
from lockgate.errors import InvalidSpec


async def get(session: Session, options: argparse.Namespace) -> Exit:
    """One, some or all."""
    found = await _chosen(session, options)
    output = Output(options.output)
    if output in (Output.JSON, Output.YAML):
        shown = found if options.show_managed_fields else [without_managed_fields(obj) for obj in found]
        session.painter.write(document(of_objects(shown, one=len(options.names) == 1), output))
    elif output is Output.NAME:
        session.painter.write(names_of(found))
    elif found:
        session.painter.print(
            *listing(
                [see(obj) for obj in found],
                now(),
                session.painter.room,
                namespaces=not session.namespace,
                wide=output is Output.WIDE,
                headings=not options.no_headers,
            )
        )
    else:
        complain([f"No ModelDeployments found in {session.namespace or 'any namespace'}."])
    return Exit.DONE


async def past(session: Session, options: argparse.Namespace) -> Exit:
    """The rollouts of one."""
    obj = await find_object(session, options.name)
    output = Output(options.output)
    if output in (Output.JSON, Output.YAML):
        status = obj.get("status")
        entries = status.get("history") or [] if isinstance(status, dict) else []
        session.painter.write(document(entries, output))
        return Exit.DONE
    one = see(obj)
    if not one.history and one.candidate is None:
        session.painter.print(line(f"no rollout of {one.name} has ended yet"))
        return Exit.DONE
    session.painter.print(*history(one, now(), session.painter.room))
    return Exit.DONE


async def _chosen(session: Session, options: argparse.Namespace) -> Sequence[Object]:
    if options.names:
        return [await find_object(session, name) for name in options.names]
    return await all_objects(session, options.selector)


async def plan(session: Session, options: argparse.Namespace) -> Exit:
    """What would roll out now, and how."""
    one = see(await find_object(session, options.name))
    moment = now()
    try:
        found = outlook(one, moment)
    except InvalidSpec as error:
        raise CliError(f"nothing would roll out, for the spec cannot be acted on: {error.message}") from error
    output = Output(options.output)
    if output in (Output.JSON, Output.YAML):
        session.painter.write(document(as_document(one, found), output))
    else:
        session.painter.print(*plan_lines(one, found, session.painter.room))
    return Exit.DONE
