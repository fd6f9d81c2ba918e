"""What can be said on the command line and which function answers to it. Does nothing itself."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from lockgate_sandbox.commands import building, looking, running
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.part import part_names
from lockgate_sandbox.worlds import Level

DEFAULT_NAME = "lockgate"
_LEVELS = [Level.CONTROL_PLANE.value, Level.CLUSTER.value]
_EPILOG = """\
levels:
  control-plane  etcd, API server, controller manager, scheduler on loopback; no root, no pods
  cluster        a whole one-node Kubernetes in namespaces of its own; Linux and root

examples:
  python -m lockgate_sandbox up                          # until Ctrl-C
  python -m lockgate_sandbox up --level cluster --detach
  python -m lockgate_sandbox up --with registry,lockgate # with real parts, and all that these need
  python -m lockgate_sandbox exec -- kubectl get pods -A
  python -m lockgate_sandbox exec --inside -- ip address # in the cluster's own network
  python -m lockgate_sandbox logs kubelet --follow
  python -m lockgate_sandbox down

Programs come from LOCKGATE_SANDBOX_BINARIES (a directory), else the cache, else a build
from pinned Go modules, which takes minutes once. Nothing listens beyond this machine.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 well, 1 not done, 2 not understood, 130 interrupted."""
    options = parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read (head, less) has had enough; at exit Python would try to write once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    top = argparse.ArgumentParser(
        prog="python -m lockgate_sandbox",
        description="A real little Kubernetes for demo, tests and benchmarks, gone when it ends.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    up = commands.add_parser("up", help="start a world and stay with it until Ctrl-C")
    up.add_argument(
        "--level", choices=_LEVELS, default=_LEVELS[0], help="how much of a cluster (%(default)s)"
    )
    up.add_argument("--name", default=DEFAULT_NAME, help="its name, one of a kind (%(default)s)")
    up.add_argument("--detach", action="store_true", help="leave it running and return; end it with `down`")
    _add_parts(up, "install")
    up.set_defaults(run=running.up)

    down = commands.add_parser("down", help="end a world")
    _add_name(down)
    down.add_argument("--all", action="store_true", help="every detached one; others end with their starter")
    down.set_defaults(run=running.down)

    status = commands.add_parser("status", help="show the worlds that run")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(run=looking.status)

    kubeconfig = commands.add_parser("kubeconfig", help="print the path of an administrator's kubeconfig")
    _add_name(kubeconfig)
    kubeconfig.set_defaults(run=looking.kubeconfig)

    execute = commands.add_parser("exec", help="run a command with KUBECONFIG and PATH set")
    _add_name(execute)
    execute.add_argument("--inside", action="store_true", help="in the namespaces of a cluster (root)")
    execute.add_argument("command", nargs="+", metavar="CMD", help="after --, the command and its arguments")
    execute.set_defaults(run=running.execute)

    logs = commands.add_parser("logs", help="print the log of a component, or the last lines of all")
    _add_name(logs)
    logs.add_argument("component", nargs="?", help="such as kube-apiserver")
    logs.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")
    logs.set_defaults(run=looking.logs)

    build = commands.add_parser("build", help="build the programs ahead of time")
    build.add_argument("--level", choices=_LEVELS, default=_LEVELS[1], help="for which level (%(default)s)")
    _add_parts(build, "prepare too, with their images")
    build.set_defaults(run=building.build_ahead)
    return top


def _add_parts(command: argparse.ArgumentParser, what_for: str) -> None:
    command.add_argument(
        "--with",
        dest="parts",
        default=(),
        metavar="PART,...",
        type=lambda text: tuple(filter(None, text.split(","))),
        help=f"parts to {what_for}: {', '.join(part_names())}",
    )


def _add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", help="which world; may be left out when only one runs")
