"""The third act: the shipped example is applied, and the model behind the alias answers."""

from __future__ import annotations

from lockgate_sandbox.demo.stage import Stage
from lockgate_sandbox.source import EXAMPLES, REPOSITORY

_EXAMPLE = EXAMPLES / "churn.yaml"


def play(stage: Stage) -> None:
    """Ten lines are all that an ML engineer writes."""
    stage.screen.title(f"3. kubectl apply -f {_EXAMPLE.relative_to(REPOSITORY)}")
    for line in _EXAMPLE.read_text().splitlines():
        stage.screen.say(f"  {line}")
    stage.deploy(_EXAMPLE)
    stage.follow("v0")
    stage.screen.good(f"first prediction {stage.screen.elapsed():.0f} s after the start")
