"""What a manifest promises, and what is refused before a single byte is transferred.

A manifest comes from whoever could log an artifact: every path in it is hostile until checked.
Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from lockgate.fetch.outcome import FetchProblem, FetchReason


class Algorithm(StrEnum):
    """How a file's digest in a W&B manifest is made."""

    MD5 = "md5"
    XXH128 = "xxh128"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a manifest: path, size in bytes, digest in base64; `reference` if it is elsewhere."""

    path: str
    size: int
    digest: str
    algorithm: Algorithm = Algorithm.MD5
    reference: str | None = None


def check_manifest(entries: Sequence[Entry], *, max_bytes: int, max_files: int) -> None:
    """Refuse what may never be fetched; raises FetchProblem naming the first entry in the way."""
    if not entries:
        raise FetchProblem(FetchReason.MISSING_FILE, "the version holds no files")
    for entry in entries:
        if entry.reference is not None:
            raise FetchProblem(
                FetchReason.REFERENCE_ENTRY,
                f"{entry.path!r} is a reference to bytes outside the registry, which cannot be proved",
            )
        check_path(entry.path)
    _check_distinct(entries)
    if len(entries) > max_files:
        raise FetchProblem(
            FetchReason.TOO_LARGE, f"the version has {len(entries)} files, more than the {max_files} allowed"
        )
    size = sum(entry.size for entry in entries)
    if size > max_bytes or any(entry.size < 0 for entry in entries):
        raise FetchProblem(
            FetchReason.TOO_LARGE, f"the version has {size} bytes, more than the {max_bytes} allowed"
        )


def check_path(path: str) -> None:
    """Refuse a path that is not plainly inside the directory; raises FetchProblem."""
    parts = path.split("/")
    plain = (
        path
        and not path.startswith("/")
        and "\\" not in path
        and all(character.isprintable() for character in path)
        and all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)
        and len(path.encode()) <= 4000
    )
    if not plain:
        raise FetchProblem(FetchReason.ESCAPING_PATH, f"{path[:200]!r} is no plain path inside a directory")


def _check_distinct(entries: Iterable[Entry]) -> None:
    paths = {entry.path for entry in entries}
    for path in paths:
        for parent in PurePosixPath(path).parents:
            if str(parent) in paths:
                raise FetchProblem(
                    FetchReason.ESCAPING_PATH, f"{str(parent)!r} is both a file and a directory"
                )
