"""The demo from its first line to its last: which acts there are, in which order, and in which world.

Every part is real but the registry server, which is the sandbox's stand-in for W&B's and is
spoken to by the real client. An act that does not hold ends the demo with a sentence.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from lockgate_sandbox.binaries import programs_for
from lockgate_sandbox.demo.acts import (
    bad_version,
    canary,
    challenger,
    change_of_mind,
    first_deployment,
    first_models,
    gateway,
    looking_around,
    platform_at_work,
    platform_team,
    promotion,
)
from lockgate_sandbox.demo.screen import Screen
from lockgate_sandbox.demo.stage import Stage
from lockgate_sandbox.part import prepare
from lockgate_sandbox.parts import crowd, gateway_envoy, prometheus, visitor
from lockgate_sandbox.world import require_cluster, start_cluster
from lockgate_sandbox.worlds import Level

_ACTS = (
    platform_team,
    first_models,
    first_deployment,
    promotion,
    platform_at_work,
    change_of_mind,
    gateway,
    canary,
    bad_version,
    challenger,
)
# What takes long to build the first time, so that no act has to wait for it.
_NEEDED = (visitor.PART, gateway_envoy.PART, prometheus.PART, crowd.PART)


def tell(screen: Screen, *, stays: bool) -> int:
    """The whole demo; returns the exit code."""
    screen.title("Lockgate: a registry alias moves, and a real model follows")
    require_cluster()
    # First of all what takes long the first time, each telling its own progress.
    programs_for(Level.CLUSTER)
    prepare([part.name for part in _NEEDED], Level.CLUSTER)
    with tempfile.TemporaryDirectory(prefix="lockgate-demo-") as scratch:
        with screen.step("starting a real one-node Kubernetes cluster"):
            world = start_cluster()
        with world:
            stage = Stage(screen, world, Path(scratch))
            for act in _ACTS:
                act.play(stage)
            if stays:
                looking_around.play(stage)
    screen.say(f"done after {screen.elapsed():.0f} s; the cluster and everything in it are gone")
    return 0
