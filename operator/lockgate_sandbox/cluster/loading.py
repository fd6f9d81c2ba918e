"""Bringing images to the node of a cluster, from archives on this machine. There is no registry.

The caller's side: steps into the cluster's namespaces for each archive and out again.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lockgate_sandbox.cluster.node_configuration import CONTAINERD_SOCKET
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.worlds import WorldRecord

_IMPORT_SECONDS = 300
_NOTICE_SECONDS = 10.0
# The kubelet's side of containerd puts this on every image it has taken notice of.
_NOTICED = "io.cri-containerd.image=managed"


def inside(record: WorldRecord, command: Sequence[str]) -> list[str]:
    """A command line that runs `command` inside the cluster's namespaces. Root only."""
    return ["nsenter", f"--target={record.first_pid}", "--net", "--mount", "--pid", "--", *command]


def load_archives(record: WorldRecord, ctr: Path, archives: Sequence[Path]) -> None:
    """Import each archive under the names it carries; returns when pods can use the images."""
    program = [str(ctr.resolve()), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", "images"]
    for archive in archives:
        # Through a pipe of ours, because the file may lie where the cluster sees something else.
        with archive.open("rb") as data:
            done = subprocess.run(
                inside(record, [*program, "import", "-"]),
                stdin=data,
                capture_output=True,
                text=True,
                timeout=_IMPORT_SECONDS,
            )
        if done.returncode != 0:
            raise SandboxError(f"cannot load the images of {archive.name}: {done.stderr.strip()[-500:]}")
    deadline = time.monotonic() + _NOTICE_SECONDS
    while not _all_noticed(record, program):
        if time.monotonic() > deadline:
            raise SandboxError(f"the node took no notice of its new images within {_NOTICE_SECONDS:g} s")
        time.sleep(0.05)


def _all_noticed(record: WorldRecord, program: Sequence[str]) -> bool:
    listing = subprocess.run(
        inside(record, [*program, "ls"]), capture_output=True, text=True, timeout=30, check=True
    )
    return all(_NOTICED in row for row in listing.stdout.splitlines()[1:])
