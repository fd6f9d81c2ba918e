"""Runs the tests that must hold on every Python on another one than ours, if this machine has one.

The newest other is taken, out of those on PATH, of pyenv and of uv. Its packages go into a directory
of the user's cache, once. `python -m tests.other_python [arguments of pytest]`
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements" / "dev.txt"
# What it needs is in the first, in newer versions than it asks for.
BESIDE = ROOT / "requirements" / "aws.txt"
MINORS = range(11, 15)
Version = tuple[int, int]


def main(arguments: list[str]) -> int:
    """The exit code of the tests; 0 where there is no other Python to run them on."""
    ours = sys.version_info[:2]
    for version, program in sorted(others(ours).items(), reverse=True):
        environment = prepared(version, program)
        if environment is not None:
            print(f"other python: {_text(version)} beside {_text(ours)}", flush=True)
            return subprocess.run(
                [environment / "bin" / "python", "-m", "pytest", *arguments], cwd=ROOT, check=False
            ).returncode
    print(f"other python: none here but {_text(ours)}, so nothing is run twice")
    return 0


def others(ours: Version) -> dict[Version, Path]:
    """One program for each other version that this machine has and Lockgate means to run on."""
    found: dict[Version, Path] = {}
    for program in _programs():
        version = version_of(program)
        if version is not None and version != ours and version[0] == 3 and version[1] in MINORS:
            found.setdefault(version, program)
    return found


def version_of(program: Path) -> Version | None:
    """Which Python it is; None for what does not start, such as a shim of a version not chosen."""
    asked = [program, "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True).stdout
        major, minor = told.split()
        return int(major), int(minor)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def prepared(version: Version, program: Path) -> Path | None:
    """An environment with the locked packages, made once; None when they cannot be installed there."""
    locked = hashlib.sha256(REQUIREMENTS.read_bytes() + BESIDE.read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    environment = cache / "lockgate" / "pythons" / f"{_text(version)}-{locked}"
    done = environment / ".installed"
    if done.exists():
        return environment
    print(f"other python: installing hash-locked packages for {_text(version)}, once", flush=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    try:
        subprocess.run([program, "-m", "venv", "--clear", environment], check=True)
        for asked in (["-r", REQUIREMENTS], ["--no-deps", "-r", BESIDE]):
            subprocess.run([environment / "bin" / "python", *install, "--require-hashes", *asked], check=True)
    except (OSError, subprocess.SubprocessError):
        print(f"other python: {_text(version)} is left out, its packages cannot be installed")
        return None
    done.touch()
    return environment


def _programs() -> Iterator[Path]:
    for minor in MINORS:
        if on_path := shutil.which(f"python3.{minor}"):
            yield Path(on_path)
    for pattern in (".pyenv/versions/*/bin/python", ".local/share/uv/python/*/bin/python3"):
        yield from sorted(Path.home().glob(pattern), reverse=True)


def _text(version: Version) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
