"""resourceVersions moved by a constant, in both directions, as if the cluster had another past."""

import json
from typing import Any

_PATCHED = "/metadata/resourceVersion"


def shifted(version: str, by: int) -> str:
    """One version, moved; what is no number stays, and so does what there was before any object."""
    return str(int(version) + by) if version.isdigit() and int(version) + by > 0 else version


def shifted_body(body: bytes, by: int) -> bytes:
    """An object, a list, an event or a JSON patch with all its versions moved; else as it is."""
    if not by or body.lstrip()[:1] not in (b"{", b"["):
        return body
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if isinstance(document, list):
        for change in document:
            if change.get("path") == _PATCHED:
                change["value"] = shifted(change["value"], by)
    else:
        for obj in (document, document.get("object"), *(document.get("items") or ())):
            _shift(obj, by)
    return json.dumps(document).encode() + (b"\n" if body.endswith(b"\n") else b"")


def _shift(obj: Any, by: int) -> None:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if isinstance(metadata, dict) and isinstance(metadata.get("resourceVersion"), str):
        metadata["resourceVersion"] = shifted(metadata["resourceVersion"], by)
