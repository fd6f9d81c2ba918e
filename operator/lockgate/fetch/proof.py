"""Proves that a directory holds exactly what a manifest promises, and names its bytes.

Every byte is read once, for the manifest's digest and for SHA-256 at the same time. The tree
digest is the SHA-256 over the lines `<sha256>  <path>` in the order of their paths, so that a
person finds it again with: find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n'
sha256sum | sha256sum
"""

import base64
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.fetch.manifest import Algorithm, Entry
from lockgate.fetch.outcome import FetchProblem, FetchReason

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What was proved: tree digest, number of files, bytes."""

    tree_digest: str
    files: int
    size: int


def prove(directory: Path, entries: Sequence[Entry]) -> Proven:
    """Check every file against its entry; raises FetchProblem at the first that differs."""
    expected = {entry.path: entry for entry in entries}
    found = _regular_files(directory)
    for path in sorted(found - expected.keys()):
        raise FetchProblem(FetchReason.EXTRA_FILE, f"{path!r} was delivered but is not in the manifest")
    for path in sorted(expected.keys() - found):
        raise FetchProblem(FetchReason.MISSING_FILE, f"{path!r} is in the manifest but was not delivered")
    lines = [f"{_check_file(directory / path, expected[path])}  {path}\n" for path in _sorted(found)]
    tree = hashlib.sha256("".join(lines).encode()).hexdigest()
    size = sum(entry.size for entry in entries)
    return Proven(tree_digest=f"sha256:{tree}", files=len(entries), size=size)


def _sorted(paths: set[str]) -> list[str]:
    return sorted(paths, key=lambda path: path.encode())


def _regular_files(directory: Path) -> set[str]:
    found = set()
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            inside = path.relative_to(directory).as_posix()
            if stat.S_ISREG(mode):
                found.add(inside)
            elif not stat.S_ISDIR(mode):
                raise FetchProblem(FetchReason.EXTRA_FILE, f"{inside!r} is neither a file nor a directory")
    return found


def _check_file(path: Path, entry: Entry) -> str:
    size = path.stat().st_size
    if size != entry.size:
        raise FetchProblem(
            FetchReason.CORRUPT_FILE, f"{entry.path!r} has {size} bytes instead of {entry.size}"
        )
    promised, sha256 = _hasher(entry.algorithm), hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            promised.update(chunk)
            sha256.update(chunk)
    if base64.b64encode(promised.digest()).decode() != entry.digest:
        raise FetchProblem(
            FetchReason.CORRUPT_FILE,
            f"{entry.path!r} holds other bytes than the registry's manifest promises",
        )
    return sha256.hexdigest()


def _hasher(algorithm: Algorithm) -> Any:
    if algorithm is Algorithm.XXH128:
        import xxhash

        return xxhash.xxh128()
    return hashlib.md5(usedforsecurity=False)
