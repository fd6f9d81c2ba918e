"""The program `kubectl-lockgate`: from words to a verb, and from whatever happens to an exit code."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from lockgate.cli.failing import CliError, Exit
from lockgate.cli.paint import MISSING, Painter, When, complain
from lockgate.cli.parser import parse

if TYPE_CHECKING:
    import argparse

    from lockgate.cli.session import Session

    Run = Callable[[Session, argparse.Namespace], Awaitable[Exit]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
    except CliError as error:
        complain([f"error: {error.message}"])
        return error.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Who read has seen enough. Nothing more may be written, not even by the interpreter at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    return code


def _run(words: list[str]) -> Exit:
    if words[:1] == ["__complete"]:
        from lockgate.cli.completion import complete

        return complete(words[1:])
    options = parse(words)
    if options.verb == "completion":
        from lockgate.cli.completion import script

        sys.stdout.write(script(options.shell))
        return Exit.DONE
    if getattr(options, "all_namespaces", False) and options.names:
        raise CliError("a name is of one namespace; name it with -n, or leave the name or -A out")
    _print_any_letter(sys.stdout)
    painter = Painter(sys.stdout, When(options.color))
    if painter.is_rich_missing:
        complain([MISSING])
    return asyncio.run(_in_session(verb_named(options.verb), options, painter))


async def _in_session(run: "Run", options: "argparse.Namespace", painter: Painter) -> Exit:
    from lockgate.cli.session import session

    async with session(options, painter) as opened:
        return await run(opened, options)


def verb_named(name: str) -> "Run":
    """What carries a verb out. Imported only now: help and completion need none of the clients."""
    from lockgate.cli import asking, changing, getting, watching

    verbs: dict[str, Run] = {
        "get": getting.get,
        "watch": watching.watch,
        "history": getting.past,
        "plan": getting.plan,
        "pin": changing.pin,
        "unpin": changing.unpin,
        "rollback": changing.rollback,
        "pause": changing.pause,
        "resume": changing.resume,
    }
    return verbs.get(name, asking.ask)


def _print_any_letter(stream: TextIO) -> None:
    """A terminal that knows few letters shows a mark in place of the others."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
