"""Two configured registry servers: each is asked for what is its own, and its outage is its own."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from tests.fakes.builders import PODS, SOURCE, version
from tests.fakes.cluster import ready_pod
from tests.fakes.registry import FakeRegistry
from tests.fakes.rig import KEY, Rig

from lockgate.backends.settings import PodSource
from lockgate.domain.resources import DEPLOYMENT
from lockgate.errors import RegistryUnavailable
from lockgate.resolve.followers import OfOneSource
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.resolver import Resolver
from lockgate.resolve.sources import Sources
from lockgate.telemetry.metrics import Metrics

MODEL = {"registry": "model", "collection": "churn", "alias": "production"}
IN_EU = {"model": MODEL | {"source": "eu"}}
EU = PodSource(base_url="https://eu.example", secret_name="keys-eu", secret_key="token")


class TwoServers(Rig):
    """The same rig, with a second server beside the default one."""

    def __init__(self) -> None:
        super().__init__()
        self.eu = FakeRegistry()
        self.sources = Sources(
            {
                name: Lookups(
                    registry,
                    Metrics(CollectorRegistry()),
                    OfOneSource(self.followers, name),
                    lambda _: self.woken.set(),
                )
                for name, registry in (("default", self.registry), ("eu", self.eu))
            }
        )
        resolver = Resolver(self.sources, self.followers, self.edits, self.quarantine)
        object.__setattr__(self.reconciler, "resolver", resolver)
        self.know({"default": SOURCE, "eu": EU})

    def know(self, sources: dict[str, PodSource]) -> None:
        """Let pods be made for these servers."""
        object.__setattr__(self.reconciler, "backend", self.backend(replace(PODS, sources=sources)))

    async def poll(self) -> None:
        for lookups in self.sources.values():
            await lookups.poll()

    @property
    def pod(self) -> dict:
        """The pod template."""
        return self.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]


@pytest.fixture
def rig():
    return TwoServers()


async def serve_of_eu(rig):
    """v3 of the second server serves."""
    rig.create(**IN_EU)
    rig.eu.point("production", version(3))
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()


async def test_a_version_comes_from_the_server_that_the_spec_names_and_so_do_its_bytes(rig):
    await serve_of_eu(rig)
    assert rig.status["stable"]["source"] == "eu"
    assert rig.status["stable"]["model"] == "model/churn"
    fetch = rig.pod["spec"]["initContainers"][0]
    assert "--base-url=https://eu.example" in fetch["args"]
    (key,) = [volume["secret"] for volume in rig.pod["spec"]["volumes"] if "secret" in volume]
    assert (key["secretName"], key["items"][0]["key"]) == ("keys-eu", "token")
    assert rig.pod["metadata"]["annotations"]["lockgate.dev/model-source"] == "eu"
    assert rig.registry.look_ups == []


async def test_a_poll_asks_each_server_for_what_is_followed_there_and_for_nothing_else(rig):
    rig.create()
    await rig.serve(1)
    rig.eu.point("production", version(1))
    rig.create(**IN_EU)
    await rig.settle()
    rig.registry.look_ups.clear()
    rig.eu.look_ups.clear()
    await rig.poll()
    assert (rig.registry.look_ups, rig.eu.look_ups) == ([], ["eu/model/churn:production"])


async def test_a_server_that_is_down_is_no_outage_of_the_other(rig):
    rig.create()
    await rig.serve(1)
    rig.eu.down = RegistryUnavailable("eu did not answer")
    rig.registry.point("production", version(2))
    for _ in range(3):
        await rig.poll()
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert rig.verdict("Resolved") == ("True", "Resolved")


async def test_the_same_version_on_another_server_is_rolled_out_like_any_other(rig):
    rig.create()
    await rig.serve(1)
    rig.eu.point("production", version(1))
    rig.create(**IN_EU)
    await rig.settle()
    assert rig.status["candidate"]["source"] == "eu"
    assert "source" not in rig.status["stable"]


async def test_a_server_that_is_not_configured_is_told_with_those_that_are(rig):
    rig.create()
    await rig.serve(1)
    rig.create(model=MODEL | {"source": "us"})
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "InvalidSpec")
    told = rig.condition("Ready")["message"]
    assert "spec.model.source is 'us'" in told
    assert "default and eu" in told
    assert rig.status["stable"]["version"] == "v1"
    rig.registry.look_ups.clear()
    await rig.poll()
    assert rig.registry.look_ups == []


async def test_what_serves_goes_on_serving_when_its_server_is_configured_no_more(rig):
    await serve_of_eu(rig)
    rig.know({"default": SOURCE})
    rig.cluster.writes.clear()
    await rig.settle()
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert rig.cluster.writes == []
    rig.eu.point("production", version(4))
    await rig.poll()
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "InvalidSpec")
    assert "configured no more" in rig.condition("Ready")["message"]
    assert rig.status["stable"]["version"] == "v3"
    assert set(rig.cluster.writes) == {"status ModelDeployment"}


@pytest.mark.parametrize(
    "gate", [{"metadata": [{"name": "a", "expression": "stable.metadata.auc > 0.5"}]}, {}]
)
async def test_who_serves_is_asked_for_where_it_came_from_and_not_where_the_next_version_does(rig, gate):
    rig.create()
    await rig.serve(1)
    serving = replace(version(1), metadata={"auc": 0.9}, signature='{"inputs":[],"outputs":[]}')
    rig.registry.point("v1", serving)
    rig.eu.point("production", replace(version(2), signature=serving.signature))
    rig.eu.point("v1", replace(version(1), metadata={"auc": 0.1}))
    rig.create(**IN_EU, gates=gate | {"signature": "Require"})
    await rig.settle()
    assert rig.status["candidate"]["source"] == "eu"


async def test_of_who_serves_from_a_server_that_is_configured_no_more_nothing_is_known(rig):
    await serve_of_eu(rig)
    only = Sources({"default": rig.sources["default"]})
    resolver = Resolver(only, rig.followers, rig.edits, rig.quarantine)
    object.__setattr__(rig.reconciler, "resolver", resolver)
    rig.registry.point("production", replace(version(4), signature='{"inputs":[],"outputs":[]}'))
    rig.create(gates={"signature": "Require"})
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "GateRefused")
    assert "its registry, eu, is not configured any more" in rig.condition("Ready")["message"]
    rig.create(gates={"signature": "Warn"})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v4"
