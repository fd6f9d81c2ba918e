"""Starts the real `lockgate fetch` as a process, and tells how it ended and what it left behind.

Every process of a run carries a mark in its environment, by which it is found wherever it went.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tests.waiting import PATIENCE_SECONDS, wait_until

import lockgate
from lockgate.domain.fetched import FetchOutcome, parse_outcome
from lockgate.registries.wandb import naming
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.registry.seeding import SeededVersion


def claim_of(version: SeededVersion) -> str:
    """What the registry claims of its bytes."""
    return naming.claim_of(version.digest)


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
    wrapper: Sequence[str] = ()
    cache: Path | None = None
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

    def uri_of(self, version: SeededVersion) -> str:
        """The name that it has for ever."""
        return f"wandb://{self.registry.organization.entity}/{version.path}"

    def fetch(self, version: SeededVersion, *extra: str, claim: str | None = None) -> Ended:
        """Run to the end."""
        return self.end(self.start(version, *extra, claim=claim))

    def start(
        self,
        version: SeededVersion,
        *extra: str,
        claim: str | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
        directory: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a fetch of this version, maybe with more variables and elsewhere; `extra` arguments win."""
        arguments = [
            f"--uri={self.uri_of(version)}",
            f"--claim={claim or claim_of(version)}",
            *extra,
        ]
        places = {
            "--into": self.into,
            "--base-url": self.registry.url,
            "--api-key-file": self.key_file,
            "--termination-log": self.termination_log,
        }
        if self.cache is not None:
            places["--cache"] = self.cache
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
                env=self.environment(variables),
                cwd=directory or self._scratch,
                start_new_session=True,
            )

    def end(
        self, process: subprocess.Popen[bytes], *, within: float = PATIENCE_SECONDS, left: float = 3.0
    ) -> Ended:
        """Wait for its end; it must have told no secret and left no process and no scratch files.

        Processes that it had to leave, since nobody could tell it of them, end within `left` seconds.
        """
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
        # Where it was killed nobody was left to end them: they must notice by themselves.
        killed = code == -signal.SIGKILL
        wait_until(
            "ended with all its processes",
            lambda: not self.processes(),
            within=PATIENCE_SECONDS if killed else left,
        )
        if not killed:
            assert list(self._scratch.iterdir()) == []
        return Ended(code=code, outcome=parse_outcome(told), log=log, seconds=seconds)

    def processes(self) -> dict[int, str]:
        """The processes that run for us right now, each with its name and arguments."""
        found = {}
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (directory / "environ").read_bytes():
                    arguments = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(directory.name)] = f"{(directory / 'comm').read_text().strip()} {arguments}"
            except OSError:
                continue
        return found

    def runs(self, text: str) -> bool:
        """Whether a process of that name, or with that in its arguments, runs for us right now."""
        return any(text in told for told in self.processes().values())

    def files(self) -> dict[str, bytes]:
        """What was handed over, all of it."""
        return {
            path.relative_to(self.into).as_posix(): path.read_bytes()
            for path in self.into.rglob("*")
            if path.is_file()
        }

    def environment(self, variables: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """What a container has, the mark of our processes, and what else a test puts there."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(lockgate.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self._scratch),
            "RUN_MARK": self._mark,
            **variables,
        }
