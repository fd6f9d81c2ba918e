"""Answers that have no table of their own: artifact types and tags.

Only shapes; where they hang is decided by the modules that use them.
"""

from __future__ import annotations

from typing import Any

from lockgate_sandbox.registry.rows import Project, Tag, global_id

FIRST_MOMENT = "2024-01-01T00:00:00Z"  # for what was always there and has no moment of its own


def type_node(name: str, home: Project | None = None) -> dict[str, Any]:
    number = 0 if home is None else home.id
    return {
        "id": global_id("ArtifactType", f"{number}:{name}"),
        "name": name,
        "createdAt": FIRST_MOMENT,
        "project": home,
    }


def tag_node(tag: Tag) -> dict[str, str]:
    return {"id": global_id("Tag", tag.id), "name": tag.name}
