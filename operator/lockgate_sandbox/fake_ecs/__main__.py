"""Serve the stand-in for Amazon ECS on one port of this machine, until it is ended."""

from __future__ import annotations

import argparse

from lockgate_sandbox.fake_ecs.account import Account
from lockgate_sandbox.fake_ecs.server import Server


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="fake_ecs")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cluster", action="append", help="a cluster that is there (default: models)")
    options = parser.parse_args()
    account = Account(clusters=tuple(options.cluster or ("models",)))
    Server(account, options.host, options.port).serve_forever()


if __name__ == "__main__":
    main()
