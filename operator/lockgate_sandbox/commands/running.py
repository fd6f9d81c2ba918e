"""`up`, `down`, `exec`: starting a world, ending it, running something in it."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from lockgate_sandbox.binaries import programs_of
from lockgate_sandbox.binaries.locate import cached
from lockgate_sandbox.binaries.pins import HELM
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.commands.looking import pick
from lockgate_sandbox.errors import NotOffered, SandboxError
from lockgate_sandbox.part import in_order, prepare, urls
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.supervise.reports import Kind, Report
from lockgate_sandbox.world import running_in, start_cluster, start_control_plane
from lockgate_sandbox.worlds import Level, is_alive, running

_CALL = "python -m lockgate_sandbox"


def up(options: argparse.Namespace) -> int:
    """Start a world; stay until Ctrl-C or its end, unless detached."""
    level = Level(options.level)
    start = start_cluster if level is Level.CLUSTER else start_control_plane
    prepare(options.parts, level)
    # SIGTERM, too, ends it in order: this process returns when nothing is left.
    signal.signal(signal.SIGTERM, _interrupt)
    world = start(name=options.name, on_report=_show, detached=options.detach)
    furnish(world, options.parts)
    _explain(world, options.detach)
    if options.detach:
        return 0
    try:
        while is_alive(world.directory):
            time.sleep(0.5)
    except KeyboardInterrupt:
        print(f"\nending {world.name}", flush=True)
        world.close()
        print("ended; nothing is left of it")
        return 0
    raise SandboxError(f"world {world.name!r} has ended by itself")


def furnish(world: RunningWorld, parts: Sequence[str]) -> None:
    """Install parts and say so; without one of them there is to be no world at all."""
    began = time.monotonic()
    try:
        for part in in_order(parts, world.level):
            world.add(part.name)
            print(f"{time.monotonic() - began:6.2f} s  part {part.name} answers", flush=True)
    except BaseException:
        # A detached world would stay, though what was asked for is not there.
        world.close()
        raise


def down(options: argparse.Namespace) -> int:
    """End one world or all."""
    if options.all:
        worlds = [running_in(directory) for directory, record in running() if record.detached]
    else:
        worlds = [pick(options.name)]
    for world in worlds:
        began = time.monotonic()
        world.close()
        print(f"{world.name} ended after {time.monotonic() - began:.1f} s")
    return 0


def execute(options: argparse.Namespace) -> int:
    """Become the given command, pointed at a world."""
    world = pick(options.name)
    command: list[str] = options.command
    search = [str(world.directory / "bin")]
    if cached(HELM).is_dir() or command[0] == "helm":
        search.append(str(programs_of(["helm"])["helm"].parent))
    environment = {**os.environ, "KUBECONFIG": str(world.kubeconfig)}
    environment["PATH"] = os.pathsep.join([*search, os.environ.get("PATH", os.defpath)])
    if options.inside:
        command = _inside(world, command, environment)
    if shutil.which(command[0], path=environment["PATH"]) is None:
        raise SandboxError(f"there is no command {command[0]!r}")
    sys.stdout.flush()
    os.execvpe(command[0], command, environment)  # noqa: S606 - the user's own command line


def _inside(world: RunningWorld, command: list[str], environment: dict[str, str]) -> list[str]:
    if not isinstance(world, ClusterWorld):
        raise NotOffered(f"world {world.name!r} has no inside: only a cluster has namespaces of its own")
    environment["KUBECONFIG"] = str(world.inner_kubeconfig)
    return world.inside(command)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show(report: Report) -> None:
    if report.kind is Kind.STEP:
        print(f"{report.seconds:6.2f} s  {report.text}", flush=True)


def _explain(world: RunningWorld, detached: bool) -> None:
    name = f" --name {world.name}"
    end = f"{_CALL} down{name}" if detached else "Ctrl-C"
    print(
        f"\n{world.level} {world.name!r} is ready.\n"
        f"  use it       export KUBECONFIG={shlex.quote(str(world.kubeconfig))}\n"
        f"  look around  {_CALL} exec{name} -- kubectl get all -A\n"
        f"  read logs    {_CALL} logs{name}\n"
        f"  audit log    {world.audit_log}\n"
        f"  end it       {end}",
        flush=True,
    )
    for part, url in urls(world.directory).items():
        print(f"  {part:<12} {url}", flush=True)
