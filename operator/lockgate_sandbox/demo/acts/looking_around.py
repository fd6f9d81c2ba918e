"""The last act, for whoever sits at a terminal: the world stays, and here is how to look at it."""

from __future__ import annotations

import contextlib
import sys

from lockgate_sandbox.demo.stage import ALIAS, COLLECTION, Stage
from lockgate_sandbox.parts import lockgate, models, registry
from lockgate_sandbox.parts.models import MODEL

_PYTHON = f"PYTHONPATH=operator {sys.executable} -m"


def play(stage: Stage) -> None:
    """Ends with Enter or Ctrl-C, and everything with it."""
    screen, world = stage.screen, stage.world
    following = world.add(registry.PART)
    screen.title("The world stays up. Look around:")
    for line in (
        f"export KUBECONFIG={world.kubeconfig} PATH=$PATH:{world.program('kubectl').parent}",
        f"kubectl get mdep -n {models.NAMESPACE} -w",
        f"kubectl describe mdep {MODEL} -n {models.NAMESPACE}",
        f"kubectl logs -n {lockgate.NAMESPACE} deployment/lockgate -f",
        f"curl -s {world.add(lockgate.PART).url}/metrics",
        f"curl -s {world.add(models.PART).address(MODEL)}/v2/models/{MODEL}",
        f"{_PYTHON} lockgate_sandbox logs --name {world.name}",
        "",
        "Move the alias yourself:",
        f"export WANDB_BASE_URL={following.url} WANDB_API_KEY={following.keys['admin']}",
        f"{_PYTHON} lockgate_sandbox.registry promote {COLLECTION} v1 --alias {ALIAS}",
    ):
        screen.say(line)
    screen.title("Enter or Ctrl-C ends it and removes everything.")
    with contextlib.suppress(EOFError):
        input()
