"""The directory that is handed over: emptied before, filled by renames, read-only after.

Everything is proved in a staging directory on the same volume; the server's directory never
holds a byte that was not proved. Links are never followed.
"""

import os
import shutil
from pathlib import Path

from lockgate.fetch.outcome import FetchProblem, FetchReason

STAGING = ".lockgate-staging"


def make_staging(into: Path) -> Path:
    """Empty the directory of what an earlier try left, and make the staging directory in it."""
    if not into.is_dir() or into.is_symlink():
        raise FetchProblem(FetchReason.INVALID_ARGUMENT, f"--into is {into}, which is no directory")
    for child in into.iterdir():
        _remove(child)
    staging = into / STAGING
    staging.mkdir(mode=0o700)
    return staging


def hand_over(staging: Path, into: Path) -> None:
    """Make the proved tree read-only and durable, and move it into place."""
    for parent, directories, files in os.walk(staging, topdown=False):
        for name in files:
            path = Path(parent, name)
            path.chmod(0o444)
            _sync(path)
        for name in directories:
            Path(parent, name).chmod(0o555)
    for child in sorted(staging.iterdir()):
        # A directory without write permission cannot be moved by others than root.
        mode = child.stat().st_mode
        if child.is_dir():
            child.chmod(0o755)
        child.rename(into / child.name)
        (into / child.name).chmod(mode & 0o777)
    staging.rmdir()
    _sync(into)


def discard(into: Path) -> None:
    """Remove whatever is in the directory; what cannot be removed stays for the next try."""
    for child in into.iterdir():
        _remove(child)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for parent, _, _ in os.walk(path):
            Path(parent).chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
