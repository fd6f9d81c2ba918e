"""A crowd that asks the model of the shipped example without pause, each time over a connection of its own.

So each request is routed anew. Every one that fails counts, so add it once the model is served if none may.
"""

from __future__ import annotations

from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.crowds import Crowd, Target
from lockgate_sandbox.inference import inference_path
from lockgate_sandbox.part import Prepared
from lockgate_sandbox.parts import crowd
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.worlds import Level

_PER_SECOND = 150.0


class _Part:
    name = "visitor"
    needs = ("models", "crowd")
    levels = frozenset({Level.CLUSTER})
    handle = Crowd

    def prepare(self, level: Level) -> Prepared:
        """What the crowd is made of, and no more."""
        return Prepared()

    def install(self, world: ClusterWorld, prepared: Prepared) -> Crowd:
        """By the Service of the model, as a client without a gateway would."""
        url = f"http://{MODEL}.{NAMESPACE}.svc{inference_path(MODEL)}"
        target = Target(url, rate=_PER_SECOND, in_flight=4, keep_alive=False)
        visitor = world.add(crowd.PART).start("visitor", target)
        visitor.count_after(0)
        return visitor


PART = _Part()
