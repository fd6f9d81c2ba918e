"""Building tools, and fetching files, from their pinned modules into the cache, one process at a time.

Interrupted, nothing half-built is left in the cache and Go's own cache lets the next call go on where
this one was. Two processes never build the same tool at once: the second waits and says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lockgate_sandbox.binaries.debian import ensure_packages
from lockgate_sandbox.binaries.pins import Files, Tool
from lockgate_sandbox.binaries.progress import Progress
from lockgate_sandbox.binaries.toolchain import find_go
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.supervise.lifetime import tie_to_caller

_TICK_SECONDS = 0.2
_C_BUILD_PACKAGES = ("gcc", "libc6-dev", "libseccomp-dev", "pkg-config")


def build(tools: Sequence[Tool], destination: Callable[[Tool], Path]) -> None:
    """Build each tool into its destination directory, skipping those that are there."""
    for position, tool in enumerate(tools):
        target = destination(tool)
        if target.is_dir():
            continue
        progress = Progress(tool.name, [later.name for later in tools[position + 1 :]])
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(target.parent / f"{tool.name}.lock", progress):
            if not target.is_dir():
                _build_one(tool, target, progress)


def fetch(files: Files, target: Path) -> None:
    """Copy the files of a module into the directory `target`, unless it is there."""
    progress = Progress(files.name, [])
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_builder(target.parent / f"{files.name}.lock", progress):
        if target.is_dir():
            return
        command = [find_go(files, progress), "mod", "download", "-json", files.module]
        progress.say(f"fetching {files.module}")
        # In the directory of its go.mod, so that version and checksum are those that are pinned there.
        done = subprocess.run(
            command, cwd=files.directory, env=_go_environment(), capture_output=True, text=True
        )
        if done.returncode != 0:
            words = (done.stdout + done.stderr).strip()[-600:]
            raise SandboxError(f"fetching {files.module} failed: {words}")
        with tempfile.TemporaryDirectory(prefix=f".{files.name}-", dir=target.parent) as temporary:
            fresh = Path(temporary) / "files"
            _copy(Path(json.loads(done.stdout)["Dir"]) / files.within, fresh)
            fresh.rename(target)


def _copy(source: Path, target: Path) -> None:
    """Contents without modes: Go's own cache is read-only, and nobody could tidy up such a copy."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_dir():
            _copy(path, target / path.name)
        else:
            (target / path.name).write_bytes(path.read_bytes())


def _build_one(tool: Tool, target: Path, progress: Progress) -> None:
    go = find_go(tool, progress)
    if tool.cgo:
        _ensure_c_compiler()
    for leftover in target.parent.glob(f".{tool.name}-*"):  # of a builder that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{tool.name}-", dir=target.parent) as temporary:
        fresh = Path(temporary) / "programs"
        fresh.mkdir()
        total = _Steps(progress, "reading {} packages, {} modules downloaded").run(
            [go, "list", "-deps", *_tags(tool), *tool.packages], tool
        )
        # A trailing separator lets one call put several programs there under their own names.
        output = str(fresh / tool.programs[0]) if len(tool.packages) == 1 else f"{fresh}{os.sep}"
        _Steps(progress, f"{{}} of at most {total} packages compiled").run(
            [go, "build", "-v", *tool.build_arguments(), "-o", output, *tool.packages], tool
        )
        for alias in tool.aliases:
            (fresh / alias).symlink_to(tool.programs[0])
        fresh.rename(target)
    progress.say(
        f"built, {sum(path.stat().st_size for path in target.iterdir() if not path.is_symlink()) >> 20} MB"
    )


def _tags(tool: Tool) -> list[str]:
    return ["-tags", " ".join(tool.tags)] if tool.tags else []


class _Steps:
    """One run of `go`, counting its lines while it works."""

    def __init__(self, progress: Progress, words: str) -> None:
        self._progress = progress
        self._words = words
        self._packages = 0
        self._downloads = 0
        self._complaints: list[str] = []

    def run(self, command: Sequence[str], tool: Tool) -> int:
        """Run to the end and return the number of packages named; SandboxError with Go's words."""
        # A Ctrl-C just here would leave a child that nobody knows of: it has to wait for the `try`.
        unmasked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        process = subprocess.Popen(
            command,
            cwd=tool.directory,
            env=_go_environment(tool.cgo),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=tie_to_caller(),
        )
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, unmasked)
            while reader.is_alive():
                reader.join(_TICK_SECONDS)
                self._progress.tick(self._words.format(self._packages, self._downloads))
            if process.wait() != 0:
                raise SandboxError(f"building {tool.name} failed: {' '.join(self._complaints[-6:])[-1200:]}")
        except BaseException:
            # Go's compilers are its children: the whole session has to go.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            reader.join()
            raise
        return self._packages

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.startswith("go: downloading"):
                    self._downloads += 1
                elif " " in line.strip() or ":" in line:
                    self._complaints.append(line.strip())
                else:
                    self._packages += 1


def _go_environment(cgo: bool = False) -> dict[str, str]:
    fixed = {"CGO_ENABLED": "1" if cgo else "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    return {**os.environ, **fixed}


@contextlib.contextmanager
def _only_builder(lock: Path, progress: Progress) -> Iterator[None]:
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        waiting = False
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(fd, 20, 0).decode() or "unknown"
                if not waiting:
                    progress.say(f"process {holder} is building it already; waiting for that")
                    waiting = True
                progress.tick(f"waiting for process {holder}")
                time.sleep(_TICK_SECONDS)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(fd)


def _ensure_c_compiler() -> None:
    """What runc alone needs: a C compiler and libseccomp's header, found by pkg-config."""
    compiler, finder = shutil.which("gcc"), shutil.which("pkg-config")
    if compiler and finder and subprocess.run([finder, "--exists", "libseccomp"]).returncode == 0:
        return
    ensure_packages(_C_BUILD_PACKAGES, "building runc")
