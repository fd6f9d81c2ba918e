"""Starts the real `lockgate fetch` as a process, and tells how it ended and what it left behind.

Every process of a run carries a mark in its environment, by which it is found wherever it went.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lockgate
from lockgate.fetch.outcome import FetchOutcome, parse_outcome
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.registry.seeding import SeededVersion

_LOOK_SECONDS = 0.01


def wait_until(what: str, holds: Callable[[], Any], within: float = 20.0) -> None:
    """Raises AssertionError when it does not hold after `within` seconds."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"after {within:g} s: not {what}"
        time.sleep(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended; `log` is its standard error."""

    code: int
    outcome: FetchOutcome | None
    log: str
    seconds: float


@dataclass(slots=True)
class FetchProgram:
    """Fetches from one registry into `into`; `room` holds what belongs to the runs themselves.

    `wrapper` is a command that starts the program in its own place, under other conditions.
    """

    registry: RunningRegistry
    room: Path
    into: Path = field(init=False)
    key_file: Path = field(init=False)
    wrapper: tuple[str, ...] = ()
    _started: float = 0.0
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.into, self.key_file = self.room / "into", self.room / "key"
        for directory in (self.into, self._scratch):
            directory.mkdir()
        self.key_file.write_text(self.registry.keys["viewer"] + "\n")

    @property
    def termination_log(self) -> Path:
        return self.room / "termination-log"

    @property
    def staging(self) -> Path:
        return self.into / ".lockgate-staging"

    @property
    def _scratch(self) -> Path:
        return self.room / "scratch"

    def fetch(self, version: SeededVersion, *extra: str, digest: str | None = None) -> Ended:
        """Run to the end."""
        return self.end(self.start(version, *extra, digest=digest))

    def start(
        self, version: SeededVersion, *extra: str, digest: str | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a fetch of this version; `extra` arguments win."""
        reference = f"{self.registry.organization.entity}/{version.path}"
        return self.start_with(["--reference", reference, "--digest", digest or version.digest, *extra])

    def start_with(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a fetch with these arguments after the ones about places."""
        places = {
            "--into": self.into,
            "--base-url": self.registry.url,
            "--api-key-file": self.key_file,
            "--termination-log": self.termination_log,
        }
        self.termination_log.unlink(missing_ok=True)
        self._started = time.monotonic()
        with (self.room / "log").open("wb") as log:
            return subprocess.Popen(
                [
                    *self.wrapper,
                    sys.executable,
                    "-m",
                    "lockgate",
                    "fetch",
                    *[str(text) for pair in places.items() for text in pair],
                    *arguments,
                ],
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self._scratch,
                start_new_session=True,
            )

    def end(self, process: subprocess.Popen[bytes], *, within: float = 30.0) -> Ended:
        """Wait for its end; it must have told no secret and left no process and no scratch files."""
        try:
            code = process.wait(within)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.monotonic() - self._started
        log = (self.room / "log").read_text()
        told = self.termination_log.read_text() if self.termination_log.exists() else ""
        for name, key in self.registry.keys.items():
            assert key not in log + told, f"the key of {name} was told"
        if code == -signal.SIGKILL:
            # Nobody was left to end them: they must notice by themselves.
            wait_until("ended with all its processes", lambda: not self.processes(), within=5)
        else:
            wait_until("ended with all its processes", lambda: not self.processes(), within=0.3)
            assert list(self._scratch.iterdir()) == []
        return Ended(code=code, outcome=parse_outcome(told), log=log, seconds=seconds)

    def processes(self) -> set[str]:
        """The names of the processes that run for us right now."""
        names = set()
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (directory / "environ").read_bytes():
                    names.add((directory / "comm").read_text().strip())
            except OSError:
                continue
        return names

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(lockgate.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self._scratch),
            "RUN_MARK": self._mark,
        }
