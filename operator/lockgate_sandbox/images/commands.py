"""Long commands whose words go into a log: shown as progress, told in short when they fail."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lockgate_sandbox.binaries.progress import Progress
from lockgate_sandbox.errors import SandboxError

_LOOK_SECONDS = 0.2
_LAST_WORDS = 12


def run_logged(command: Sequence[str], log: Path, progress: Progress, what: str, seconds: float) -> None:
    """Run a command for at most `seconds`; SandboxError with its last words when it fails.

    The command and all it starts end with this process, even when this process is killed.
    """
    # The kernel ends `unshare` with us, and the namespace with `unshare`.
    guarded = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--mount-proc"]
    guarded += ["--kill-child", "--", *command]
    until = time.monotonic() + seconds
    with log.open("a") as out:
        began = log.stat().st_size
        process = subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            while (code := _wait(process)) is None:
                if time.monotonic() > until:
                    raise SandboxError(f"{what} was not done after {seconds:.0f} s; its log is {log}")
                progress.tick(_doing(log, began) or what)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if code != 0:
        words = "\n".join(_lines(log, began)[-_LAST_WORDS:])
        raise SandboxError(
            f"{what} could not be built ({command[0]} ended with {code}):\n{words}\nLog: {log}"
        )


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _lines(log: Path, began: int) -> list[str]:
    with log.open("rb") as words:
        words.seek(began)
        return [line.strip() for line in words.read().decode(errors="replace").splitlines() if line.strip()]


def _doing(log: Path, began: int) -> str:
    steps = [line for line in _lines(log, began) if "STEP " in line]
    return steps[-1][:70] if steps else ""
