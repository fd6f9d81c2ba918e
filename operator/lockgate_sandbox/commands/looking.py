"""`status`, `kubeconfig`, `logs`: looking at worlds that run, changing nothing."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import subprocess
import sys
from pathlib import Path

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.part import urls
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.world import running_in, running_world
from lockgate_sandbox.worlds import WorldRecord, running

_TAIL_LINES = 5
_COLUMNS = ("NAME", "LEVEL", "READY", "AGE", "API", "RESTARTS", "PARTS", "FORWARDS")


def pick(name: str | None) -> RunningWorld:
    """The world of that name, or the only one there is."""
    if name is not None:
        return running_world(name)
    match running():
        case []:
            raise SandboxError("no world is running; start one with `up`")
        case [(directory, _)]:
            return running_in(directory)
        case several:
            names = ", ".join(record.name for _, record in several)
            raise SandboxError(f"several worlds are running ({names}); choose one with --name")


def kubeconfig(options: argparse.Namespace) -> int:
    """Print where the kubeconfig is."""
    print(pick(options.name).kubeconfig)
    return 0


def status(options: argparse.Namespace) -> int:
    """Show all living worlds."""
    rows = [_facts(directory, record) for directory, record in running()]
    if options.json:
        print(json.dumps(rows, indent=1))
    elif not rows:
        print("no world is running")
    else:
        _print_table([_COLUMNS, *(_cells(row) for row in rows)])
    return 0


def logs(options: argparse.Namespace) -> int:
    """Print one log, or the end of each."""
    directory = pick(options.name).directory / "logs"
    known = sorted(path.stem for path in directory.glob("*.log"))
    if options.component is None:
        for name in known:
            lines = (directory / f"{name}.log").read_text(errors="replace").splitlines()
            print(f"== {name} ({len(lines)} lines)", *lines[-_TAIL_LINES:], sep="\n")
        return 0
    if options.component not in known:
        raise SandboxError(f"no component {options.component!r}; there are {', '.join(known)}")
    sys.stdout.flush()
    how = ["-n", "+1", "-F"] if options.follow else ["-n", "+1"]
    return subprocess.run(["tail", *how, str(directory / f"{options.component}.log")]).returncode


def _facts(directory: Path, record: WorldRecord) -> dict[str, object]:
    ready = directory / "ready"
    table = directory / "components.json"
    forwards = sorted((directory / "forwards").glob("[0-9]*"))
    return {
        **dataclasses.asdict(record),
        "directory": str(directory),
        "kubeconfig": str(directory / "admin.kubeconfig"),
        "api": f"https://127.0.0.1:{record.api_port}",
        "ready": ready.exists(),
        "ready_after_seconds": float(ready.read_text()) if ready.exists() else None,
        "components": json.loads(table.read_text()) if table.exists() else [],
        "parts": urls(directory),
        "forwards": {path.name: json.loads(path.read_text()) for path in forwards},
    }


def _cells(facts: dict[str, object]) -> tuple[str, ...]:
    forwards, components, parts = facts["forwards"], facts["components"], facts["parts"]
    assert isinstance(forwards, dict)
    assert isinstance(parts, dict)
    assert isinstance(components, list)
    shown = [
        f"{port}->{entry['namespace']}/{entry['service']}:{entry['port']}" for port, entry in forwards.items()
    ]
    return (
        str(facts["name"]),
        str(facts["level"]),
        f"{facts['ready_after_seconds']} s" if facts["ready"] else "starting",
        _age(str(facts["created"])),
        str(facts["api"]),
        str(sum(component["restarts"] for component in components)),
        ", ".join(f"{name}={url}" for name, url in parts.items()) or "-",
        ", ".join(shown) or "-",
    )


def _age(created: str) -> str:
    if not created:
        return "-"
    passed = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(created)
    minutes, seconds = divmod(max(0, int(passed.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s"


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
