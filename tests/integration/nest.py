"""Operators that need not load their libraries: forked from a process of each worker that has.

Nine tenths of what a start costs is the same each time, and a start in each of two hundred tests was a
third of what all of them cost. Only that is left out: a forked one has its own environment, its own
output and everything that `lockgate run` does after its imports. The tests of starts and ends start
the program itself. `python -m tests.integration.nest` is the process that forks, one for each line it
is told.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Hatched:
    """An operator that is no child of this process, with what tests need of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._life = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """None as long as it runs; with which code it ended nobody knows."""
        return 0 if select.select([self._life], [], [], 0)[0] else None

    def wait(self, timeout: float) -> None:
        """Return when it has ended; subprocess.TimeoutExpired after so many seconds."""
        if not select.select([self._life], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("lockgate run", timeout)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it, unless there is nobody any more."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._life, number)

    def __del__(self) -> None:
        os.close(self._life)


class Nest:
    """Starts operators; one process forks those that have the same path of modules."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def hatch(self, environment: Mapping[str, str], log: Path) -> Hatched:
        """Another operator, which writes into `log` what it says."""
        path = environment["PYTHONPATH"]
        if path not in self._processes:
            self._processes[path] = self._begin(environment, path)
        process = self._processes[path]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"environment": dict(environment), "log": str(log)}) + "\n")
        process.stdin.flush()
        return Hatched(int(process.stdout.readline()))

    def close(self) -> None:
        """End those who fork; operators go on."""
        for process in self._processes.values():
            process.communicate()
        self._processes.clear()

    def _begin(self, environment: Mapping[str, str], path: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.nest"],
            env={**environment, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def main() -> int:
    """Load all, then fork for each line; in a forked one, what its program returns."""
    from kubernetes.config import kube_config

    from lockgate.__main__ import main as lockgate

    _load()
    # Nobody waits for those who have ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if pid := os.fork():
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        told = json.loads(line)
        os.environ.clear()
        os.environ.update(told["environment"])
        # The one thing that is read from the environment when a library is loaded.
        kube_config.KUBE_CONFIG_DEFAULT_LOCATION = os.environ["KUBECONFIG"]
        _say_into(told["log"])
        return lockgate(["run"])
    return 0


def _load() -> None:
    import lockgate.app
    from lockgate.registries.wandb.environment import isolate_environment

    # As the operator does before it loads its client.
    isolate_environment()
    import wandb

    assert lockgate.app
    assert wandb


def _say_into(log: str) -> None:
    nothing, out = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number, place in enumerate((nothing, out, out)):
        os.dup2(place, number)
    os.close(nothing)
    os.close(out)


if __name__ == "__main__":
    sys.exit(main())
