"""A short name for the content of a rendered object.

Kept as an annotation on the object, it tells a field that Lockgate stopped rendering from one
that somebody else added.
"""

import hashlib
import json
from typing import Any


def fingerprint(rendered: dict[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 over the object's canonical JSON."""
    canonical = json.dumps(rendered, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
