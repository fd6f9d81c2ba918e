"""The model registry: the sandbox's W&B-compatible server, and what people do with it by the real client.

In a cluster it is a pod behind a Service, on a control plane a process of the world on loopback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate_sandbox import objects
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.images import Image, build_images
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.registry.identity import USERS_VARIABLE, kept_users
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.source import PACKAGES
from lockgate_sandbox.supervise.components import free_port
from lockgate_sandbox.waiting import PATIENCE_SECONDS, until_it_answers
from lockgate_sandbox.worlds import Level

NAMESPACE = "registry"
_PORT = 8080
_USERS = "registry-users"


@dataclass(frozen=True, kw_only=True)
class Registry(Handle):
    """A registry: `url` for this machine, `inner_url` for who runs in the world, keys by role."""

    inner_url: str
    keys: Mapping[str, str] = field(repr=False)

    def seed(self, directory: Path, collection: str, metadata: Mapping[str, Any] | None = None) -> None:
        """Log a directory as an artifact and link it as the next version of REGISTRY/COLLECTION."""
        told = (f"--metadata={name}={json.dumps(value)}" for name, value in (metadata or {}).items())
        self._client("seed", str(directory), collection, *told)

    def promote(self, collection: str, version: str, alias: str) -> None:
        """Point an alias at a version."""
        self._client("promote", collection, version, f"--alias={alias}")

    def demote(self, collection: str, alias: str) -> None:
        """Take an alias off whichever version has it."""
        self._client("demote", collection, f"--alias={alias}")

    def versions(self) -> list[dict[str, Any]]:
        """Every version, with its aliases and its digest."""
        return list(json.loads(self._client("show", "--json")))

    def _client(self, *arguments: str) -> str:
        # A process of its own: the client keeps state, and settings, in the one it runs in.
        told = {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": self.keys["admin"], "PYTHONPATH": str(PACKAGES)}
        ended = subprocess.run(
            [sys.executable, "-m", "lockgate_sandbox.registry", *arguments],
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        if ended.returncode:
            said = (ended.stderr or ended.stdout)[-500:]
            raise SandboxError(f"registry {' '.join(arguments)} failed: {said}")
        return ended.stdout


class _Part:
    name = "registry"
    needs = ()
    levels = frozenset({Level.CONTROL_PLANE, Level.CLUSTER})
    handle = Registry

    def prepare(self, level: Level) -> Prepared:
        """Only pods need an image."""
        return Prepared(images=build_images(["registry"]) if level is Level.CLUSTER else {})

    def install(self, world: RunningWorld, prepared: Prepared) -> Registry:
        """With one user of each role, whose keys stay when it has to be tried again."""
        users = kept_users(world.directory / _USERS)
        if isinstance(world, ClusterWorld):
            url = _as_pod(world, prepared.images["registry"])
            inner_url = f"http://registry.{NAMESPACE}.svc:{_PORT}"
        else:
            url = inner_url = _as_process(world)
        until_it_answers("the registry", f"{url}/healthz")
        return Registry(world=world, url=url, inner_url=inner_url, keys={u.name: u.key for u in users})


def _as_pod(world: ClusterWorld, image: Image) -> str:
    world.load_image_archives([image.archive])
    users = ",".join((world.directory / _USERS).read_text().split())
    told = {"name": USERS_VARIABLE, "valueFrom": {"secretKeyRef": {"name": "users", "key": "users"}}}
    runs: dict[str, Any] = {"args": _serve("0.0.0.0", _PORT, "/data"), "env": [told]}  # noqa: S104 - the pod's own
    world.apply(
        objects.namespace(NAMESPACE),
        objects.secret("users", NAMESPACE, users=users),
        *objects.server("registry", NAMESPACE, image, _PORT, "/healthz", ("data", "tmp"), **runs),
    )
    return world.forward(NAMESPACE, "registry", _PORT)


def _as_process(world: RunningWorld) -> str:
    port = free_port()
    program = [sys.executable, "-m", "lockgate_sandbox.registry", *_serve("127.0.0.1", port, "registry")]
    world.join("registry", [*program, f"--users-file={_USERS}"], {"PYTHONPATH": str(PACKAGES)})
    return f"http://127.0.0.1:{port}"


def _serve(host: str, port: int, data: str) -> list[str]:
    return ["serve", f"--host={host}", f"--port={port}", f"--data-dir={data}", "--protect=model:production"]


PART = _Part()
