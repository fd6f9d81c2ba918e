"""File contents on disk: content-addressed by MD5 for artifact files, by number for manifests and run files.

A blob has its final name only when it is whole (temporary name, then rename), so a killed server never
serves half a file. Which blob belongs to what is the database's business.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lockgate_sandbox.registry.errors import Invalid


def md5_hex(digest: str) -> str:
    """The hexadecimal form of a base64 MD5, or "" when `digest` is not one."""
    try:
        raw = base64.b64decode(digest, validate=True)
    except binascii.Error:
        return ""
    return raw.hex() if len(raw) == hashlib.md5(usedforsecurity=False).digest_size else ""


def md5_base64(content: bytes) -> str:
    """The digest as manifests carry it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


class Blobs:
    """The directory beneath which every content lies."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partial = root / "partial"
        self._partial.mkdir(parents=True, exist_ok=True)
        for left_over in self._partial.iterdir():  # of an upload that a crash cut short
            left_over.unlink()

    def content(self, hex_md5: str) -> Path:
        return self._root / "md5" / hex_md5[:2] / hex_md5

    def manifest(self, number: int) -> Path:
        return self._root / "manifests" / str(number)

    def run_file(self, run_id: int, name: str) -> Path:
        # The name is the client's: hashed, so that no name can reach outside of the directory.
        return self._root / "runs" / str(run_id) / hashlib.sha256(name.encode()).hexdigest()

    def put(self, target: Path, content: bytes) -> None:
        with self.writing(target) as upload:
            upload.write(content)

    @contextlib.contextmanager
    def writing(self, target: Path, expected_md5: str = "") -> Iterator[Upload]:
        """Collects chunks and, if all went well, makes them appear at `target` at once.

        Raises:
            Invalid: the content is not what `expected_md5` (hexadecimal) promised.
        """
        path = self._partial / secrets.token_hex(8)
        try:
            with path.open("xb") as stream:
                upload = Upload(stream)
                yield upload
            if expected_md5 and upload.md5() != expected_md5:
                raise Invalid(f"uploaded content has MD5 {upload.md5()}, promised was {expected_md5}")
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)  # noqa: PTH105 - replaces atomically, which is the point
        finally:
            path.unlink(missing_ok=True)


class Upload:
    """Content on its way in."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._stream.write(chunk)
        self._md5.update(chunk)
        self.size += len(chunk)

    def md5(self) -> str:
        return self._md5.hexdigest()
