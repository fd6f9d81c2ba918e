"""Where is each program? A directory the user names, else the cache, else a build.

LOCKGATE_SANDBOX_BINARIES names a directory that may hold any of the programs and files; KUBEBUILDER_ASSETS
(the convention of Kubernetes' own test tools) one with etcd, kube-apiserver and kubectl.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from lockgate_sandbox.binaries.building import build, fetch
from lockgate_sandbox.binaries.pins import TOOLS, Files, Tool, tools_of
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.worlds import Level, cache_root

_ASSETS = ("etcd", "kube-apiserver", "kubectl")


def cached(tool: Tool | Files) -> Path:
    """The directory of a tool, or of files, in the user's cache, whether it is there yet or not."""
    return cache_root() / "binaries" / f"{tool.name}-{tool.key()}"


def programs_for(level: Level) -> Mapping[str, Path]:
    """Every program a level needs, by name; builds what is not there yet, with progress on stderr."""
    return _collect(tools_of(level))


def programs_of(names: Iterable[str]) -> Mapping[str, Path]:
    """Single programs by name; builds what is not there yet."""
    wanted = set(names)
    if unknown := wanted - {program for tool in TOOLS for program in tool.provides}:
        raise SandboxError(f"the sandbox has no program {', '.join(sorted(unknown))}")
    found = _collect([tool for tool in TOOLS if wanted & set(tool.provides)])
    return {name: found[name] for name in wanted}


def files_of(files: Files) -> Path:
    """The directory with files of a module; fetches them where they are not there yet."""
    if named := os.environ.get("LOCKGATE_SANDBOX_BINARIES"):
        own = Path(named).absolute() / files.name
        if own.is_dir():
            return own
    if not cached(files).is_dir():
        fetch(files, cached(files))
    return cached(files)


def _collect(tools: Iterable[Tool]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    missing: list[Tool] = []
    for tool in tools:
        named = {name: path for name in tool.provides if (path := _named_by_user(name))}
        # The multi-call binary itself is of no interest once all it stands for is named.
        if not set(tool.aliases or tool.programs) <= set(named) and not cached(tool).is_dir():
            missing.append(tool)
        found |= {name: cached(tool) / name for name in tool.provides} | named
    if missing:
        build(missing, cached)
    return found


def _named_by_user(name: str) -> Path | None:
    directories = [os.environ.get("LOCKGATE_SANDBOX_BINARIES")]
    if name in _ASSETS:
        directories.append(os.environ.get("KUBEBUILDER_ASSETS"))
    for directory in filter(None, directories):
        path = Path(directory).absolute() / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None
