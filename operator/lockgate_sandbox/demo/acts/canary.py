"""The eighth act: the better model goes from 10 to 50 to 100 percent, and no request fails."""

from __future__ import annotations

from lockgate_sandbox.demo.stage import ALIAS, COLLECTION, Stage
from lockgate_sandbox.parts import registry


def play(stage: Stage) -> None:
    """What Lockgate says is told beside what the crowd counts."""
    stage.screen.title("8. The alias production moves to v1, which goes 10 -> 50 -> 100 under load")
    stage.world.add(registry.PART).promote(COLLECTION, "v1", ALIAS)
    stage.watch_steps_until("v1 serves", lambda said: said.serves("v1"))
    stage.check_crowd()
