"""Keeps proved versions on a volume that pods share, for the day on which the registry is away.

One file a version, named by a hash of what its registry claims: a line of JSON, which is its manifest,
then the bytes of its files one after the other. It is written beside, made durable and renamed: it is
there whole or not at all, and of two that write the same at once the last one wins. Nothing that lies
here is believed: the manifest must be what is claimed, and the caller proves the bytes. No path of a
version is ever made here, and no link is followed.
"""

import contextlib
import hashlib
import json
import os
import re
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.manifest import Entry, check_manifest
from lockgate.fetch.space import check_space, reserve

_NAME = re.compile(r"[0-9a-f]{64}\.v1")
_PART = re.compile(r"\.[0-9a-f]{64}\.v1\.[0-9a-f]{32}\.part")
# Longer than any fetch may take, so whoever wrote it is gone.
_LEFTOVER_SECONDS = 2 * 24 * 3600
# Who writes, writes more often than this.
_WRITING_SECONDS = 120
# Parsed it takes many times as much memory, of which a fetch has little.
_LONGEST_MANIFEST = 16 << 20
_CHUNK = 1 << 20
# So that what was told as written is, also on a slow volume.
_SYNC_BYTES = 64 << 20


Proves = Callable[[str, Sequence[Entry]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A version in the cache: name of its file, bytes, and when it was last used."""

    name: str
    size: int
    used: float


class Cache:
    """One directory; every call may raise OSError.

    `proves` says whether a manifest that lay here can be nothing but what is claimed; `told` hears of
    the bytes that were copied.
    """

    def __init__(self, directory: Path, proves: Proves, told: Callable[[int], None]) -> None:
        self._directory = directory
        self._proves = proves
        self._told = told

    def bring(self, claim: str, staging: Path, *, max_bytes: int, max_files: int) -> list[Entry]:
        """Copy a version into the staging directory; without entries when it is not kept.

        Raises FetchProblem when what is kept cannot be that version. The bytes are yet to be proved.
        """
        with self._opened() as directory:
            try:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                descriptor = os.open(file_of(claim), flags, dir_fd=directory)
            except FileNotFoundError:
                return []
            with os.fdopen(descriptor, "rb") as kept:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise _unfit("it is no file")
                entries = _read_manifest(kept)
                if not self._proves(claim, entries):
                    raise _unfit("its manifest has another digest")
                size = check_manifest(entries, max_bytes=max_bytes, max_files=max_files)
                if found.st_size != kept.tell() + size:
                    raise _unfit("it does not have as many bytes as its manifest says")
                check_space(staging, size)
                for entry in entries:
                    self._bring_file(kept, staging / entry.path, entry.size or 0)
                with contextlib.suppress(OSError):
                    os.utime(descriptor)  # on a volume that is read-only nothing is evicted either
        return entries

    def keep(self, claim: str, entries: Sequence[Entry], tree: Path, *, max_bytes: int, replace: bool) -> str:
        """Put a proved version in, and say what came of it; `replace` one that was no good."""
        if not self._proves(claim, entries):
            return "not kept: its digests do not prove what lies where others may write"
        manifest = _manifest_of(entries)
        if len(manifest) > _LONGEST_MANIFEST:
            return "not kept: its manifest is too long"
        needed = len(manifest) + sum(entry.size or 0 for entry in entries)
        with self._opened() as directory:
            is_there = any(kept.name == file_of(claim) for kept in _kept_in(directory))
            if is_there and not replace:
                return "kept already"
            part = f".{file_of(claim)}.{uuid.uuid4().hex}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(part, flags, 0o640, dir_fd=directory)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    now = os.fstat(descriptor).st_mtime
                    _clean(directory, now)
                    if _is_written_by_another(directory, part, now):
                        return "not kept: another pod is putting it in"
                    if not _make_room(directory, file_of(claim), needed, max_bytes):
                        return "not kept: there is no room for it"
                    self._write(file, manifest, entries, tree)
                os.rename(part, file_of(claim), src_dir_fd=directory, dst_dir_fd=directory)
                with contextlib.suppress(OSError):
                    os.fsync(directory)  # not every network volume can; a name that is lost costs a download
            finally:
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=directory)
        return "kept"

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _bring_file(self, kept: IO[bytes], path: Path, size: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            self._copy(kept, file, size)

    def _write(self, file: IO[bytes], manifest: bytes, entries: Sequence[Entry], tree: Path) -> None:
        file.write(manifest)
        for entry in entries:
            flags = os.O_RDONLY | os.O_NOFOLLOW
            with os.fdopen(os.open(tree / entry.path, flags), "rb") as source:
                self._copy(source, file, entry.size or 0)
        _sync(file)

    def _copy(self, source: IO[bytes], target: IO[bytes], size: int) -> None:
        unsynced = 0
        while size:
            chunk = source.read(min(size, _CHUNK))
            if not chunk:
                raise _unfit("it ends early")
            target.write(chunk)
            size -= len(chunk)
            unsynced += len(chunk)
            if unsynced >= _SYNC_BYTES:
                _sync(target)
                unsynced = 0
            self._told(len(chunk))


def to_evict(kept: Sequence[Kept], *, surplus: int) -> list[str] | None:
    """Those that were not used for longest, as many as give so many bytes; None when all are too few."""
    chosen: list[str] = []
    for one in sorted(kept, key=lambda one: one.used):
        if surplus <= 0:
            break
        chosen.append(one.name)
        surplus -= one.size
    return chosen if surplus <= 0 else None


def _make_room(directory: int, name: str, needed: int, max_bytes: int) -> bool:
    others = [kept for kept in _kept_in(directory) if kept.name != name]
    volume = os.fstatvfs(directory)
    free, total = volume.f_bavail * volume.f_frsize, volume.f_blocks * volume.f_frsize
    above_bound = sum(kept.size for kept in others) + needed - max_bytes
    missing = needed + reserve(total, needed) - free
    chosen = to_evict(others, surplus=max(above_bound, missing))
    for victim in chosen or ():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(victim, dir_fd=directory)
    return chosen is not None


def _is_written_by_another(directory: int, part: str, now: float) -> bool:
    """Whether it can be left to somebody else, so that many pods that start at once do not fill the volume.

    Of those that see each other, the first by name goes on.
    """
    version = part.rpartition(".part")[0].rpartition(".")[0]
    return any(
        name.startswith(version) and name < part and now - found.st_mtime < _WRITING_SECONDS
        for name, found in _files_in(directory)
        if _PART.fullmatch(name)
    )


def _kept_in(directory: int) -> list[Kept]:
    return [
        Kept(name=name, size=found.st_size, used=found.st_mtime)
        for name, found in _files_in(directory)
        if _NAME.fullmatch(name)
    ]


def _clean(directory: int, now: float) -> None:
    """Remove what others left half; `now` is by the volume's own clock, like all times here."""
    for name, found in _files_in(directory):
        if _PART.fullmatch(name) and now - found.st_mtime > _LEFTOVER_SECONDS:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=directory)


def _files_in(directory: int) -> Iterator[tuple[str, os.stat_result]]:
    for name in os.listdir(directory):
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                yield name, found


def _manifest_of(entries: Sequence[Entry]) -> bytes:
    return json.dumps([[entry.path, entry.size, entry.digest] for entry in entries]).encode() + b"\n"


def _read_manifest(kept: IO[bytes]) -> list[Entry]:
    line = kept.readline(_LONGEST_MANIFEST + 1)
    try:
        entries = [_entry(raw) for raw in json.loads(line)]
    # RecursionError: it may be nothing but brackets.
    except (ValueError, TypeError, RecursionError):
        raise _unfit("its manifest cannot be read") from None
    for entry in entries:
        # Else there may be no bytes of it to be hashed.
        if not entry.path.isprintable() or not entry.digest.isprintable():
            raise _unfit("its manifest cannot be read")
    return entries


def _entry(raw: object) -> Entry:
    match raw:
        case [str(path), int(size), str(digest)]:
            return Entry(path=path, size=size, digest=digest)
    raise ValueError("no entry of ours")


def file_of(claim: str) -> str:
    """Under which name a version is kept."""
    return f"{hashlib.sha256(claim.encode()).hexdigest()}.v1"


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _unfit(why: str) -> FetchProblem:
    return FetchProblem(FetchReason.CORRUPT_FILE, f"what the cache holds is not this version: {why}")
