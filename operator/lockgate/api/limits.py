"""How much of each thing a status can hold: the bounds of its schema, which no code goes beyond."""

from typing import Final

VERSION_LIMIT: Final = 64
DIGEST_LIMIT: Final = 256
URI_LIMIT: Final = 1024
MODEL_LIMIT: Final = 257
SOURCE_LIMIT: Final = 63
ALIAS_LIMIT: Final = 128
RELEASE_LIMIT: Final = 16
BY_LIMIT: Final = 128
RUNTIME_LIMIT: Final = 280
HISTORY_LIMIT: Final = 50
FAILURES_LIMIT: Final = 10
APPROVALS_LIMIT: Final = 20
SELECTOR_LIMIT: Final = 320
LARGEST_NUMBER: Final = 2**63 - 1
LARGEST_REPLICAS: Final = 2**31 - 1


def is_count(value: object) -> bool:
    """Whether this is a number that a field of 64 bits holds, and not below 0."""
    return type(value) is int and 0 <= value <= LARGEST_NUMBER
