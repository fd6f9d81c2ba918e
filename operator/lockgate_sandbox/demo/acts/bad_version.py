"""The ninth act: a version that is slow is caught at 10 percent and given up, and is not tried again."""

from __future__ import annotations

from lockgate_sandbox.demo.stage import ALIAS, COLLECTION, Stage
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.parts import lockgate, registry
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.training import train

_BAD, _GOOD = "v2", "v1"


def play(stage: Stage) -> None:
    """It tells as many customers right as the one before, so only serving it shows what is wrong."""
    screen, following = stage.screen, stage.world.add(registry.PART)
    screen.title("9. Somebody puts a deep network in front of the model and promotes it as v2")
    trained = train("v3", stage.scratch / "v3")
    with screen.step(f"AUC {trained.auc:.3f}, as good as before; logging and linking it as {_BAD}"):
        following.seed(stage.scratch / "v3", COLLECTION, trained.metadata)
    following.promote(COLLECTION, _BAD, ALIAS)
    stage.watch_steps_until(f"{_BAD} is given up", lambda said: said.last[1] == "Aborted")
    stage.wait_until_routed()
    said = stage.world.add(lockgate.PART).says(NAMESPACE, MODEL)
    if (said.serving, said.desired) != (_GOOD, _BAD):
        raise SandboxError(
            f"{said.serving} serves and {said.desired} is desired; expected {_GOOD} and {_BAD}"
        )
    screen.good(f"the alias still points at {_BAD}, {_GOOD} serves on: {said.why}")
    stage.check_crowd()
