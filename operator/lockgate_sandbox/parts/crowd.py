"""Crowds: people inside the cluster who ask for predictions, as many at a time as somebody starts.

The part itself asks nobody: it brings the room and the program. Every request of a crowd that fails
counts, so start it once the model is served if none may.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate_sandbox import objects
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.crowds import NAMESPACE, Crowd, Target
from lockgate_sandbox.images import build_images
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.source import PACKAGES
from lockgate_sandbox.waiting import until
from lockgate_sandbox.worlds import Level

_SCRIPT = PACKAGES / "lockgate_sandbox" / "visits.py"
_PROGRAM = "program"


@dataclass(frozen=True, kw_only=True)
class Crowds(Handle):
    """Where crowds are; `url` is where the API server tells of them."""

    world: ClusterWorld
    image: str

    def start(self, name: str, target: Target) -> Crowd:
        """One more crowd, of a name that no other has; returns when it asks."""
        command = ["python", f"/{_PROGRAM}/{_SCRIPT.name}", target.told()]
        container = objects.container("crowd", self.image, {_PROGRAM: f"/{_PROGRAM}"}, command=command)
        volume = {_PROGRAM: {"configMap": {"name": _PROGRAM}}}
        pod = objects.pod_spec(container, volume, terminationGracePeriodSeconds=1)
        self.world.apply(objects.named("v1", "Pod", name, NAMESPACE, spec=pod))
        crowd = Crowd(world=self.world, url=target.url, name=name)
        until(f"the crowd {name} counts", crowd.count)
        return crowd


class _Part:
    name = "crowd"
    needs = ()
    levels = frozenset({Level.CLUSTER})
    handle = Crowds

    def prepare(self, level: Level) -> Prepared:
        """Any image with a Python."""
        return Prepared(images=build_images(["modelserver"]))

    def install(self, world: ClusterWorld, prepared: Prepared) -> Crowds:
        """A namespace, with the program in a ConfigMap."""
        image = prepared.images["modelserver"]
        world.load_image_archives([image.archive])
        program = {_SCRIPT.name: _SCRIPT.read_text()}
        world.apply(
            objects.namespace(NAMESPACE), objects.named("v1", "ConfigMap", _PROGRAM, NAMESPACE, data=program)
        )
        url = f"{world.api_url}/api/v1/namespaces/{NAMESPACE}/pods"
        return Crowds(world=world, url=url, image=image.reference)


PART = _Part()
