"""The `lockgate` program: `run` is the operator, `fetch` the init container of model pods."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from lockgate import __version__
from lockgate.settings import Settings, SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "fetch":
        from lockgate.fetch.cli import run

        return run(options)
    try:
        return _run()
    except SettingsError as error:
        print(f"lockgate: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    # Imported here and in main, so that neither command pays for the libraries of the other.
    from lockgate.fetch.cli import add_arguments

    parser = argparse.ArgumentParser(
        prog="lockgate", description="Keeps model serving in step with a Weights & Biases Registry."
    )
    parser.add_argument("--version", action="version", version=f"lockgate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "run",
        help="run the operator",
        description="Run the operator in a cluster, or against the cluster of KUBECONFIG. "
        "It is configured by environment variables, listed below with what holds without them.",
        epilog=Settings.explanation(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fetch = commands.add_parser(
        "fetch",
        help="fetch and prove one version of a model",
        description="Fetch one immutable version into an empty directory and prove every file.",
    )
    add_arguments(fetch)
    return parser


def _run() -> int:
    from lockgate.ending import end_at_once_on_signals, leave

    # Before the libraries are loaded, which takes seconds on a busy machine.
    end_at_once_on_signals()
    from lockgate.app import run_operator
    from lockgate.opening import Offered
    from lockgate.registries.configured import configured_registries
    from lockgate.telemetry.logs import set_up_logs

    settings = Settings.from_environment()
    registries, offered = configured_registries(settings), Offered.read(settings)
    set_up_logs(settings.log_level, settings.log_format)

    async def run_and_leave() -> None:
        await run_operator(settings, registries, offered)
        leave()

    asyncio.run(run_and_leave())
    return 0


if __name__ == "__main__":
    sys.exit(main())
