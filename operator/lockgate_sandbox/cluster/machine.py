"""Making the inside of the namespaces a machine of its own: mounts, kernel settings, network.

Runs as the first process of the cluster, before any server. Nothing it does reaches outside: mounts
and links are in private namespaces, and where a kernel setting is shared with the outside it is
covered, not changed.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from lockgate_sandbox.supervise.supervisor import Supervisor

# The world's directory seen from inside: short, because socket paths end at 108 characters.
HOME = Path("/run/lockgate")
NODE_ADDRESS = "10.240.0.1"
_LINK = "lg0"

# What a kubelet would set for the whole machine; it is content when it finds these already.
_KUBELET_EXPECTS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# Settings that belong to the network namespace.
_NETWORK_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
}


def make_mounts(supervisor: Supervisor, directory: Path) -> None:
    """Give the namespace a /run of its own with the world's `directory` at HOME."""
    mount = "mounting the inside of the cluster"
    world = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Peers of each other inside, private towards the outside: pods may ask for mount propagation.
        supervisor.run(mount, ["mount", "--make-rshared", "/"])
        supervisor.run(mount, ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])
        HOME.mkdir(mode=0o700)
        # By descriptor, in case the directory itself is under the /run that was just covered.
        supervisor.run(mount, ["mount", "--bind", f"/proc/{os.getpid()}/fd/{world}", str(HOME)])
    finally:
        os.close(world)
    os.chdir(HOME)
    _cover_kernel_settings(supervisor)


def _cover_kernel_settings(supervisor: Supervisor) -> None:
    covers = Path("/run/kernel-settings")
    for name, value in _KUBELET_EXPECTS.items():
        cover = covers / name
        cover.parent.mkdir(parents=True, exist_ok=True)
        cover.write_text(f"{value}\n")
        if (setting := Path("/proc/sys") / name).exists():
            supervisor.run(f"covering {name}", ["mount", "--bind", str(cover), str(setting)])


def make_network(supervisor: Supervisor) -> None:
    """Bring up loopback and a bridge that carries the node's address, with no way out of the namespace."""
    for command in (
        ("link", "set", "lo", "up"),
        # A bridge, for want of dummy devices in some kernels.
        ("link", "add", _LINK, "type", "bridge"),
        ("address", "add", f"{NODE_ADDRESS}/32", "dev", _LINK),
        ("link", "set", _LINK, "up"),
        # Kubelet and API server look for a default route to learn their own address from.
        ("route", "add", "default", "dev", _LINK),
    ):
        supervisor.run("making the network of the cluster", ["ip", *command])
    for name, value in _NETWORK_SETTINGS.items():
        with contextlib.suppress(FileNotFoundError):
            (Path("/proc/sys") / name).write_text(value)
