"""The first act: what a platform team brings into a cluster that has nothing yet."""

from __future__ import annotations

from lockgate_sandbox.demo.stage import Stage
from lockgate_sandbox.parts import lockgate, models, registry


def play(stage: Stage) -> None:
    """The registry is the sandbox's stand-in for W&B's; all else is as it would be anywhere."""
    stage.screen.title("1. The platform team sets up")
    with stage.screen.step("starting a model registry in the cluster"):
        stage.world.add(registry.PART)
    with stage.screen.step("installing Lockgate with helm"):
        stage.world.add(lockgate.PART)
    with stage.screen.step("offering a runtime for models, and a namespace"):
        stage.world.add(models.PART)
