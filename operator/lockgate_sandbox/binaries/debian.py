"""What the sandbox needs of the machine's own packages, and how to get it on Debian.

As root it installs them; otherwise it names the one command to run. It never touches anything else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from lockgate_sandbox.errors import Unavailable

_INSTALL_SECONDS = 300


def ensure_packages(packages: Sequence[str], what_for: str) -> None:
    """Install Debian packages; Unavailable, naming the command, where that is not ours to do."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    shown = " ".join(["sudo", *command[:2], *packages])
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"{what_for} needs the packages {', '.join(packages)}; on Debian run: {shown}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for attempt in (command, ["apt-get", "update"], command):
        done = subprocess.run(
            attempt, env=environment, capture_output=True, text=True, timeout=_INSTALL_SECONDS
        )
        if done.returncode == 0 and attempt is command:
            return
    raise Unavailable(f"{what_for}: `{shown}` failed: {done.stderr.strip()[-300:]}")
