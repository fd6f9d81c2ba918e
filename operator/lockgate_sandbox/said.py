"""What does the status of a ModelDeployment say, for people and for whoever waits for them? Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Said:
    """What people look at; `-` or nothing where there is none yet.

    `last` is what began the rollout that ended last, and how that ended; `traffic` percent by track.
    """

    alias: str
    desired: str
    serving: str
    phase: str
    ready: str
    why: str
    last: tuple[str, str] = ("-", "-")
    step: str = "-"
    traffic: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def by(cls, found: dict[str, Any]) -> Self:
        """What this ModelDeployment, as the API server has it, says."""
        status = found.get("status") or {}
        ready: dict[str, str] = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
        ended: dict[str, str] = next(iter(status.get("history") or ()), {})
        return cls(
            alias=found["spec"]["model"].get("alias", "-"),
            desired=(status.get("desired") or {}).get("version", "-"),
            serving=(status.get("stable") or {}).get("version", "-"),
            phase=status.get("phase", "-"),
            ready=ready.get("status", "-"),
            why=ready.get("message", ""),
            last=(ended.get("trigger", "-"), ended.get("outcome", "-")),
            step=status.get("step", "-"),
            traffic={share["track"]: share["weight"] for share in status.get("traffic") or ()},
        )

    def serves(self, version: str) -> bool:
        """Whether that version is out, and all is well."""
        return self.serving == version and self.ready == "True"
