"""The control groups of clusters: made before a cluster, removed after it, and swept when left over.

Each cluster has a group of its own (`lockgate-NAME`) in every hierarchy, with cgroup v1 as well as v2.
All its servers sit in the subgroup `servers` of one hierarchy, so a group tree without any process is
a leftover for certain. Only groups of that name are ever touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from lockgate_sandbox.worlds import locked

_MOUNT = Path("/sys/fs/cgroup")
_PREFIX = "lockgate-"
_REMOVE_SECONDS = 5.0


def group_of(name: str) -> str:
    """Name of the group of a cluster."""
    return f"{_PREFIX}{name}"


def make_and_enter_groups(name: str) -> Path:
    """Make the groups of a cluster and put this process, and by that all it starts, among its servers.

    Leftovers of clusters that ended without removing theirs go on the way. Returns where to go back to.
    """
    before = _own_group()
    with locked(_MOUNT):
        _sweep()
        for hierarchy in _hierarchies():
            _make_group(hierarchy, name)
        # Still under the lock, so that no other start takes these groups for leftovers.
        _servers_group(name).mkdir(exist_ok=True)
        enter(_servers_group(name))
    return before


def enter(group: Path) -> None:
    """Move this process to a group."""
    (group / "cgroup.procs").write_text(str(os.getpid()))


def _sweep() -> None:
    groups = [group for hierarchy in _hierarchies() for group in hierarchy.glob(f"{_PREFIX}*")]
    # A living cluster has processes in one hierarchy for certain, but not in each.
    alive = {group.name for group in groups if _has_processes(group)}
    for group in groups:
        if group.name not in alive:
            _remove_tree(group)


def _make_group(hierarchy: Path, name: str) -> None:
    group = hierarchy / group_of(name)
    group.mkdir(exist_ok=True)
    # A new cpuset of v1 is empty, and nothing may run in it until that is filled.
    for setting in ("cpuset.cpus", "cpuset.mems"):
        if hierarchy != _MOUNT and (group / setting).exists():
            (group / setting).write_text((hierarchy / setting).read_text())


def _own_group() -> Path:
    """The group this process is in, in the hierarchy where clusters keep their servers."""
    home = _home_hierarchy()
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if (home == _MOUNT and not controllers) or "pids" in controllers.split(","):
            return home / path.lstrip("/")
    return home


def remove_groups(name: str) -> None:
    """Remove the groups of a cluster whose processes have all ended."""
    for hierarchy in _hierarchies():
        _remove_tree(hierarchy / group_of(name))


def _hierarchies() -> list[Path]:
    """Every mounted hierarchy that can be written: one in pure v2, one per controller in v1."""
    if (_MOUNT / "cgroup.controllers").exists():
        return [_MOUNT]
    # `cpu` and `cpuacct` may be links to one hierarchy.
    return sorted({path.resolve() for path in _MOUNT.iterdir() if (path / "cgroup.procs").exists()})


def _home_hierarchy() -> Path:
    return _MOUNT if (_MOUNT / "cgroup.controllers").exists() else (_MOUNT / "pids").resolve()


def _servers_group(name: str) -> Path:
    return _home_hierarchy() / group_of(name) / "servers"


def _groups_below(group: Path) -> Iterator[Path]:
    """The group and all under it, deepest first."""
    for directory, _, _ in os.walk(group, topdown=False):
        yield Path(directory)


def _has_processes(group: Path) -> bool:
    for below in _groups_below(group):
        with contextlib.suppress(OSError):
            if (below / "cgroup.procs").read_text().strip():
                return True
    return False


def _remove_tree(group: Path) -> None:
    deadline = time.monotonic() + _REMOVE_SECONDS
    for below in _groups_below(group):
        while True:
            try:
                below.rmdir()
            except FileNotFoundError:
                break
            except OSError as error:
                # The kernel needs a moment after the last process before it lets a group go.
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    break
                time.sleep(0.01)
            else:
                break
