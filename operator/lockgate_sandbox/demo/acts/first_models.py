"""The second act: two models are trained, logged and linked, and the first is promoted."""

from __future__ import annotations

from lockgate_sandbox.demo.stage import ALIAS, COLLECTION, Stage
from lockgate_sandbox.parts import registry
from lockgate_sandbox.training import Which, train

_VERSIONS: tuple[tuple[Which, str], ...] = (("v1", "v0"), ("v2", "v1"))


def play(stage: Stage) -> None:
    """All with the real client."""
    stage.screen.title("2. An ML engineer logs two models with the wandb client and promotes the first")
    logging = stage.world.add(registry.PART)
    for which, version in _VERSIONS:
        trained = train(which, stage.scratch / which)
        told = f"trained a model: accuracy {trained.accuracy:.1%}, AUC {trained.auc:.3f}"
        with stage.screen.step(f"{told}; logging and linking it as {version} of {COLLECTION}"):
            logging.seed(stage.scratch / which, COLLECTION, trained.metadata)
    logging.promote(COLLECTION, "v0", ALIAS)
