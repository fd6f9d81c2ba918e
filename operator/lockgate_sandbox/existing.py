"""A cluster that somebody else runs, as a world: everything goes through kubectl and its own login.

Nothing is started and nothing is left behind but what the caller made; closing ends only the
port-forwards and forgets the identities this file made. How images get to somebody else's nodes is
not ours to know, so it offers neither that nor parts.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from lockgate_sandbox.errors import SandboxError, Unavailable
from lockgate_sandbox.kubeconfig import write_kubeconfig
from lockgate_sandbox.pki import KeyPair, signing_request
from lockgate_sandbox.programs import run_helm, run_kubectl
from lockgate_sandbox.supervise.lifetime import tie_to_caller
from lockgate_sandbox.worlds import Level

_FORWARD_SECONDS = 20.0
_SIGN_SECONDS = 20.0
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


class ExistingWorld:
    """Any cluster, by the kubeconfig of an administrator."""

    level = Level.EXISTING
    audit_log = None

    def __init__(self, kubeconfig: Path) -> None:
        """Use the current context of `kubeconfig`."""
        from lockgate_sandbox.binaries import programs_of

        self.kubeconfig = kubeconfig
        own = shutil.which("kubectl")
        self._kubectl = Path(own) if own else programs_of(["kubectl"])["kubectl"]
        self._identities = tempfile.TemporaryDirectory(prefix="lockgate-")
        self._forwards: dict[tuple[str, str, int], tuple[subprocess.Popen[bytes], str]] = {}
        self._cluster = self._read_cluster()
        self.name = str(self._cluster["name"])

    @classmethod
    def from_kubeconfig(cls, kubeconfig: Path | None) -> Self:
        """Use `kubeconfig`, else the first file of KUBECONFIG; Unavailable when there is none."""
        named = kubeconfig or next(
            map(Path, filter(None, os.environ.get("KUBECONFIG", "").split(os.pathsep))), None
        )
        if named is None or not named.is_file():
            raise Unavailable(
                f"no kubeconfig at {named or 'KUBECONFIG, which is not set'}; name that of a test cluster"
            )
        return cls(named.absolute())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the kubeconfig's user; SandboxError with its words when `check` and it fails."""
        return run_kubectl([str(self._kubectl)], self.kubeconfig, args, stdin, check, timeout)

    def helm(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run helm as the kubeconfig's user; SandboxError with its words when `check` and it fails."""
        return run_helm(self.kubeconfig, args, stdin, check, timeout)

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig whose bearer is `user` in `groups`, by a certificate the cluster itself signs."""
        key, request = signing_request(user, groups)
        name = f"lockgate-{os.urandom(4).hex()}"
        body = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {
                "request": base64.b64encode(request).decode(),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"],
            },
        }
        self.kubectl("create", "-f", "-", stdin=json.dumps(body))
        try:
            self.kubectl("certificate", "approve", name)
            certificate = self._signed(name)
        finally:
            self.kubectl("delete", "certificatesigningrequest", name, check=False)
        return self._write(name, KeyPair(key, certificate))

    def kubeconfig_for_service_account(self, namespace: str, name: str, seconds: int = 3600) -> Path:
        """A kubeconfig with a token of an existing service account, valid for `seconds`."""
        token = self.kubectl(
            "-n", namespace, "create", "token", name, f"--duration={seconds}s"
        ).stdout.strip()
        return self._write(f"{namespace}-{name}", token)

    def forward(self, namespace: str, service: str, port: int) -> str:
        """Base URL of a `kubectl port-forward` to one pod behind the service; a dead one is replaced."""
        key = (namespace, service, port)
        if (known := self._forwards.get(key)) and known[0].poll() is None:
            return known[1]
        command = [str(self._kubectl), "-n", namespace, "port-forward", f"service/{service}", f":{port}"]
        # To a file: kubectl says a line for every connection, and nobody would empty a pipe.
        words = Path(self._identities.name) / f"forward-{os.urandom(4).hex()}.log"
        with words.open("wb") as out:
            process = subprocess.Popen(
                [*command, "--address=127.0.0.1"],
                env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=tie_to_caller(),
            )
        url = _forwarded_url(process, words, f"{namespace}/{service}:{port}")
        self._forwards[key] = (process, url)
        return url

    def close(self) -> None:
        """End the port-forwards and forget the identities."""
        for process, _ in self._forwards.values():
            process.terminate()
            process.wait()
        self._forwards.clear()
        self._identities.cleanup()

    def _read_cluster(self) -> dict[str, Any]:
        shown = self.kubectl("config", "view", "--minify", "--raw", "--flatten", "-o=json").stdout
        config = json.loads(shown)
        if not config.get("clusters"):
            raise Unavailable(f"{self.kubeconfig} has no cluster in its current context")
        cluster: dict[str, Any] = config["clusters"][0]
        return cluster

    def _signed(self, request: str) -> bytes:
        deadline = time.monotonic() + _SIGN_SECONDS
        while time.monotonic() < deadline:
            path = "jsonpath={.status.certificate}"
            if encoded := self.kubectl("get", "certificatesigningrequest", request, "-o", path).stdout:
                return base64.b64decode(encoded)
            time.sleep(0.1)
        raise SandboxError(f"the cluster did not sign a client certificate within {_SIGN_SECONDS:g} s")

    def _write(self, name: str, identity: KeyPair | str) -> Path:
        cluster = self._cluster["cluster"]
        authority = base64.b64decode(cluster.get("certificate-authority-data", ""))
        path = Path(self._identities.name) / f"{name}.kubeconfig"
        return write_kubeconfig(path, cluster["server"], authority, identity)


def _forwarded_url(process: subprocess.Popen[bytes], words: Path, what: str) -> str:
    """Wait for the line with the port that kubectl chose."""
    deadline = time.monotonic() + _FORWARD_SECONDS
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        if found := _FORWARDING.search(words.read_text()):
            return f"http://127.0.0.1:{found[1]}"
        if ended:
            break
        time.sleep(0.02)
    process.kill()
    process.wait()
    said = words.read_text().strip()[-300:] or "kubectl said nothing"
    raise SandboxError(f"cannot forward to {what}: {said}")
