"""One image as one file that a containerd knows by tag and by digest after importing it.

A pod can name an image by digest without any registry only if the node has that very name; so the
archive's index lists the one manifest twice. Knows nothing of how images are built.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.worlds import cache_root

PREFIX = "localhost/lockgate"
_NAME = "io.containerd.image.name"
# Archives kept of each image: for going back and forth between two states of the source.
_KEPT = 3
_KEY_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Image:
    """A built image. `reference` is its name by digest, `tag` the one by content key.

    After `ctr --namespace k8s.io images import ARCHIVE` pods may use either, with the pull policy
    IfNotPresent or Never.
    """

    name: str
    reference: str
    tag: str
    archive: Path


def archives() -> Path:
    """Where they are kept: files of the user's cache, each named after its image and what that is made of."""
    return cache_root() / "images" / "archives"


def drop_old(name: str) -> None:
    """Remove all archives of an image but the newest few, and what was left half-written."""
    # With just the digits of a key behind it: another image's name may begin with this one.
    named = f"{name}-{'?' * _KEY_DIGITS}.tar"
    kept = sorted(archives().glob(named), key=lambda path: path.stat().st_mtime, reverse=True)
    # Names with a dot in front are archives whose writing was interrupted.
    for archive in (*kept[_KEPT:], *archives().glob(f".{named}.*")):
        archive.unlink(missing_ok=True)


def write_archive(name: str, tag: str, layout: Path, archive: Path) -> Image:
    """Pack an OCI layout with one image; the archive is there wholly or not at all."""
    index = json.loads((layout / "index.json").read_text())
    descriptor = index["manifests"][0]
    digest: str = descriptor["digest"]
    manifest = json.loads(_blob(layout, digest).read_bytes())
    reference = f"{PREFIX}/{name}@{digest}"
    fresh = archive.with_name(f".{archive.name}.{os.getpid()}")
    with tarfile.open(fresh, "w") as tar:
        # The index goes first, so that `read_archive` need not look further.
        _add(tar, "index.json", _index(descriptor, (reference, tag)))
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        for part in (descriptor, manifest["config"], *manifest["layers"]):
            blob = _blob(layout, part["digest"])
            tar.add(blob, blob.relative_to(layout).as_posix())
    fresh.replace(archive)
    return Image(name, reference, tag, archive)


def read_archive(name: str, archive: Path) -> Image:
    """The image in an archive of ours; SandboxError when the file is not one."""
    try:
        with tarfile.open(archive) as tar:
            first = tar.next()
            content = tar.extractfile(first) if first else None
            index = json.load(content or io.BytesIO())
        reference, tag = (entry["annotations"][_NAME] for entry in index["manifests"])
    except (tarfile.TarError, ValueError, LookupError, TypeError) as error:
        raise SandboxError(
            f"{archive} is not an image archive ({error}); remove it to build it anew"
        ) from error
    return Image(name, reference, tag, archive)


def _index(descriptor: dict[str, Any], names: Sequence[str]) -> bytes:
    plain = {field: descriptor[field] for field in ("mediaType", "digest", "size")}
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{**plain, "annotations": {_NAME: name}} for name in names],
    }
    return json.dumps(index).encode()


def _blob(layout: Path, digest: str) -> Path:
    algorithm, _, digits = digest.partition(":")
    return layout / "blobs" / algorithm / digits


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
