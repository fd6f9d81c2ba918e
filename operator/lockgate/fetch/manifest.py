"""What a manifest promises, and what is refused before a single byte is transferred.

A manifest comes from whoever could log an artifact: every path in it is hostile until checked.
Pure.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.digests import Algorithm

# Where a version is kept until it is proved; no file of a version may take this name.
STAGING = ".lockgate-staging"
_LONGEST_NAME = 255
_LONGEST_PATH = 2048
_DEEPEST_PATH = 64
_LARGEST_FILE = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a manifest: path, size in bytes, digest in base64; `reference` if it is elsewhere.

    `size` is None when the manifest does not tell it.
    """

    path: str
    size: int | None
    digest: str
    algorithm: Algorithm = Algorithm.MD5
    reference: str | None = None


def check_manifest(entries: Sequence[Entry], *, max_bytes: int, max_files: int) -> int:
    """Refuse what may never be fetched; raises FetchProblem naming the first entry in the way.

    Returns how many bytes the files have together.
    """
    if not entries:
        raise FetchProblem(FetchReason.MISSING_FILE, "the version holds no files")
    check_count(len(entries), max_files=max_files)
    for entry in entries:
        check_path(entry.path)
        _check_entry(entry)
    _check_distinct([entry.path for entry in entries])
    size = sum(entry.size or 0 for entry in entries)
    if size > max_bytes:
        raise FetchProblem(
            FetchReason.TOO_LARGE,
            f"the version has {size} bytes, more than the {max_bytes} allowed; raise --max-bytes",
        )
    return size


def check_count(files: int, *, max_files: int) -> None:
    """Refuse too many files; raises FetchProblem."""
    if files > max_files:
        raise FetchProblem(
            FetchReason.TOO_LARGE,
            f"the version has {files} files, more than the {max_files} allowed; raise --max-files",
        )


def check_path(path: str) -> None:
    """Refuse a path that is not plainly inside the directory; raises FetchProblem."""
    # Characters first: what cannot be printed may not be encodable either.
    plain = (
        path.isprintable()
        and "\\" not in path
        and len(path.encode()) <= _LONGEST_PATH
        and _are_plain_names(path.split("/"))
    )
    if not plain:
        raise FetchProblem(
            FetchReason.ESCAPING_PATH, f"{_shown(path)} is no plain path inside a directory; log it anew"
        )


def _are_plain_names(names: list[str]) -> bool:
    return (
        len(names) <= _DEEPEST_PATH
        and names[0] != STAGING
        and all(name not in ("", ".", "..") and len(name.encode()) <= _LONGEST_NAME for name in names)
    )


def _check_entry(entry: Entry) -> None:
    if entry.reference is not None:
        raise FetchProblem(
            FetchReason.REFERENCE_ENTRY,
            f"{_shown(entry.path)} is a reference to bytes outside the registry, which cannot be proved; "
            "log the file itself",
        )
    # The client passes on whatever its JSON held: a text, a fraction, a truth.
    if type(entry.size) is not int or not 0 <= entry.size <= _LARGEST_FILE:
        raise FetchProblem(
            FetchReason.CORRUPT_FILE, f"the manifest does not tell the size of {_shown(entry.path)}"
        )


def _check_distinct(paths: Sequence[str]) -> None:
    # Two spellings of one text are two names here and one on other file systems.
    spelled: set[str] = set()
    for path in paths:
        name = unicodedata.normalize("NFC", path)
        if name in spelled:
            raise FetchProblem(FetchReason.ESCAPING_PATH, f"{_shown(path)} is in the manifest twice")
        spelled.add(name)
    for path in sorted(spelled):
        for parent in PurePosixPath(path).parents:
            if str(parent) in spelled:
                raise FetchProblem(
                    FetchReason.ESCAPING_PATH, f"{_shown(str(parent))} is both a file and a directory"
                )


def _shown(path: str) -> str:
    return ascii(path if len(path) <= 200 else path[:200] + "...")
