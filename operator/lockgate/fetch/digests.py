"""The hash algorithms by which manifests name the bytes of files.

Such digests tie files to the version that the registry resolved. They find damage, not a forger:
against that there is the SHA-256 of `proof`.
"""

import hashlib
from enum import StrEnum
from typing import Any


class Algorithm(StrEnum):
    """How a digest in a manifest is made."""

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
