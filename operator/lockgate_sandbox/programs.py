"""Running kubectl and helm against one cluster, and saying what they said when they fail.

Helm's own files (cache, plug-ins, repositories) stay out of the user's home.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.worlds import cache_root


def run_kubectl(
    program: Sequence[str],
    kubeconfig: Path,
    args: Sequence[str],
    stdin: str | None,
    check: bool,
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run kubectl (`program` with arguments of its own); `timeout` in seconds."""
    return _run([*program, *args], {"KUBECONFIG": str(kubeconfig)}, stdin, check, timeout)


def run_helm(
    kubeconfig: Path, args: Sequence[str], stdin: str | None, check: bool, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run helm, built first where it is not there yet; `timeout` in seconds counts without the build."""
    from lockgate_sandbox.binaries import programs_of

    program = programs_of(["helm"])["helm"]
    home = cache_root() / "helm"
    places = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    return _run([str(program), *args], {"KUBECONFIG": str(kubeconfig), **places}, stdin, check, timeout)


def _run(
    command: list[str], extra: Mapping[str, str], stdin: str | None, check: bool, timeout: float
) -> subprocess.CompletedProcess[str]:
    shown = " ".join([Path(command[0]).name, *command[1:]])[:300]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **extra},
        )
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"`{shown}` did not end within {timeout:g} s") from error
    if check and done.returncode != 0:
        raise SandboxError(
            f"`{shown}` failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-1500:]}"
        )
    return done
