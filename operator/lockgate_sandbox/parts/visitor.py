"""A client inside the cluster that asks the model of the shipped example without pause, and counts.

Every request that fails counts, so add it once the model is served if none may fail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lockgate_sandbox import objects
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.images import build_images
from lockgate_sandbox.inference import inference_path, question
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.source import PACKAGES
from lockgate_sandbox.waiting import until
from lockgate_sandbox.worlds import Level

_SCRIPT = PACKAGES / "lockgate_sandbox" / "visits.py"


@dataclass(frozen=True, slots=True)
class Count:
    """Requests since the visitor began, those that failed, and answers by model version."""

    requests: int
    failed: int
    last_failure: str
    versions: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Visitor(Handle):
    """A visitor; `url` is what it asks."""

    world: ClusterWorld

    def count(self) -> Count | None:
        """What it counted last; None before its first count."""
        logged = self.world.kubectl("logs", "visitor", "-n", NAMESPACE, "--tail=1", check=False).stdout
        try:
            told = json.loads(logged)
        except ValueError:
            return None
        return Count(told["requests"], told["failed"], told["lastFailure"], told["versions"])

    def count_after(self, requests: int) -> Count:
        """The first count of more than so many requests."""

        def more() -> Count | None:
            count = self.count()
            return count if count and count.requests > requests else None

        return until(f"the visitor counts more than {requests} requests", more)


class _Part:
    name = "visitor"
    needs = ("models",)
    levels = frozenset({Level.CLUSTER})
    handle = Visitor

    def prepare(self, level: Level) -> Prepared:
        """Any image with a Python."""
        return Prepared(images=build_images(["modelserver"]))

    def install(self, world: ClusterWorld, prepared: Prepared) -> Visitor:
        """A pod, with its program in a ConfigMap."""
        image = prepared.images["modelserver"]
        world.load_image_archives([image.archive])
        url = f"http://{MODEL}.{NAMESPACE}.svc{inference_path(MODEL)}"
        command = ["python", f"/script/{_SCRIPT.name}", url, question()]
        container = objects.container("visitor", image, {"script": "/script"}, command=command)
        script = {"script": {"configMap": {"name": "visitor"}}}
        pod = objects.pod_spec(container, script, terminationGracePeriodSeconds=1)
        world.apply(
            objects.named("v1", "ConfigMap", "visitor", NAMESPACE, data={_SCRIPT.name: _SCRIPT.read_text()}),
            objects.named("v1", "Pod", "visitor", NAMESPACE, spec=pod),
        )
        visitor = Visitor(world=world, url=url)
        visitor.count_after(0)
        return visitor


PART = _Part()
