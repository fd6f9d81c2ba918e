"""The parent of all servers of one world: starts them, watches them, restarts them.

It is the first process of its world (inside a PID namespace, number 1), so its end is the end of
all of them. It has one thread, and it knows nothing of what the servers are for. Once the world is
ready it also takes in servers that callers ask for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lockgate_sandbox.errors import SandboxError, StartFailed
from lockgate_sandbox.supervise.components import JOINING, Component, joined
from lockgate_sandbox.supervise.lifetime import dies_with, wait_for_signal, woken_by
from lockgate_sandbox.supervise.reports import Reporter
from lockgate_sandbox.worlds import write_atomically

_POLL_SECONDS = 0.02
_RESTART_AFTER_SECONDS = 0.3
_ALLOWANCE = ("GOGC", "GOMAXPROCS")


class Supervisor:
    """Starts components and stays with them for as long as the world lives."""

    def __init__(self, directory: Path, reporter: Reporter, environment: Mapping[str, str]) -> None:
        """Components run in `directory` with `environment` and log to `directory/logs`.

        How much Go programs take of the machine, whoever starts a world may say for all of its servers.
        """
        self.directory = directory
        self.reporter = reporter
        allowed = {name: os.environ[name] for name in _ALLOWANCE if name in os.environ}
        self._environment = {**allowed, **environment}
        self._running: dict[int, Component] = {}
        self._restarts: dict[str, int] = {}
        self._log_directory = directory / "logs"
        self._log_directory.mkdir(exist_ok=True)

    def start(self, component: Component) -> None:
        """Start a server; its output is appended to its log."""
        with (self._log_directory / f"{component.name}.log").open("ab") as log:
            process = subprocess.Popen(
                component.argv,
                cwd=self.directory,
                env={**self._environment, **component.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=component.keep_fds,
                preexec_fn=dies_with(os.getpid()),
            )
        # From here on only reap() asks for its end, together with that of all orphans.
        process.returncode = 0
        self._running[process.pid] = component
        self._write_table()

    def run(self, name: str, argv: Sequence[str], within: float = 30.0) -> str:
        """Run a program to its end and return its output; StartFailed when it fails or takes too long."""
        try:
            done = subprocess.run(
                argv,
                cwd=self.directory,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=within,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StartFailed(f"{name} failed: {error}") from error
        if done.returncode != 0:
            raise StartFailed(f"{name} failed: {(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout

    def wait_for(self, what: str, ready: Callable[[], bool], within: float) -> None:
        """Wait until `ready()`; StartFailed when a server ends meanwhile or `within` seconds have passed."""
        deadline = time.monotonic() + within
        while not ready():
            self._fail_if_one_ended()
            if time.monotonic() > deadline:
                raise StartFailed(f"{what} was not ready within {within:g} s; logs in {self._log_directory}")
            time.sleep(_POLL_SECONDS)
        self.reporter.step(what)

    def stay(self, waker: int) -> None:
        """Reap, restart and take in for ever, whenever `waker` tells; this process is ended from outside."""
        while True:
            wanted = {component.name: component for component in joined(self.directory)}
            for ended in self._reap():
                time.sleep(_RESTART_AFTER_SECONDS)
                self._restarts[ended.name] = self._restarts.get(ended.name, 0) + 1
                self.start(wanted.get(ended.name, ended))
            self._take_in(wanted)
            wait_for_signal(waker)

    def _take_in(self, wanted: Mapping[str, Component]) -> None:
        """Start what is to join; what has joined as something else is ended, and so begins anew as this."""
        pids = {component.name: pid for pid, component in self._running.items()}
        for name, component in wanted.items():
            if name not in pids:
                self.start(component)
            elif self._running[pids[name]] != component:
                os.kill(pids[name], signal.SIGKILL)

    def _reap(self) -> list[Component]:
        ended: list[Component] = []
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            if component := self._running.pop(pid, None):
                ended.append(component)

    def _fail_if_one_ended(self) -> None:
        for component in self._reap():
            raise StartFailed(f"{component.name} ended while starting: {self._last_words(component.name)}")

    def _last_words(self, name: str) -> str:
        lines = (self._log_directory / f"{name}.log").read_text(errors="replace").strip().splitlines()
        telling = [line for line in lines if line.startswith(("E", "F", "Error", "error", "panic"))]
        return (telling or lines or ["(no output)"])[-1][:400]

    def _write_table(self) -> None:
        table = [
            {"name": component.name, "pid": pid, "restarts": self._restarts.get(component.name, 0)}
            for pid, component in self._running.items()
        ]
        write_atomically(self.directory / "components.json", json.dumps(table))


def serve(directory: Path, reporter: Reporter, supervisor: Supervisor, boot: Callable[[], None]) -> int:
    """Boot a world, say how that went, and stay with it. Returns only when the boot failed."""
    try:
        boot()
    except SandboxError as error:
        write_atomically(directory / "failed", str(error))
        reporter.failed(str(error))
        return 1
    # Whoever hears that it is ready may have a server join, or end the world, at once.
    waker = woken_by(signal.SIGCHLD, JOINING)
    write_atomically(directory / "ready", str(reporter.seconds()))
    reporter.ready()
    supervisor.stay(waker)
    return 0
