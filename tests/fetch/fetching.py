"""Runs `lockgate fetch` as a process of its own, the way a pod does."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.registry.seeding import SeededVersion

ENOUGH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a fetch ended: exit code, termination message, standard error."""

    code: int
    outcome: dict[str, Any]
    log: str


class FetchSite:
    """A directory to fill, a key, a registry; starts fetches and leaves nothing of its own."""

    def __init__(self, registry: RunningRegistry, root: Path, user: str = "viewer") -> None:
        self.registry = registry
        self.into = root / "models"
        self.into.mkdir()
        self.scratch = root / "tmp"
        self.scratch.mkdir()
        self.told = root / "termination-log"
        self.key_file = root / "api-key"
        self.key_file.write_text(registry.keys[user] + "\n")

    def start(
        self,
        version: SeededVersion,
        *more: str,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
        directory: Path | None = None,
        **changed: str,
    ) -> subprocess.Popen[str]:
        """A fetch under way; `changed` replaces options, `prefix` runs it under another program."""
        self.told.unlink(missing_ok=True)
        options = {
            "reference": f"{self.registry.organization.entity}/{version.path}",
            "digest": version.digest,
            "into": str(self.into),
            "base_url": self.registry.url,
            "api_key_file": str(self.key_file),
            "termination_log": str(self.told),
            "deadline": "60",
        } | changed
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "lockgate", "fetch", *arguments, *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(environment),
            cwd=directory,
        )

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """What a container has, and a place for temporary files that can be looked at afterwards."""
        source = str(Path(__file__).parents[2] / "operator")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        return kept | {"PYTHONPATH": source, "TMPDIR": str(self.scratch)} | dict(more)

    def end(self, process: subprocess.Popen[str], limit: float = ENOUGH_SECONDS) -> Ended:
        """Wait for a fetch."""
        try:
            _, log = process.communicate(timeout=limit)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        outcome = json.loads(self.told.read_text()) if self.told.exists() else {}
        return Ended(process.returncode, outcome, log)

    def fetch(self, version: SeededVersion, *more: str, **changed: str) -> Ended:
        """A fetch from start to end."""
        return self.end(self.start(version, *more, **changed))

    def files(self) -> dict[str, bytes]:
        """What is in the directory, all of it."""
        return {
            path.relative_to(self.into).as_posix(): path.read_bytes()
            for path in sorted(self.into.rglob("*"))
            if path.is_file()
        }

    def left_behind(self) -> list[str]:
        """Everything in the directory and in the place for temporary files."""
        return [str(path) for place in (self.into, self.scratch) for path in place.rglob("*")]


def wait_until(holds: Callable[[], object], what: str, limit: float = ENOUGH_SECONDS) -> None:
    """Look often, until it holds."""
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"{what} did not come within {limit} s"
        time.sleep(0.02)


def processes_naming(text: str) -> list[int]:
    """Processes with this text in their arguments or their environment."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            said = (directory / "environ").read_bytes() + (directory / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in said and int(directory.name) != os.getpid():
            found.append(int(directory.name))
    return found
