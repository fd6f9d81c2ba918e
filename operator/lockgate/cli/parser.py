"""The command line: verbs, options, and a help that teaches by examples. Nothing is done here."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NoReturn

from lockgate import __version__
from lockgate.api.requests import Verb
from lockgate.cli.failing import Exit
from lockgate.cli.paint import When
from lockgate.cli.words import duration

PROGRAM: Final = "kubectl lockgate"
_KIND_PREFIXES = ("modeldeployments/", "modeldeployment/", "mdep/", "modeldeployment.lockgate.dev/")
_PATIENCE = timedelta(seconds=30)

_EXAMPLES: Final = """\
examples:
  kubectl lockgate get                              what serves in this namespace, and why not
  kubectl lockgate watch churn                      a rollout down to its pods, live
  kubectl lockgate plan churn                       what would roll out now, and through which steps
  kubectl lockgate approve churn 3fa9c1d2           let this release go on
  kubectl lockgate abort churn --reason "latency"   back to what served, and stay there
  kubectl lockgate rollback churn                   serve the version that served before
  kubectl lockgate unpin churn                      follow the alias again

exit codes: 0 done or accepted, 1 refused or wrongly asked, 2 nobody answered in time
"""

_REQUESTS: Final = {
    Verb.APPROVE: (
        "let a release go on where it waits for an approval",
        "Approve one release of the candidate. An approval is for that release alone: another version, or "
        "the same one with another runtime, has to be approved anew. Without RELEASE the candidate that is "
        "there now is meant.",
        """\
examples:
  kubectl lockgate approve churn
  kubectl lockgate approve churn 3fa9c1d2 --reason "offline metrics are better, see CHURN-12"
""",
    ),
    Verb.PROMOTE: (
        "skip what pauses, approvals and analyses are left",
        "Promote the candidate now: its remaining pauses, approvals and analyses are skipped. That its pods "
        "are available, have proved their files and are routed to is never skipped.",
        """\
examples:
  kubectl lockgate promote churn --reason "a fix that cannot wait"
""",
    ),
    Verb.ABORT: (
        "go back to what served, and stay there",
        "Abort the candidate: what served before gets all the traffic, and this release is not tried again "
        "by itself.",
        """\
examples:
  kubectl lockgate abort churn --reason "answers are twice as slow"
""",
    ),
    Verb.RETRY: (
        "try a version again that was aborted",
        "Try a version again that was aborted, as if it were new.",
        """\
examples:
  kubectl lockgate retry churn --reason "the feature store is back"
""",
    ),
}


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
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"kubectl-lockgate {__version__}")
    _add_cluster(parser, first=True)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)
    _add_looking(verbs)
    _add_requests(verbs)
    _add_changes(verbs)
    completion = _verb(
        verbs,
        "completion",
        "print a script that completes verbs and names",
        "Print a script for a shell. Through kubectl itself, completion works by itself: kubectl finds the "
        "program kubectl_complete-lockgate, which is installed beside this one.",
        "examples:\n  source <(kubectl-lockgate completion bash)\n  kubectl-lockgate completion fish | source\n",
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])
    return parser


def _add_looking(verbs: Any) -> None:
    get = _verb(
        verbs,
        "get",
        "one line for each ModelDeployment",
        "Show what each ModelDeployment follows, what serves, what is rolled out and why it waits.",
        "examples:\n  kubectl lockgate get\n  kubectl lockgate get -A -o wide\n"
        "  kubectl lockgate get churn -o yaml\n  kubectl lockgate get -o name | xargs -n1 kubectl describe\n",
    )
    _add_names(get)
    _add_output(get, "wide", "name", "json", "yaml")
    get.add_argument(
        "--show-managed-fields", action="store_true", help="keep metadata.managedFields in documents"
    )
    get.add_argument("--no-headers", action="store_true", help="leave the headings out")
    watch = _verb(
        verbs,
        "watch",
        "rollouts as live trees, down to their pods",
        "Follow ModelDeployments until Ctrl-C: releases, workloads and pods, the traffic that each gets, and "
        "why it waits. Those at rest take a line each, unless one is named. In a pipe there is a line for each "
        "change, and with -o json an object.",
        "examples:\n  kubectl lockgate watch churn\n  kubectl lockgate watch -A\n"
        "  kubectl lockgate watch churn --once\n  kubectl lockgate watch -o json | jq -c .object.status.phase\n",
    )
    _add_names(watch)
    _add_output(watch, "json")
    watch.add_argument("--once", action="store_true", help="show what is there now, and end")
    history = _verb(
        verbs,
        "history",
        "the rollouts of one, and how they ended",
        "Show the finished rollouts of one ModelDeployment, newest first, with the one that is under way.",
        "examples:\n  kubectl lockgate history churn\n",
    )
    _add_name(history)
    _add_output(history, "json", "yaml")
    plan = _verb(
        verbs,
        "plan",
        "what would roll out now, and through which steps and gates",
        "Show what would roll out if everything were acted on now, what is in the way, and the steps and gates "
        "that it would go through. Nothing is changed.",
        "examples:\n  kubectl lockgate plan churn\n  kubectl lockgate plan churn -o json | jq .steps\n",
    )
    _add_name(plan)
    _add_output(plan, "json", "yaml")


def _add_requests(verbs: Any) -> None:
    for verb, (summary, description, examples) in _REQUESTS.items():
        request = _verb(verbs, verb.value, summary, description, examples)
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
    pin = _verb(
        verbs,
        "pin",
        "fix a version; the alias is not followed meanwhile",
        "Fix a version by hand (spec.pin). It is rolled out like any other, and stays until it is unpinned or "
        "its time is over.",
        'examples:\n  kubectl lockgate pin churn v12 --reason "v13 is being looked into"\n'
        '  kubectl lockgate pin churn v12 --reason "load test" --until 4h\n',
    )
    _add_name(pin)
    pin.add_argument("version", metavar="VERSION", help="a version of the collection, such as v12")
    pin.add_argument("--reason", required=True, metavar="WHY", help="why, for those who find the pin later")
    pin.add_argument(
        "--until", metavar="WHEN", help="when it ends by itself: 4h, 2d, or 2026-01-05T18:00:00Z"
    )
    _add_writing(pin)
    rollback = _verb(
        verbs,
        "rollback",
        "pin a version that served before",
        "Serve again what served before, by default the version before the present one. It is pinned, so that "
        "the alias does not lead back at once; versions that never served are refused. A pin fixes the "
        "version: runtime and resources are those of today.",
        "examples:\n  kubectl lockgate rollback churn\n  kubectl lockgate rollback churn v10\n"
        "  kubectl lockgate rollback churn 8f14e45f --dry-run\n",
    )
    _add_name(rollback)
    rollback.add_argument("target", nargs="?", metavar="VERSION|RELEASE", help="see kubectl lockgate history")
    rollback.add_argument("--reason", metavar="WHY", help="why; it becomes part of the pin's reason")
    _add_by(rollback)
    _add_writing(rollback)
    for name, summary, description in (
        ("unpin", "follow the alias again", "Take the pin out of the spec: the alias is followed again."),
        (
            "pause",
            "change nothing until resumed",
            "Set spec.suspend: what serves goes on serving, all else stands.",
        ),
        ("resume", "go on after a pause", "Take spec.suspend back: what stood still goes on."),
    ):
        change = _verb(verbs, name, summary, description, f"examples:\n  kubectl lockgate {name} churn\n")
        _add_name(change)
        _add_writing(change)


def _verb(verbs: Any, name: str, summary: str, description: str, examples: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=summary,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_cluster(made, first=False)
    return made


def _add_cluster(parser: argparse.ArgumentParser, *, first: bool) -> None:
    """Options that may stand before the verb and after it; after it they have no default to undo the first."""
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
