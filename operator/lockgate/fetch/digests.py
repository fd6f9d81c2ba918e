"""How W&B names bytes: the two hash algorithms of its manifests, and the digest of a manifest.

These digests tie files to the version that the registry resolved. They find damage, not a forger:
against that there is the SHA-256 of `proof`.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

_MANIFEST_HEADER = b"wandb-artifact-manifest-v1\n"


class Algorithm(StrEnum):
    """How a digest in a W&B manifest is made."""

    MD5 = "md5"
    XXH128 = "xxh128"


def new_hash(algorithm: Algorithm) -> Any:
    """An empty hash with `update`, `digest` and `hexdigest`, as hashlib's have."""
    match algorithm:
        case Algorithm.MD5:
            return hashlib.md5(usedforsecurity=False)
        case Algorithm.XXH128:
            # Comes with the client; most versions never need it.
            import xxhash

            return xxhash.xxh128()


def manifest_digest(entries: Iterable[tuple[str, str]], algorithm: Algorithm) -> str:
    """The hex digest of a manifest with these (path, digest in base64) pairs."""
    made = new_hash(algorithm)
    made.update(_MANIFEST_HEADER)
    for path, digest in sorted(entries):
        made.update(f"{path}:{digest}\n".encode())
    hexadecimal: str = made.hexdigest()
    return hexadecimal
