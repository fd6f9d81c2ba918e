"""The command line: verbs, options, and a help that teaches by examples. Nothing is done here."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NoReturn

from lockgate import __version__
from lockgate.api.requests import Verb
from lockgate.cli.failing import Exit
from lockgate.cli.helping import EPILOG, VERBS
from lockgate.cli.paint import When
from lockgate.cli.words import duration

PROGRAM: Final = "kubectl lockgate"
_KIND_PREFIXES = ("modeldeployments/", "modeldeployment/", "mdep/", "modeldeployment.lockgate.dev/")
_PATIENCE = timedelta(seconds=30)


class _Formatter(argparse.HelpFormatter):
    """Examples are shown as they are written; all else is filled."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """Usage errors end as kubectl's do, for 2 means that nobody answered."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.REFUSED, f"error: {message}\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options that were given; raises SystemExit for help and for usage errors."""
    return build().parse_args(arguments)


def build() -> argparse.ArgumentParser:
    """The parser, for completion as well."""
    parser = _Parser(
        prog=PROGRAM,
        description="See what serves, why, and what comes next; approve, abort, pin and roll back.",
        epilog=EPILOG,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"kubectl-lockgate {__version__}")
    _add_cluster(parser, first=True)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)
    _add_looking(verbs)
    _add_requests(verbs)
    _add_changes(verbs)
    _verb(verbs, "completion").add_argument("shell", choices=["bash", "zsh", "fish"])
    return parser


def _add_looking(verbs: Any) -> None:
    get = _verb(verbs, "get")
    _add_names(get)
    _add_output(get, "wide", "name", "json", "yaml")
    get.add_argument(
        "--show-managed-fields", action="store_true", help="keep metadata.managedFields in documents"
    )
    get.add_argument("--no-headers", action="store_true", help="leave the headings out")
    watch = _verb(verbs, "watch")
    _add_names(watch)
    _add_output(watch, "json")
    watch.add_argument("--once", action="store_true", help="show what is there now, and end")
    for name in ("history", "plan"):
        looking = _verb(verbs, name)
        _add_name(looking)
        _add_output(looking, "json", "yaml")


def _add_requests(verbs: Any) -> None:
    for verb in Verb:
        request = _verb(verbs, verb.value)
        _add_name(request)
        meaning = "eight digits; only a candidate of this release is meant"
        request.add_argument("release", nargs="?", metavar="RELEASE", help=meaning)
        reason = "why; it is kept in the request"
        request.add_argument("--reason", "--because", metavar="WHY", help=reason)
        _add_by(request)
        request.add_argument(
            "--replace", action="store_true", help="write over a request that the operator has not answered"
        )
        _add_writing(request)


def _add_changes(verbs: Any) -> None:
    pin = _verb(verbs, "pin")
    _add_name(pin)
    pin.add_argument("version", metavar="VERSION", help="a version of the collection, such as v12")
    pin.add_argument("--reason", required=True, metavar="WHY", help="why, for those who find the pin later")
    pin.add_argument("--until", metavar="WHEN", help="when it ends by itself: 4h, 2d or 2026-01-05T18:00:00Z")
    _add_writing(pin)
    rollback = _verb(verbs, "rollback")
    _add_name(rollback)
    rollback.add_argument("target", nargs="?", metavar="VERSION|RELEASE", help="see kubectl lockgate history")
    rollback.add_argument("--reason", metavar="WHY", help="why; it becomes part of the pin's reason")
    _add_by(rollback)
    _add_writing(rollback)
    for name in ("unpin", "pause", "resume"):
        change = _verb(verbs, name)
        _add_name(change)
        _add_writing(change)


def _verb(verbs: Any, name: str) -> argparse.ArgumentParser:
    said = VERBS[name]
    made: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=said.summary,
        description=said.description,
        epilog=said.epilog,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    _add_cluster(made, first=False)
    return made


def _add_cluster(parser: argparse.ArgumentParser, *, first: bool) -> None:
    """Options that may stand before the verb and after it, where no default undoes what was said before."""
    group = parser.add_argument_group("cluster")

    def add(*flags: str, default: Any = None, **more: Any) -> None:
        group.add_argument(*flags, default=default if first else argparse.SUPPRESS, **more)

    add("--kubeconfig", metavar="FILE", help="else the variable KUBECONFIG, else ~/.kube/config")
    add("--context", metavar="NAME", help="else the current one")
    add("-n", "--namespace", metavar="NAME", help="else that of the context")
    add("--as", dest="impersonated", metavar="USER", help="act as somebody else, if you may")
    add("--as-group", dest="groups", action="append", metavar="GROUP", default=[], help="with --as")
    colours = "when to colour: auto (the default), always or never"
    add("--color", choices=[one.value for one in When], default=When.AUTO.value, metavar="WHEN", help=colours)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", type=_named, help="a ModelDeployment")


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", type=_named, help="all of the namespace if none is named"
    )
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="those of all namespaces")
    parser.add_argument(
        "-l", "--selector", metavar="LABELS", help="those with these labels, such as team=growth"
    )


def _add_output(parser: argparse.ArgumentParser, *kinds: str) -> None:
    parser.add_argument(
        "-o",
        "--output",
        choices=["table", *kinds],
        default="table",
        metavar="FORMAT",
        help=f"{', '.join(kinds)}; a table if none is named",
    )


def _add_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="WHO", help="who asks; else as the API server knows you")


def _add_writing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="let the API server check it, and write nothing"
    )
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait for the operator")
    patience = "how long to wait for the operator, 30s if not said"
    parser.add_argument("--timeout", type=_length, default=_PATIENCE, metavar="LENGTH", help=patience)


def _named(text: str) -> str:
    """A name, also as kubectl writes it, with its kind."""
    return next((text.removeprefix(one) for one in _KIND_PREFIXES if text.startswith(one)), text)


def _length(text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
