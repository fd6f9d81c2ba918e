"""Where rollouts are played: the parts of a world, versions of a model, and a crowd that asks by the gateway.

Everything is beside what others may have in the same world, and goes when the ground is left. It
begins no rollout but the first.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from tests.rollouts.counts import Counts
from tests.rollouts.people import People
from tests.rollouts.witness import Witness

from lockgate_sandbox import objects
from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.crowds import Target
from lockgate_sandbox.demo.values import offering
from lockgate_sandbox.inference import inference_path
from lockgate_sandbox.parts import crowd, gateway_envoy, lockgate, models, registry
from lockgate_sandbox.training import train
from lockgate_sandbox.waiting import until

NAMESPACE, NAME = "rollouts", "ferry"
COLLECTION = f"model/{NAME}"
HOST = f"{NAME}.{NAMESPACE}.models.example.com"
RATE = 150.0
# As many as a rollout that is superseded needs.
GOOD = 3


@dataclass(frozen=True, slots=True)
class Ground:
    """Who acts on the model, who asks, who watches, and which versions there are."""

    people: People
    counts: Counts
    witness: Witness
    good: tuple[str, ...]
    bad: str


@contextlib.contextmanager
def ground(world: ClusterWorld, *, with_bad: bool, rate: float = RATE) -> Iterator[Ground]:
    """A model that serves behind the gateway, and versions for it; one that no server can load if need be."""
    world.add(models.PART)
    following = world.add(registry.PART)
    gateway = world.add(gateway_envoy.PART)
    world.add(lockgate.PART).upgrade(*offering(gateway))
    with tempfile.TemporaryDirectory(prefix="rollouts-") as scratch:
        for directory in _versions(Path(scratch), with_bad=with_bad):
            following.seed(directory, COLLECTION)
    good, bad = tuple(f"v{number}" for number in range(GOOD)), f"v{GOOD}"
    following.promote(COLLECTION, good[0], "production")
    key = objects.secret("lockgate-registry", NAMESPACE, api_key=following.keys["viewer"])
    world.apply(objects.namespace(NAMESPACE), key, _model())
    client = ApiClient(world.kubeconfig)
    people = People(client, following, COLLECTION, (NAMESPACE, NAME))
    try:
        until(f"{good[0]} serves", lambda: people.look().rests_on(good[0]))
        url = f"{gateway.inner_url}{inference_path(NAME)}"
        asking = world.add(crowd.PART).start(NAME, Target(url, host=HOST, rate=rate, in_flight=16))
        try:
            with Witness(world.kubeconfig, NAMESPACE, NAME) as witness, Counts(asking) as counts:
                until("the first counts are told", lambda: counts.last and witness.windows(0.0))
                yield Ground(people, counts, witness, good, bad)
        finally:
            asking.stop()
    finally:
        world.kubectl("delete", "modeldeployment", NAME, f"-n={NAMESPACE}", "--wait=false")
        client.close()


def _versions(scratch: Path, *, with_bad: bool) -> Iterator[Path]:
    """One model in several versions of other bytes, and last what is none."""
    train("v1", scratch / "trained")
    model = onnx.load(scratch / "trained" / "model.onnx")
    for number in range(GOOD):
        directory = scratch / str(number)
        directory.mkdir()
        model.doc_string = f"the same but for this number: {number}"
        onnx.save(model, directory / "model.onnx")
        yield directory
    if with_bad:
        directory = scratch / "bad"
        directory.mkdir()
        (directory / "model.onnx").write_bytes(b"no model at all")
        yield directory


def _model() -> objects.Json:
    spec = {
        "model": {"registry": "model", "collection": NAME, "alias": "production"},
        "runtime": {"name": "onnx"},
        "replicas": 2,
        "traffic": {"gateway": "public"},
    }
    return objects.named("lockgate.dev/v1alpha1", "ModelDeployment", NAME, NAMESPACE, spec=spec)
