"""A short name for the content of plain data.

On a rendered object, kept as an annotation, it tells a field that Lockgate stopped rendering from
one that somebody else added. Of what a version's pods are made of, it is their recipe.
"""

import hashlib
import json
from typing import Any


def fingerprint(content: dict[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 over the canonical JSON."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
