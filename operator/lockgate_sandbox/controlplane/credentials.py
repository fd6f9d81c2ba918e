"""Every key, certificate and kubeconfig the servers of a world need, made once at its start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from lockgate_sandbox.controlplane.servers import API_SERVICE_ADDRESS
from lockgate_sandbox.kubeconfig import write_kubeconfig
from lockgate_sandbox.pki import Authority, signing_key

_API_NAMES = (
    "localhost",
    "127.0.0.1",
    API_SERVICE_ADDRESS,
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_ADMIN = ("lockgate-admin", ("system:masters",))
# kubeconfig name -> who its bearer is (user, groups)
_CALLERS: dict[str, tuple[str, Sequence[str]]] = {
    "inside": _ADMIN,
    "controller-manager": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
}


def make_credentials(directory: Path, server: str, seen_from_outside: str | None = None) -> Authority:
    """Write `pki/` and the kubeconfigs of servers and administrators.

    `server` is the URL for the world's own processes; `seen_from_outside` the one for callers on the
    machine around it, where that differs (`admin.kubeconfig` has it, `inside.kubeconfig` has `server`).
    """
    pki = directory / "pki"
    pki.mkdir(mode=0o700)
    authority = Authority.create()
    authority.pair.write(pki, "ca")
    host = urlsplit(server).hostname or "localhost"
    authority.server("kube-apiserver", tuple(dict.fromkeys((*_API_NAMES, host)))).write(pki, "apiserver")
    authority.client("kube-apiserver-kubelet-client", ("system:masters",)).write(pki, "apiserver-kubelet")
    private, public = signing_key()
    (pki / "sa.key").touch(mode=0o600)
    (pki / "sa.key").write_bytes(private)
    (pki / "sa.pub").write_bytes(public)
    for name, (user, groups) in _CALLERS.items():
        write_identity(directory, name, server, authority, user, groups)
    write_identity(directory, "admin", seen_from_outside or server, authority, *_ADMIN)
    return authority


def write_identity(
    directory: Path, name: str, server: str, authority: Authority, user: str, groups: Sequence[str] = ()
) -> None:
    """Write NAME.kubeconfig, whose bearer the API server knows as `user` in `groups`."""
    identity = authority.client(user, groups)
    write_kubeconfig(directory / f"{name}.kubeconfig", server, authority.pair.certificate, identity)
