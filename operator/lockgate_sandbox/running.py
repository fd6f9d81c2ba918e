"""A world that the sandbox started: how to talk to it, how to add parts to it, how to end it.

Works from the process that started it as well as from any other of the same user. What only a level
with pods can do is in `cluster_world`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, overload

from lockgate_sandbox.api import ApiClient, Json
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.kubeconfig import write_kubeconfig
from lockgate_sandbox.part import H, Handle, Part, take_in
from lockgate_sandbox.pki import Authority
from lockgate_sandbox.programs import run_helm, run_kubectl
from lockgate_sandbox.supervise import components
from lockgate_sandbox.supervise.launch import Keeper
from lockgate_sandbox.worlds import Level, WorldRecord, is_alive

_END_SECONDS = 25.0


class RunningWorld:
    """A world that runs on this machine, and offers what a control plane can."""

    def __init__(self, directory: Path, keeper: Keeper | None = None) -> None:
        """Take hold of the world in `directory`; `keeper` is there in the process that started it."""
        self.directory = directory
        self.record = WorldRecord.load(directory)
        self._keeper = keeper
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The world's name, one per user at a time."""
        return self.record.name

    @property
    def level(self) -> Level:
        """How much of a cluster it is."""
        return self.record.level

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of an administrator, for callers on this machine."""
        return self.directory / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Every request to the API server, one audit.k8s.io/v1 event (Metadata level) a line."""
        return self.directory / "audit.log"

    @property
    def api_url(self) -> str:
        """Where the API server answers, for callers on this machine."""
        return f"https://127.0.0.1:{self.record.api_port}"

    def program(self, name: str) -> Path:
        """One of the world's programs, by its name."""
        return self.directory / "bin" / name

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator; SandboxError with its words when `check` and it fails."""
        # The cache is keyed by host and port only, and ports come round again with another schema.
        program = [str(self.program("kubectl")), f"--cache-dir={self.directory / 'kubectl-cache'}"]
        return run_kubectl(program, self.kubeconfig, args, stdin, check, timeout)

    def helm(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run helm as administrator; SandboxError with its words when `check` and it fails."""
        return run_helm(self.kubeconfig, args, stdin, check, timeout)

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig whose bearer is `user` in `groups`, by client certificate; no rights of its own."""
        authority = Authority.load(self.directory / "pki")
        return write_kubeconfig(
            self._identity_path("user", user, *groups),
            self.api_url,
            authority.pair.certificate,
            authority.client(user, groups),
        )

    def kubeconfig_for_service_account(self, namespace: str, name: str, seconds: int = 3600) -> Path:
        """A kubeconfig with a token of an existing service account, valid for `seconds`."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        with ApiClient(self.kubeconfig) as client:
            answer = client.post(path, {**request, "spec": {"expirationSeconds": seconds}})
        authority = (self.directory / "pki" / "ca.crt").read_bytes()
        kubeconfig = self._identity_path("sa", namespace, name)
        return write_kubeconfig(kubeconfig, self.api_url, authority, str(answer["status"]["token"]))

    def apply(self, *objects: Json) -> None:
        """Bring objects into the API, by server-side apply as administrator."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(listed))

    def join(self, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """Have one more server run in the world: restarted when it ends, and gone when the world is.

        Its log is that of component `name`, its working directory and its home are the world's.
        """
        server = components.Component(name, argv, environment=environment)
        components.join(self.directory, self.record.first_pid, server)

    @overload
    def add(self, part: str) -> Handle: ...

    @overload
    def add(self, part: Part[Self, H]) -> H: ...

    def add(self, part: str | Part[Self, Handle]) -> Handle:
        """Install a part and what it needs, or find it installed; returns its handle when it answers."""
        name = part if isinstance(part, str) else part.name
        return take_in(name, self, self.directory, self.level)

    def close(self) -> None:
        """End the world and wait until nothing of it is left. Harmless when it has ended already."""
        if self._closed:
            return
        self._closed = True
        if self._keeper is not None:
            self._keeper.end()
        else:
            self._ask_keeper_to_end()
        if self.directory.exists() and not is_alive(self.directory):
            shutil.rmtree(self.directory, ignore_errors=True)

    def _ask_keeper_to_end(self) -> None:
        if not is_alive(self.directory):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.record.keeper_pid, signal.SIGTERM)
        deadline = time.monotonic() + _END_SECONDS
        while self.directory.exists() and is_alive(self.directory):
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"world {self.name!r} did not end within {_END_SECONDS:g} s;"
                    f" its keeper is process {self.record.keeper_pid}"
                )
            time.sleep(0.05)

    def _identity_path(self, *parts: str) -> Path:
        directory = self.directory / "identities"
        directory.mkdir(mode=0o700, exist_ok=True)
        readable = "-".join("".join(c if c.isalnum() else "." for c in part) for part in parts)
        return directory / f"{readable[:100]}.kubeconfig"
