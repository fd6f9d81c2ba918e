"""The fourth act: the alias moves, the answers follow, and no request fails meanwhile."""

from __future__ import annotations

from lockgate_sandbox.demo.stage import Stage
from lockgate_sandbox.parts import visitor


def play(stage: Stage) -> None:
    """From here on somebody asks without pause."""
    stage.screen.title("4. The better model is promoted: the alias production moves to v1")
    stage.world.add(visitor.PART)
    stage.promote("v1")
    stage.check_visitor()
