"""The demo from its first line to its last: what happens, in order, and what must hold.

Every part is real but the registry server, which is the sandbox's stand-in for W&B's and is
spoken to by the real client. A step that does not hold ends the demo with a sentence.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lockgate_sandbox.binaries import programs_for, programs_of
from lockgate_sandbox.demo import manifests
from lockgate_sandbox.demo.predictions import predict, request_body, show_predictions
from lockgate_sandbox.demo.screen import Screen, Table
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.images import Image, build_images
from lockgate_sandbox.registry.identity import User
from lockgate_sandbox.registry.running import client_environment, new_users
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.training import Which, train
from lockgate_sandbox.world import require_cluster, start_cluster
from lockgate_sandbox.worlds import Level

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "churn.yaml"
CHART = ROOT / "helm" / "lockgate"
MODEL = "churn"
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 2
ANSWERS_IN_A_ROW = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """What the story plays on."""

    screen: Screen
    world: RunningWorld
    images: Mapping[str, Image]
    users: Mapping[str, User]
    scratch: Path


def tell(screen: Screen, *, stays: bool) -> int:
    """The whole demo; returns the exit code."""
    screen.title("Lockgate: a registry alias moves, and a real model follows")
    require_cluster()
    # First of all what takes long the first time, each telling its own progress.
    programs_for(Level.CLUSTER)
    programs_of(["helm"])
    images = build_images()
    users = {user.name: user for user in new_users()}
    with tempfile.TemporaryDirectory(prefix="lockgate-demo-") as scratch:
        with screen.step("starting a real one-node Kubernetes cluster"):
            world = start_cluster()
        with world:
            stage = Stage(screen, world, images, users, Path(scratch))
            model_url = _set_up(stage)
            _follow_the_alias(stage, model_url)
            if stays:
                _stay(stage)
    screen.say(f"done after {screen.elapsed():.0f} s; the cluster and everything in it are gone")
    return 0


def _set_up(stage: Stage) -> str:
    screen, world = stage.screen, stage.world
    screen.title("1. The platform team sets up")
    with screen.step("bringing the images to the node"):
        world.load_image_archives([image.archive for image in stage.images.values()])
    _apply(world, *manifests.namespaces())
    _apply(world, *manifests.registry(stage.images["registry"], tuple(stage.users.values())))
    _apply(world, *manifests.api_keys(stage.users["viewer"]))
    with screen.step("installing Lockgate with helm"):
        _install(stage)
    _apply(world, manifests.runtime(stage.images["modelserver"]))
    with screen.step("waiting for the registry"):
        _kubectl(world, "rollout", "status", "deployment/registry", "-n", manifests.REGISTRY_NAMESPACE)
    screen.title("2. An ML engineer logs two models with the wandb client and promotes the first")
    registry_url = world.forward(manifests.REGISTRY_NAMESPACE, "registry", 8080)
    versions: tuple[tuple[Which, str], ...] = (("v1", "v0"), ("v2", "v1"))
    for which, version in versions:
        trained = train(which, stage.scratch / which)
        told = f"trained a model: accuracy {trained.accuracy:.1%}, AUC {trained.auc:.3f}"
        with screen.step(f"{told}; logging and linking it as {version} of model/{MODEL}"):
            _registry(stage, registry_url, "seed", str(stage.scratch / which), f"model/{MODEL}")
    _registry(stage, registry_url, "promote", f"model/{MODEL}", "v0", "--alias", "production")
    screen.title(f"3. kubectl apply -f {EXAMPLE.relative_to(ROOT)}")
    for line in EXAMPLE.read_text().splitlines():
        screen.say(f"  {line}")
    _kubectl(world, "apply", "-f", str(EXAMPLE))
    _watch_until(stage, "v0")
    model_url = world.forward(manifests.MODEL_NAMESPACE, MODEL, 80)
    _show_answers(stage, model_url, "v0")
    screen.good(f"first prediction {screen.elapsed():.0f} s after the start")
    return model_url


def _install(stage: Stage) -> None:
    repository, _, digest = stage.images["operator"].reference.partition("@")
    values = {
        "image": {"repository": repository, "digest": digest, "pullPolicy": "Never"},
        "registry": {"baseUrl": manifests.REGISTRY_URL, "pollIntervalSeconds": POLL_SECONDS},
    }
    path = stage.scratch / "values.json"
    path.write_text(json.dumps(values))
    namespace = manifests.OPERATOR_NAMESPACE
    stage.world.helm(
        "install", "lockgate", str(CHART), "--namespace", namespace, "--values", str(path), "--wait"
    )


def _follow_the_alias(stage: Stage, model_url: str) -> None:
    screen, world = stage.screen, stage.world
    registry_url = world.forward(manifests.REGISTRY_NAMESPACE, "registry", 8080)
    script = (Path(__file__).parent / "visitor.py").read_text()
    url = f"http://{MODEL}.{manifests.MODEL_NAMESPACE}.svc/v2/models/{MODEL}/infer"
    _apply(world, *manifests.visitor(stage.images["modelserver"], script, url, request_body()))
    _until("a client inside the cluster asks without pause", lambda: _count(world).get("requests", 0) > 0)
    for number, version, what in (
        (4, "v1", "The better model is promoted: the alias production moves to v1"),
        (5, "v0", "A change of mind: the alias production moves back to v0"),
    ):
        screen.title(f"{number}. {what}")
        _registry(stage, registry_url, "promote", f"model/{MODEL}", version, "--alias", "production")
        _watch_until(stage, version)
        _show_answers(stage, model_url, version)
        _check_count(stage)


def _show_answers(stage: Stage, model_url: str, version: str) -> None:
    _until(f"{version} answers", partial(_answers, model_url, version))
    show_predictions(stage.screen, model_url, MODEL)


def _answers(model_url: str, version: str) -> bool:
    # Several in a row: the node's proxy lets go of the old pods a moment after they are told to stop.
    return all(predict(model_url, MODEL)["model_version"] == version for _ in range(ANSWERS_IN_A_ROW))


def _check_count(stage: Stage) -> None:
    seen = _count(stage.world)["requests"]
    count = _until("the client's next count", partial(_count_after, stage.world, seen))
    answers = ", ".join(f"{number} by {version}" for version, number in sorted(count["versions"].items()))
    if count["failed"]:
        raise SandboxError(
            f"{count['failed']} of {count['requests']} requests failed: {count['lastFailure']}"
        )
    stage.screen.good(f"{count['requests']} requests from inside the cluster so far, 0 failed ({answers})")


def _count_after(world: RunningWorld, seen: int) -> dict[str, Any] | None:
    count = _count(world)
    return count if count.get("requests", 0) > seen else None


def _count(world: RunningWorld) -> dict[str, Any]:
    logged = world.kubectl("logs", "visitor", "-n", manifests.MODEL_NAMESPACE, "--tail=1", check=False)
    try:
        count: dict[str, Any] = json.loads(logged.stdout)
    except ValueError:
        return {}
    return count


def _watch_until(stage: Stage, version: str) -> None:
    """Print the deployment's row whenever it changes, until the version serves and is Ready."""
    columns = (("after", 7), ("alias", 11), ("desired", 8), ("serving", 8), ("phase", 11), ("ready", 8))
    table = Table(stage.screen, (*columns, ("why", 52)))
    begun = time.monotonic()
    last: tuple[str, ...] = ()

    def serves() -> bool:
        nonlocal last
        found = json.loads(
            stage.world.kubectl("get", "mdep", MODEL, "-n", manifests.MODEL_NAMESPACE, "-o", "json").stdout
        )
        status = found.get("status") or {}
        ready: dict[str, str] = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
        row = (
            found["spec"]["model"]["alias"],
            (status.get("desired") or {}).get("version", "-"),
            (status.get("stable") or {}).get("version", "-"),
            status.get("phase", "-"),
            ready.get("status", "-"),
            ready.get("message", ""),
        )
        if row != last:
            table.row(f"{time.monotonic() - begun:.1f} s", *row)
            last = row
        return bool(row[2] == version and row[4] == "True")

    _until(f"{version} serves", serves)


def _until(what: str, check: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        value = None
        with contextlib.suppress(OSError):
            value = check()
        if value:
            return value
        time.sleep(0.2)
    raise SandboxError(f"not within {PATIENCE_SECONDS:.0f} s: {what}")


def _registry(stage: Stage, url: str, *arguments: str) -> None:
    """Run the registry's command line, which works with the real client."""
    environment = client_environment(url, stage.users["admin"].key, stage.scratch / "wandb")
    (stage.scratch / "wandb").mkdir(exist_ok=True)
    ended = subprocess.run(
        [sys.executable, "-m", "lockgate_sandbox.registry", *arguments],
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if ended.returncode:
        raise SandboxError(f"registry {' '.join(arguments)} failed: {(ended.stderr or ended.stdout)[-500:]}")


def _apply(world: RunningWorld, *objects: dict[str, Any]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    world.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(listed))


def _kubectl(world: RunningWorld, *arguments: str) -> None:
    world.kubectl(*arguments, timeout=PATIENCE_SECONDS)


def _stay(stage: Stage) -> None:
    screen, world = stage.screen, stage.world
    screen.title("The world stays up. Look around:")
    name = world.name
    for line in (
        f"export KUBECONFIG={world.kubeconfig} PATH=$PATH:{world.program('kubectl').parent}",
        f"kubectl get mdep -n {manifests.MODEL_NAMESPACE} -w",
        f"kubectl describe mdep {MODEL} -n {manifests.MODEL_NAMESPACE}",
        f"kubectl logs -n {manifests.OPERATOR_NAMESPACE} deployment/lockgate -f",
        f"kubectl port-forward -n {manifests.OPERATOR_NAMESPACE} deployment/lockgate 8080",
        f"curl -s {world.forward(manifests.MODEL_NAMESPACE, MODEL, 80)}/v2/models/{MODEL}",
        f"PYTHONPATH=operator {sys.executable} -m lockgate_sandbox logs --name {name}",
    ):
        screen.say(line)
    screen.say("")
    screen.say("Move the alias yourself:")
    screen.say(
        f"export WANDB_BASE_URL={world.forward(manifests.REGISTRY_NAMESPACE, 'registry', 8080)} "
        f"WANDB_API_KEY={stage.users['admin'].key}"
    )
    screen.say(
        f"PYTHONPATH=operator {sys.executable} -m lockgate_sandbox.registry promote model/{MODEL} v1 "
        "--alias production"
    )
    screen.title("Enter or Ctrl-C ends it and removes everything.")
    with contextlib.suppress(EOFError):
        input()
