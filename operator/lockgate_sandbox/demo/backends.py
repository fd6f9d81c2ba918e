"""One alias, three backends: a model as Deployments, on KServe and on Ray, each of which follows.

Everything is real but the registry server. Amazon ECS cannot run here, and is not shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from lockgate_sandbox import objects
from lockgate_sandbox.binaries import programs_for
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.demo.acts import first_models, platform_team
from lockgate_sandbox.demo.screen import Screen, Table
from lockgate_sandbox.demo.stage import ALIAS, COLLECTION, Stage
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.part import prepare
from lockgate_sandbox.parts import kserve, kuberay, lockgate, models, registry
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.waiting import until
from lockgate_sandbox.world import require_cluster, start_cluster
from lockgate_sandbox.worlds import Level

_SECONDS = 600
_OFFERED = ("backends.kserve.enabled=true", "backends.rayService.enabled=true")
_BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    MODEL: ("onnx", {"deployment": {}}),
    f"{MODEL}-on-kserve": ("onnx", {"kserve": {}}),
    f"{MODEL}-on-ray": (kuberay.RUNTIME, {"rayService": {}}),
}


def main() -> int:
    """Exit code 0 when everything went as told."""
    argparse.ArgumentParser(
        prog="python -m lockgate_sandbox.demo.backends",
        description="A registry alias moves, and a model follows: as Deployments, on KServe and on Ray.",
    ).parse_args()
    screen = Screen()
    try:
        _tell(screen)
    except KeyboardInterrupt:
        screen.say("interrupted; the world is gone")
        return 130
    except SandboxError as error:
        screen.fail(str(error))
        return 1
    screen.say(f"done after {screen.elapsed():.0f} s; the cluster and everything in it are gone")
    return 0


def _tell(screen: Screen) -> None:
    screen.title("Lockgate: one alias, and a model on three backends follows")
    require_cluster()
    programs_for(Level.CLUSTER)
    prepare([part.name for part in (kserve.PART, kuberay.PART, models.PART)], Level.CLUSTER)
    with tempfile.TemporaryDirectory(prefix="lockgate-demo-") as scratch:
        with screen.step("starting a real one-node Kubernetes cluster"):
            world = start_cluster()
        with world:
            stage = Stage(screen, world, Path(scratch))
            platform_team.play(stage)
            with screen.step("installing KServe"):
                world.add(kserve.PART)
            with screen.step("installing KubeRay, and offering a runtime that serves on Ray"):
                world.add(kuberay.PART)
            with screen.step("helm upgrade lockgate " + " ".join(f"--set {each}" for each in _OFFERED)):
                world.add(lockgate.PART).upgrade(*_OFFERED)
            first_models.play(stage)
            screen.title("3. Three ModelDeployments follow one alias; they differ in spec.backend alone")
            world.apply(*(_model(name, *told) for name, told in _BACKENDS.items()))
            _follow(screen, world, "v0")
            screen.title("4. The alias moves to v1, which is all the approval that there is")
            world.add(registry.PART).promote(COLLECTION, "v1", ALIAS)
            _follow(screen, world, "v1")
            _answers(screen, world)


def _model(name: str, runtime: str, backend: dict[str, Any]) -> objects.Json:
    model = {"registry": "model", "collection": MODEL, "alias": ALIAS}
    spec = {"model": model, "runtime": {"name": runtime}, "replicas": 1, "backend": backend}
    spec["rollback"] = {"keepWarmFor": "1s"}
    return objects.named("lockgate.dev/v1alpha1", "ModelDeployment", name, NAMESPACE, spec=spec)


def _follow(screen: Screen, world: ClusterWorld, version: str) -> None:
    """A row for each change of what any of them says."""
    operator, begun = world.add(lockgate.PART), time.monotonic()
    table = Table(screen, (("after", 7), *((name, 22) for name in _BACKENDS)))
    last: tuple[str, ...] = ()

    def serve() -> bool:
        nonlocal last
        said = [operator.says(NAMESPACE, name) for name in _BACKENDS]
        cells = tuple(f"{each.serving} {each.phase}" for each in said)
        if cells != last:
            last = cells
            table.row(f"{time.monotonic() - begun:.0f} s", *cells)
        return all(each.serves(version) for each in said)

    until(f"{version} serves on each", serve, within=_SECONDS)


def _answers(screen: Screen, world: ClusterWorld) -> None:
    asked = world.add(models.PART)
    for name in _BACKENDS:
        answer = until(f"{name} answers", partial(asked.predict, name))
        found = json.loads(world.kubectl("get", "mdep", name, f"-n={NAMESPACE}", "-o=json").stdout)
        tree = found["status"]["stable"]["treeDigest"][:19]
        screen.good(f"{name} answers by {answer.version}, whose files its pods proved to be {tree}…")


if __name__ == "__main__":
    sys.exit(main())
