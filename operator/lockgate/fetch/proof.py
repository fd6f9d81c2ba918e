"""Proves that a directory holds exactly what a manifest promises, and names its bytes.

Every byte is read once, for the manifest's digest and for SHA-256 at the same time. The tree
digest is the SHA-256 over the lines `<sha256>  <path>` in the order of their paths, so that a
person finds it again with: find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n'
sha256sum -- | sha256sum
"""

import base64
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.digests import new_hash
from lockgate.fetch.manifest import Entry

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What was proved: tree digest, number of files, bytes."""

    tree_digest: str
    files: int
    size: int


def prove(directory: Path, entries: Sequence[Entry], read: Callable[[int], None]) -> Proven:
    """Check every file against its entry; raises FetchProblem at the first that differs.

    `read` is told of the bytes that were read, every megabyte; what it raises ends the proof.
    """
    expected = {entry.path: entry for entry in entries}
    check_names(directory, entries)
    lines = [
        f"{_check_file(directory / path, expected[path], read)}  {path}\n" for path in _in_order(expected)
    ]
    return Proven(
        tree_digest=f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}",
        files=len(entries),
        size=sum(entry.size or 0 for entry in entries),
    )


def check_names(directory: Path, entries: Sequence[Entry]) -> None:
    """Check that it holds these files, their directories and nothing else; raises FetchProblem."""
    expected = {entry.path for entry in entries}
    found = _files_in(directory, allowed_directories=_directories_of(expected))
    for path in sorted(found - expected):
        raise FetchProblem(FetchReason.EXTRA_FILE, f"{path!a} was delivered but is not in the manifest")
    for path in sorted(expected - found):
        raise FetchProblem(FetchReason.MISSING_FILE, f"{path!a} is in the manifest but was not delivered")


def _in_order(paths: Iterable[str]) -> list[str]:
    """As `LC_ALL=C sort` puts them."""
    return sorted(paths, key=str.encode)


def _directories_of(paths: Iterable[str]) -> set[str]:
    return {str(parent) for path in paths for parent in PurePosixPath(path).parents}


def _files_in(directory: Path, *, allowed_directories: set[str]) -> set[str]:
    found = set()
    for parent, directories, files in os.walk(directory, onerror=_unreadable):
        for name in (*directories, *files):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            inside = path.relative_to(directory).as_posix()
            if stat.S_ISREG(mode):
                found.add(inside)
            elif not stat.S_ISDIR(mode):
                raise FetchProblem(FetchReason.EXTRA_FILE, f"{inside!a} is neither a file nor a directory")
            elif inside not in allowed_directories:
                raise FetchProblem(
                    FetchReason.EXTRA_FILE, f"directory {inside!a} was delivered but is not in the manifest"
                )
    return found


def _unreadable(error: OSError) -> NoReturn:
    raise error


def _check_file(path: Path, entry: Entry, read: Callable[[int], None]) -> str:
    size = path.lstat().st_size
    if size != entry.size:
        raise FetchProblem(
            FetchReason.CORRUPT_FILE, f"{entry.path!a} has {size} bytes instead of {entry.size}"
        )
    promised, sha256 = new_hash(entry.algorithm), hashlib.sha256()
    # Nothing here may lead elsewhere, whatever became of the path since it was looked at.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            promised.update(chunk)
            sha256.update(chunk)
            read(len(chunk))
    if base64.b64encode(promised.digest()).decode() != entry.digest:
        raise FetchProblem(
            FetchReason.CORRUPT_FILE,
            f"{entry.path!a} holds other bytes than the registry's manifest promises",
        )
    return sha256.hexdigest()
