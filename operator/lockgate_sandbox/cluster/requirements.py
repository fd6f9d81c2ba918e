"""Can this machine carry a whole cluster, and if not, in one sentence, why not?

Installs missing Debian packages as root; changes nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lockgate_sandbox.binaries.debian import ensure_packages
from lockgate_sandbox.errors import Unavailable

_OTHERWISE = "point KUBECONFIG at any test cluster and use the existing level instead"
# program -> Debian package
_PROGRAMS = {
    "ip": "iproute2",
    "nft": "nftables",
    "conntrack": "conntrack",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}
_NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")


def require() -> None:
    """Return when a cluster can be started here; Unavailable otherwise."""
    if os.geteuid() != 0:
        raise Unavailable(f"a cluster world needs root for its namespaces and control groups; {_OTHERWISE}")
    missing = {package for program, package in _PROGRAMS.items() if shutil.which(program) is None}
    if not any(Path("/usr/lib").glob("*/libseccomp.so.2")) and not any(
        Path("/lib").glob("*/libseccomp.so.2")
    ):
        missing.add("libseccomp2")
    if missing:
        ensure_packages(sorted(missing), "a cluster world")
    probe = subprocess.run([*_NAMESPACES, "true"], capture_output=True, text=True, timeout=20)
    if probe.returncode != 0:
        raise Unavailable(
            f"root may not make namespaces here ({probe.stderr.strip()[-200:]}), as in most containers;"
            f" {_OTHERWISE}"
        )
