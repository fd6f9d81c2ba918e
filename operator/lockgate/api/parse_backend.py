"""From `spec.backend` to values, naming the field when that cannot be done. Pure."""

from collections.abc import Mapping
from typing import Any

from lockgate.api import read
from lockgate.api.backend import BACKENDS, BackendChoice, Deployments, Ecs, KServe, RayService
from lockgate.errors import InvalidSpec
from lockgate.sentences import listed

_NAME_LIMIT = 63


def parse_backend(raw: Mapping[str, Any] | None) -> BackendChoice:
    """Where pods are to run; raises InvalidSpec."""
    named = [name for name, block in (raw or {"deployment": {}}).items() if block is not None]
    if len(named) != 1 or named[0] not in BACKENDS:
        raise InvalidSpec(
            "spec.backend", f"names {listed(map(str, named)) or 'nothing'}; write one of {listed(BACKENDS)}"
        )
    block = read.optional_section(raw or {}, named[0], "spec.backend") or {}
    match named[0]:
        case "kserve":
            return KServe()
        case "rayService":
            return RayService()
        case "ecs":
            return Ecs(target=read.text(block, "target", "spec.backend.ecs", _NAME_LIMIT))
    return Deployments()
