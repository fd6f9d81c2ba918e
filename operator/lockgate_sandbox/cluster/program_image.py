"""Images of a single static program, written as OCI archives without any builder or base.

The sandbox's own pause image is one. Pure apart from the file it writes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from lockgate_sandbox.binaries.pins import architecture

_TYPES = "application/vnd.oci.image"


def write_program_image(archive: Path, name: str, program: Path, user: str = "65535:65535") -> None:
    """Write an OCI archive of an image `name` that is `program`, a static executable, and an empty /tmp.

    The program lies at the root under its own file name, by which alone it is found too, and is the
    entry point.
    """
    layer = _layer(program.name, program.read_bytes())
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    config = {
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": [f"/{program.name}"], "Env": ["PATH=/"], "User": user},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blobs = {_digest(packed): packed}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPES}.manifest.v1+json",
        "config": _add(blobs, config, f"{_TYPES}.config.v1+json"),
        "layers": [_descriptor(packed, f"{_TYPES}.layer.v1.tar+gzip")],
    }
    names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    entry = {**_add(blobs, manifest, f"{_TYPES}.manifest.v1+json"), "annotations": names}
    with tarfile.open(archive, "w") as tar:
        _put(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _put(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
        for digest, blob in blobs.items():
            _put(tar, f"blobs/{digest.replace(':', '/')}", blob)


def _layer(name: str, program: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        _put(tar, name, program, mode=0o755)
        scratch = tarfile.TarInfo("tmp")
        scratch.type, scratch.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(scratch)
    return target.getvalue()


def _put(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _add(blobs: dict[str, bytes], value: dict[str, Any], media_type: str) -> dict[str, Any]:
    data = json.dumps(value).encode()
    blobs[_digest(data)] = data
    return _descriptor(data, media_type)
