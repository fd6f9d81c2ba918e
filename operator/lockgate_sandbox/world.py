"""How to get a world of each level: start one, take hold of one that runs, use one of somebody else.

What each offers is its type: RunningWorld, ClusterWorld (which is one with more), ExistingWorld.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lockgate_sandbox.binaries import programs_for
from lockgate_sandbox.cluster.requirements import require as require_namespaces
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.errors import SandboxError, Unavailable
from lockgate_sandbox.existing import ExistingWorld
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.supervise.launch import Keeper, OnReport, fresh_name, launch
from lockgate_sandbox.worlds import Level, WorldRecord, is_alive, worlds_root

_CONTROL_PLANE_KEEPER = "lockgate_sandbox.controlplane.outside"
_CLUSTER_KEEPER = "lockgate_sandbox.cluster.outside"


def start_control_plane(
    name: str | None = None, on_report: OnReport | None = None, detached: bool = False
) -> RunningWorld:
    """Start etcd, API server, controller manager and scheduler on loopback; returns when ready.

    Unless detached it ends with this process, however this process ends. The first call on a machine
    builds the programs, which takes minutes and shows its progress on stderr.
    """
    _require_linux("control-plane")
    return RunningWorld(*_start(Level.CONTROL_PLANE, _CONTROL_PLANE_KEEPER, name, on_report, detached))


def start_cluster(
    name: str | None = None, on_report: OnReport | None = None, detached: bool = False
) -> ClusterWorld:
    """Start a real one-node Kubernetes in namespaces of its own; returns when its node is Ready.

    Linux and root only: Unavailable otherwise, in one sentence.
    """
    require_cluster()
    return ClusterWorld(*_start(Level.CLUSTER, _CLUSTER_KEEPER, name, on_report, detached))


def require_cluster() -> None:
    """Return when a cluster can be started on this machine; Unavailable otherwise, in one sentence."""
    _require_linux("cluster")
    require_namespaces()


def use_existing(kubeconfig: Path | None = None) -> ExistingWorld:
    """Use a cluster that somebody else runs: `kubeconfig`, else what KUBECONFIG names."""
    return ExistingWorld.from_kubeconfig(kubeconfig)


def running_in(directory: Path) -> RunningWorld:
    """Take hold of the world in a directory; it is a ClusterWorld where it is one."""
    is_cluster = WorldRecord.load(directory).level is Level.CLUSTER
    return ClusterWorld(directory) if is_cluster else RunningWorld(directory)


def running_world(name: str) -> RunningWorld:
    """Take hold of the living world of that name; SandboxError when there is none."""
    directory = worlds_root() / name
    if not is_alive(directory):
        raise SandboxError(f"no world named {name!r} is running; start one with `up --name {name}`")
    return running_in(directory)


def _start(
    level: Level, keeper_module: str, name: str | None, on_report: OnReport | None, detached: bool
) -> tuple[Path, Keeper]:
    programs = programs_for(level)
    keeper = launch(name or fresh_name(level), level, keeper_module, programs, on_report, detached)
    return keeper.directory, keeper


def _require_linux(level: str) -> None:
    if sys.platform != "linux":
        raise Unavailable(
            f"a {level} world needs Linux and this is {sys.platform};"
            " point KUBECONFIG at any test cluster and use the existing level instead"
        )
