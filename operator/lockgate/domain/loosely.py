"""Parts of an object whose schema is somebody else's: what has another shape than it should is not there.

KServe also ships definitions that let anything into an InferenceService, and nobody here could mend one.
Objects of Kubernetes itself have a schema that its API server holds to: they need none of this. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final

_MOST: Final = 2**31 - 1


def block(value: object) -> Mapping[str, Any]:
    """Fields, or none."""
    return value if isinstance(value, Mapping) else {}


def blocks(value: object) -> list[Mapping[str, Any]]:
    """The blocks in a list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def count(value: object, default: int = 0) -> int:
    """A number of something, as large as Kubernetes has any."""
    return value if type(value) is int and 0 <= value <= _MOST else default
