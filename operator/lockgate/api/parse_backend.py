"""From `spec.backend` to values, naming the field when that cannot be done. Pure."""

from collections.abc import Mapping
from typing import Any

from lockgate.api import read
from lockgate.api.backend import BACKENDS, BackendChoice, Deployments, Ecs, KServe, RayService

_NAME_LIMIT = 63


def parse_backend(raw: Mapping[str, Any] | None) -> BackendChoice:
    """Where pods are to run; raises InvalidSpec."""
    name, block = read.one_block(raw or {"deployment": {}}, "spec.backend", BACKENDS)
    match name:
        case "kserve":
            return KServe()
        case "rayService":
            return RayService()
        case "ecs":
            return Ecs(target=read.text(block, "target", "spec.backend.ecs", _NAME_LIMIT))
    return Deployments()
