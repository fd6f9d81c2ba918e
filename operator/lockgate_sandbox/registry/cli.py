"""The command line: serve a registry, or act on one with the real client.

Only reads arguments and prints; errors become one line on standard error and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.registry.errors import Invalid
from lockgate_sandbox.registry.identity import USERS_VARIABLE

DESCRIPTION = "A W&B-compatible model registry for the sandbox, and what people do with one."
EPILOG = f"""\
examples:
  # serve (keys have at least 40 characters; they also come from --users-file or ${USERS_VARIABLE})
  {USERS_VARIABLE}="ada:$KEY:admin" python -m lockgate_sandbox.registry serve --data-dir ./registry

  # then, with WANDB_BASE_URL and WANDB_API_KEY set
  python -m lockgate_sandbox.registry seed ./export model/churn --alias staging --metadata accuracy=0.93
  python -m lockgate_sandbox.registry promote model/churn v2 --alias production
  python -m lockgate_sandbox.registry demote model/churn --alias production
  python -m lockgate_sandbox.registry show
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (SandboxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lockgate_sandbox.registry",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_seed(commands)
    _add_alias_commands(commands)
    _add_show(commands)
    return parser


Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_serve(commands: Commands) -> None:  # type: ignore[valid-type]
    serve = commands.add_parser("serve", help="run the server until interrupted")  # type: ignore[attr-defined]
    serve.add_argument(
        "--data-dir", type=Path, required=True, help="where everything is kept; made if missing"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8080, help="0 for a free one (default: %(default)s)")
    serve.add_argument(
        "--tls",
        type=Path,
        metavar="DIR",
        help="speak HTTPS with server.crt and server.key of this directory; made, with the ca.crt that"
        " clients must trust, if missing",
    )
    serve.add_argument("--organization", default="Harbor", help="display name (default: %(default)s)")
    serve.add_argument("--team", default="models", help="the default team's entity (default: %(default)s)")
    serve.add_argument(
        "--registry",
        action="append",
        dest="registries",
        metavar="NAME",
        help="make sure it exists; repeatable",
    )
    serve.add_argument(
        "--protect",
        action="append",
        default=[],
        metavar="REGISTRY:ALIAS",
        help="protect an alias; repeatable",
    )
    serve.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME:KEY:ROLE",
        help=f"role is viewer, member or admin; repeatable; better in --users-file or ${USERS_VARIABLE},"
        " as other users of the machine can read a command line",
    )
    serve.add_argument("--users-file", type=Path, help="one NAME:KEY:ROLE a line")
    serve.set_defaults(command=_serve)


def _client_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=os.environ.get("WANDB_BASE_URL"), help="default: $WANDB_BASE_URL")
    parser.add_argument(
        "--api-key", default=None, help="default: $WANDB_API_KEY (better: no key on command lines)"
    )


def _add_seed(commands: Commands) -> None:  # type: ignore[valid-type]
    seed = commands.add_parser("seed", help="log a directory and link it as a new version")  # type: ignore[attr-defined]
    seed.add_argument("directory", type=Path, help="its files become the version")
    seed.add_argument("collection", help="REGISTRY/COLLECTION, such as model/churn")
    seed.add_argument("--alias", action="append", default=[], help="give it this alias; repeatable")
    seed.add_argument(
        "--metadata", action="append", default=[], metavar="KEY=VALUE", help="VALUE as JSON or text"
    )
    seed.add_argument("--type", default="model", help="artifact type (default: %(default)s)")
    seed.add_argument("--project", default="training", help="where the run is (default: %(default)s)")
    _client_options(seed)
    seed.set_defaults(command=_seed)


def _add_alias_commands(commands: Commands) -> None:  # type: ignore[valid-type]
    promote = commands.add_parser("promote", help="point an alias at a version")  # type: ignore[attr-defined]
    promote.add_argument("collection", help="REGISTRY/COLLECTION, such as model/churn")
    promote.add_argument("version", help="such as v2, or an alias that points at it")
    promote.add_argument(
        "--alias", required=True, help="the alias to give (it leaves the version that has it)"
    )
    _client_options(promote)
    promote.set_defaults(command=_promote)
    demote = commands.add_parser("demote", help="take an alias off whichever version has it")  # type: ignore[attr-defined]
    demote.add_argument("collection", help="REGISTRY/COLLECTION, such as model/churn")
    demote.add_argument("--alias", required=True, help="the alias to take off")
    _client_options(demote)
    demote.set_defaults(command=_demote)


def _add_show(commands: Commands) -> None:  # type: ignore[valid-type]
    show = commands.add_parser("show", help="list registries, collections, versions and aliases")  # type: ignore[attr-defined]
    show.add_argument("--json", action="store_true", help="for programs")
    _client_options(show)
    show.set_defaults(command=_show)


def _serve(options: argparse.Namespace) -> None:
    from lockgate_sandbox.registry.serving import serve

    serve(options)


def _seed(options: argparse.Namespace) -> None:
    from lockgate_sandbox.registry import client

    registry, collection = _split(options.collection)
    metadata = dict(_pair(text) for text in options.metadata)
    with client.connected(options.url, options.api_key):
        version = client.seed(
            options.directory,
            registry,
            collection,
            aliases=options.alias,
            metadata=metadata,
            artifact_type=options.type,
            project=options.project,
        )
    print(f"{registry}/{collection}:{version.version} {' '.join(version.aliases)} {version.digest}")


def _promote(options: argparse.Namespace) -> None:
    from lockgate_sandbox.registry import client

    registry, collection = _split(options.collection)
    with client.connected(options.url, options.api_key):
        version = client.promote(registry, collection, options.version, options.alias)
    print(f"{registry}/{collection}:{options.alias} is now {version.version}")


def _demote(options: argparse.Namespace) -> None:
    from lockgate_sandbox.registry import client

    registry, collection = _split(options.collection)
    with client.connected(options.url, options.api_key):
        version = client.demote(registry, collection, options.alias)
    print(f"{registry}/{collection}:{options.alias} is gone (it was {version.version})")


def _show(options: argparse.Namespace) -> None:
    from lockgate_sandbox.registry import client

    with client.connected(options.url, options.api_key):
        found = client.show()
    if options.json:
        print(json.dumps([version.as_json() for version in found], indent=2))
        return
    rows = [("REGISTRY", "COLLECTION", "VERSION", "ALIASES", "DIGEST")]
    rows += [(v.registry, v.collection, v.version, ",".join(v.aliases) or "-", v.digest) for v in found]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _split(path: str) -> tuple[str, str]:
    registry, slash, collection = path.partition("/")
    if not (registry and slash and collection) or "/" in collection or ":" in collection:
        raise Invalid(f"{path!r} must be REGISTRY/COLLECTION, such as model/churn")
    return registry.removeprefix("wandb-registry-"), collection


def _pair(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise Invalid(f"metadata {text!r} must be KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
