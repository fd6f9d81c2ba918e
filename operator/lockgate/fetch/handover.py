"""The directory that is handed over: emptied before, filled by renames, read-only after.

Everything is proved in a staging directory on the same volume, and what was handed over is listed
once more: the server's directory never holds a byte that was not proved. What an earlier try has
left is known by the staging directory or by being read-only; anything else is somebody's, and is not
touched. While it is filled the directory is ours alone: what appears in it meanwhile is refused, and
removed with the rest. Links are never followed.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.manifest import STAGING, Entry
from lockgate.fetch.proof import check_names

_FILE_MODE = 0o444
_DIRECTORY_MODE = 0o555


def make_staging(into: Path) -> Path:
    """Empty the directory of what an earlier try left, and make the staging directory in it.

    Raises FetchProblem when it is no directory or holds what no earlier try can have left.
    """
    if into.is_symlink() or not into.is_dir():
        raise FetchProblem(FetchReason.INVALID_ARGUMENT, f"--into is {into}, which is no directory")
    staging = into / STAGING
    foreign = next((path for path in into.iterdir() if not _was_handed_over(path)), None)
    if foreign is not None and not _is_directory(staging):
        raise FetchProblem(
            FetchReason.INVALID_ARGUMENT,
            f"--into is {into}, which holds {foreign.name!a} of somebody else; name an empty directory",
        )
    # First the staging directory, which marks all the rest as ours should this be cut short.
    if not _is_directory(staging):
        staging.mkdir(mode=0o700)
    discard(into)
    staging.mkdir(mode=0o700)
    return staging


def hand_over(staging: Path, into: Path, entries: Sequence[Entry]) -> None:
    """Make the proved tree read-only and durable, and move it into place.

    Raises FetchProblem when the directory then holds anything but these entries.
    """
    for parent, directories, files in os.walk(staging, topdown=False):
        for name in files:
            path = Path(parent, name)
            path.chmod(_FILE_MODE)
            _sync(path)
        for name in directories:
            path = Path(parent, name)
            _sync(path)
            path.chmod(_DIRECTORY_MODE)
    for child in sorted(staging.iterdir()):
        _move(child, into / child.name)
    staging.rmdir()
    _sync(into)
    try:
        check_names(into, entries)
    except FetchProblem as problem:
        # The version was proved: whoever else writes here is at fault, and trying again may help.
        raise FetchProblem(
            FetchReason.INVALID_ARGUMENT,
            f"somebody else writes into --into ({into}) while it is filled: {problem.message}",
        ) from problem


def discard(into: Path) -> None:
    """Remove what is in the directory, the staging directory last."""
    for child in sorted(into.iterdir(), key=lambda path: path.name == STAGING):
        _remove(child)


def _move(path: Path, target: Path) -> None:
    # A directory that its owner may not write to can be moved by root only.
    is_directory = _is_directory(path)
    if is_directory:
        path.chmod(0o755)
    path.rename(target)
    if is_directory:
        target.chmod(_DIRECTORY_MODE)


def _was_handed_over(path: Path) -> bool:
    found = path.lstat()
    ours = _DIRECTORY_MODE if stat.S_ISDIR(found.st_mode) else _FILE_MODE
    return found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == ours


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if not _is_directory(path):
        path.unlink()
        return
    path.chmod(0o700)
    for child in path.iterdir():
        _remove(child)
    path.rmdir()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
