"""How a caller gets a world: claim a directory, start its keeper, listen until it is ready.

The caller's side only. What happens between is the keeper's and the supervisor's business.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate_sandbox.errors import StartFailed
from lockgate_sandbox.source import PACKAGES
from lockgate_sandbox.supervise.reports import Kind, Report, read_reports
from lockgate_sandbox.worlds import Level, claim

OnReport = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class Keeper:
    """A started keeper; closing `lifeline` (-1 when detached) ends its world."""

    process: subprocess.Popen[bytes]
    lifeline: int
    directory: Path

    def end(self, within: float = 20.0) -> None:
        """End the world and wait until it is gone; SIGKILL after `within` seconds."""
        if self.lifeline >= 0:
            os.close(self.lifeline)
        else:
            self.process.terminate()
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def fresh_name(level: Level) -> str:
    """A name that no other world is likely to have."""
    return f"{'cp' if level is Level.CONTROL_PLANE else 'cl'}-{secrets.token_hex(4)}"


def launch(
    name: str,
    level: Level,
    keeper_module: str,
    programs: Mapping[str, Path],
    on_report: OnReport | None = None,
    detached: bool = False,
) -> Keeper:
    """Start a world and return when it is ready; StartFailed with the first thing that went wrong.

    `keeper_module` is run as its keeper: each level has one of its own.
    Unless detached, the world ends when this process does, however it does.
    """
    directory, alive_fd = claim(name, level, detached)
    _link_programs(directory / "bin", programs)
    report_read, report_write = os.pipe()
    life_read, life_write = (-1, -1) if detached else os.pipe()
    inherited = [alive_fd, report_write] + ([] if detached else [life_read])
    command = [sys.executable, "-m", keeper_module, str(directory)]
    command += [f"--report={report_write}"] + ([] if detached else [f"--lifeline={life_read}"])
    with (directory / "keeper.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=_environment(),
            cwd="/",
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    for fd in inherited:
        os.close(fd)
    keeper = Keeper(process, life_write, directory)
    try:
        _listen(report_read, directory, on_report)
    except BaseException:
        keeper.end()
        raise
    return keeper


def _listen(report_fd: int, directory: Path, on_report: OnReport | None) -> None:
    for report in read_reports(report_fd):
        if on_report is not None:
            on_report(report)
        match report.kind:
            case Kind.READY:
                return
            case Kind.FAILED:
                raise StartFailed(f"world {directory.name!r} did not start: {report.text}")
            case Kind.STEP:
                continue
    log = directory / "keeper.log"
    words = log.read_text(errors="replace").strip()[-600:] if log.exists() else ""
    raise StartFailed(f"world {directory.name!r} ended while starting. {words}")


def _link_programs(directory: Path, programs: Mapping[str, Path]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, path in programs.items():
        (directory / name).symlink_to(path)


def _environment() -> dict[str, str]:
    """The caller's environment, with this package importable whatever the working directory."""
    search = [str(PACKAGES), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search)}
