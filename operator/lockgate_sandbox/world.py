"""The one interface of the three kinds of world, and how to get one of each.

Tests, demo and benchmarks depend on this file and on none behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol, Self

from lockgate_sandbox.binaries import programs_for
from lockgate_sandbox.errors import Unavailable
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.supervise.launch import OnReport, fresh_name, launch
from lockgate_sandbox.worlds import Level

__all__ = ["Level", "World", "require_cluster", "start_cluster", "start_control_plane", "use_existing"]


class World(Protocol):
    """A Kubernetes API to work against, of one of three levels. A context manager that ends it."""

    @property
    def name(self) -> str:
        """The world's name."""

    @property
    def level(self) -> Level:
        """How much of a cluster it is, and so what it offers."""

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of an administrator."""

    @property
    def audit_log(self) -> Path | None:
        """JSON lines of audit.k8s.io/v1 events at Metadata level; None where it cannot be read."""

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 60
    ) -> CompletedProcess[str]:
        """Run kubectl as administrator; SandboxError with its words when `check` and it fails."""

    def helm(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 300
    ) -> CompletedProcess[str]:
        """Run helm as administrator; SandboxError with its words when `check` and it fails."""

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig whose bearer is `user` in `groups`, with only the rights RBAC gives them."""

    def kubeconfig_for_service_account(self, namespace: str, name: str, seconds: int = 3600) -> Path:
        """A kubeconfig with a token of an existing service account, valid for `seconds`."""

    def forward(self, namespace: str, service: str, port: int) -> str:
        """Base URL (http://127.0.0.1:PORT) under which this machine reaches a service of the cluster."""

    def load_image_archives(self, archives: Sequence[Path]) -> None:
        """Make images (OCI archives) known to the node; NotOffered where that is not ours to do."""

    def close(self) -> None:
        """End what was started; harmless the second time."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def start_control_plane(
    name: str | None = None, on_report: OnReport | None = None, detached: bool = False
) -> RunningWorld:
    """Start etcd, API server, controller manager and scheduler on loopback; returns when ready.

    Unless detached it ends with this process, however this process ends. The first call on a machine
    builds the programs, which takes minutes and shows its progress on stderr.
    """
    _require_linux("control-plane")
    return _start(Level.CONTROL_PLANE, name, on_report, detached)


def start_cluster(
    name: str | None = None, on_report: OnReport | None = None, detached: bool = False
) -> RunningWorld:
    """Start a real one-node Kubernetes in namespaces of its own; returns when its node is Ready.

    Linux and root only: Unavailable otherwise, in one sentence.
    """
    require_cluster()
    return _start(Level.CLUSTER, name, on_report, detached)


def require_cluster() -> None:
    """Return when a cluster can be started on this machine; Unavailable otherwise, in one sentence."""
    _require_linux("cluster")
    from lockgate_sandbox.cluster.requirements import require

    require()


def use_existing(kubeconfig: Path | None = None) -> World:
    """Use a cluster that somebody else runs: `kubeconfig`, else what KUBECONFIG names."""
    from lockgate_sandbox.existing import ExistingWorld

    return ExistingWorld.from_kubeconfig(kubeconfig)


def _start(level: Level, name: str | None, on_report: OnReport | None, detached: bool) -> RunningWorld:
    programs = programs_for(level)
    keeper = launch(name or fresh_name(level), level, programs, on_report, detached)
    return RunningWorld(keeper.directory, keeper)


def _require_linux(level: str) -> None:
    if sys.platform != "linux":
        raise Unavailable(
            f"a {level} world needs Linux and this is {sys.platform};"
            " point KUBECONFIG at any test cluster and use the existing level instead"
        )
