"""The sixth act: the alias moves back, which is a rollout like any other."""

from __future__ import annotations

from lockgate_sandbox.demo.stage import Stage


def play(stage: Stage) -> None:
    """The visitor of the acts before still asks."""
    stage.screen.title("6. A change of mind: the alias production moves back to v0")
    stage.promote("v0")
    stage.check_visitor()
