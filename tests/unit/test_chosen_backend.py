"""Which backend sees to a ModelDeployment, and what keeps it from going before what is elsewhere has gone."""

from collections.abc import Collection, Iterable
from copy import deepcopy
from dataclasses import replace

import pytest
from tests.fakes.builders import deployment_object, revision
from tests.fakes.cluster import FakeCluster

from lockgate.api.backend import Ecs
from lockgate.api.parse import parse_model_deployment
from lockgate.api.spec import Identity, ModelDeployment, ModelRuntime
from lockgate.api.status import ModelDeploymentStatus, Revision, RolloutState
from lockgate.api.status_codec import to_dict
from lockgate.backends.chosen import Chosen
from lockgate.domain.observed import Applied, Observed
from lockgate.domain.plan import Stage
from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, Key, Resource
from lockgate.errors import InvalidSpec, LockgateError, Terminating
from lockgate.names import FINALIZER
from lockgate.watch.store import Store

KEY = ("growth", "churn")
ECS = {"ecs": {"target": "prod"}}
NOTHING = Stage(tracks=())


class Noted:
    """A backend that does nothing but note what it was asked, and for which target."""

    def __init__(self, *watches: Resource) -> None:
        self.watches = watches
        self.asked: list[tuple[str, str]] = []
        self.trouble: LockgateError | None = None

    def _note(self, what: str, deployment: ModelDeployment) -> None:
        asked = deployment.backend
        self.asked.append((what, asked.target if isinstance(asked, Ecs) else ""))
        if self.trouble:
            raise self.trouble

    def accepts(self, deployment: ModelDeployment) -> None:
        self._note("accepts", deployment)

    async def observe(self, deployment: ModelDeployment) -> tuple[Observed, LockgateError | None]:
        self._note("observe", deployment)
        return Observed(), None

    async def realise(
        self, deployment: ModelDeployment, stage: Stage, runtime: ModelRuntime | None
    ) -> Applied:
        self._note("realise", deployment)
        return Applied()

    async def tidy(self, deployment: ModelDeployment, dropped: Iterable[Revision]) -> None:
        self._note("tidy", deployment)

    async def remove(self, deployment: Identity, places: Collection[str]) -> None:
        self.asked.append(("remove", ", ".join(places)))
        if self.trouble:
            raise self.trouble

    async def leave(self, deployment: Key) -> None:
        self.asked.append(("leave", ""))

    def forget(self, deployment: Key) -> None:
        self.asked.append(("forget", ""))


class Bench:
    def __init__(self, serves_at: str | None = "nothing", **spec: object) -> None:
        self.store = Store()
        self.cluster = FakeCluster(self.store)
        self.here, self.elsewhere = Noted(DEPLOYMENT), Noted()
        self.chosen = Chosen(self.here, self.elsewhere, self.store, self.cluster)
        raw = deployment_object(**spec)
        if serves_at != "nothing":
            stable = replace(revision(1), release="3fa9c1d2", runtime="onnx@1", backend=serves_at)
            raw["status"] = to_dict(ModelDeploymentStatus(rollout=RolloutState(stable=stable)))
        self.cluster.put(MODEL_DEPLOYMENT, raw)

    @property
    def deployment(self) -> ModelDeployment:
        found = self.store.get(MODEL_DEPLOYMENT, KEY)
        assert found is not None
        return parse_model_deployment(found)

    @property
    def finalizers(self) -> list[str]:
        return list(self.cluster.objects[MODEL_DEPLOYMENT, KEY]["metadata"].get("finalizers", ()))

    def hold(self, *finalizers: str) -> None:
        raw = deepcopy(self.cluster.objects[MODEL_DEPLOYMENT, KEY])
        raw["metadata"]["finalizers"] = list(finalizers)
        self.cluster.put(MODEL_DEPLOYMENT, raw)


@pytest.mark.parametrize(
    ("backend", "is_here"), [({"deployment": {}}, True), ({"kserve": {}}, True), (ECS, False)]
)
async def test_what_serves_nowhere_yet_is_seen_to_where_it_is_asked_to(backend, is_here):
    bench = Bench(backend=backend)
    bench.chosen.accepts(bench.deployment)
    await bench.chosen.observe(bench.deployment)
    await bench.chosen.realise(bench.deployment, NOTHING, None)
    by, other = (bench.here, bench.elsewhere) if is_here else (bench.elsewhere, bench.here)
    assert [what for what, _ in by.asked] == ["accepts", "observe", "realise"]
    assert other.asked == []


@pytest.mark.parametrize(
    ("serves_at", "asked"),
    [
        (None, ECS),
        ("kserve", ECS),
        ("ecs/prod", {"deployment": {}}),
        ("ecs/prod", {"ecs": {"target": "test"}}),
    ],
)
async def test_what_serves_stays_where_it_is_and_the_change_is_refused(serves_at, asked):
    bench = Bench(serves_at, backend=asked)
    with pytest.raises(InvalidSpec, match=r"^spec\.backend asks for .*: put it back"):
        bench.chosen.accepts(bench.deployment)
    await bench.chosen.observe(bench.deployment)
    by = bench.here if serves_at in (None, "kserve") else bench.elsewhere
    assert by.asked == [
        ("observe", "prod" if by is bench.elsewhere else asked.get("ecs", {}).get("target", ""))
    ]


@pytest.mark.parametrize(("serves_at", "asked"), [(None, {"kserve": {}}), ("kserve", {"deployment": {}})])
def test_within_the_cluster_it_may_move(serves_at, asked):
    bench = Bench(serves_at, backend=asked)
    bench.chosen.accepts(bench.deployment)


async def test_it_is_held_before_anything_is_made_elsewhere_and_only_once():
    bench = Bench(backend=ECS)
    bench.hold("example.com/theirs")
    for _ in range(3):
        await bench.chosen.realise(bench.deployment, NOTHING, None)
    assert bench.cluster.writes == ["hold ModelDeployment"]
    assert bench.finalizers == ["example.com/theirs", FINALIZER]


async def test_nothing_is_made_elsewhere_where_it_cannot_be_held():
    bench = Bench(backend=ECS)
    bench.cluster.fail_next = [Terminating("not now")]
    with pytest.raises(Terminating):
        await bench.chosen.realise(bench.deployment, NOTHING, None)
    assert bench.elsewhere.asked == []


async def test_what_is_in_the_cluster_is_never_held():
    bench = Bench(backend={"kserve": {}})
    await bench.chosen.realise(bench.deployment, NOTHING, None)
    await bench.chosen.leave(KEY)
    assert bench.cluster.writes == []
    assert bench.finalizers == []


async def test_it_goes_when_what_is_elsewhere_has_gone_and_not_before():
    bench = Bench("ecs/prod", backend=ECS)
    bench.hold(FINALIZER, "example.com/theirs")
    bench.cluster.erase(MODEL_DEPLOYMENT, KEY)
    bench.elsewhere.trouble = Terminating("tasks are running")
    with pytest.raises(Terminating):
        await bench.chosen.leave(KEY)
    assert FINALIZER in bench.finalizers
    bench.elsewhere.trouble = None
    await bench.chosen.leave(KEY)
    assert bench.finalizers == ["example.com/theirs"]
    bench.elsewhere.asked.clear()
    await bench.chosen.leave(KEY)
    assert bench.elsewhere.asked == [], "it is not ours to hold any more"


async def test_what_lies_at_another_target_than_is_asked_for_is_removed_where_it_lies():
    bench = Bench("ecs/prod", backend={"ecs": {"target": "test"}})
    bench.hold(FINALIZER)
    bench.cluster.erase(MODEL_DEPLOYMENT, KEY)
    await bench.chosen.leave(KEY)
    assert bench.elsewhere.asked == [("remove", "ecs/prod")]
    assert (MODEL_DEPLOYMENT, KEY) not in bench.cluster.objects
