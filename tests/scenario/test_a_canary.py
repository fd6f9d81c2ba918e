"""Whole rollouts by steps, on the real reconciler: what is written, told and served meanwhile."""

from dataclasses import replace

import pytest
from tests.fakes.builders import version
from tests.fakes.rig import KEY, Rig
from tests.fakes.stages import PUBLIC, Hands

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, SERVICE, Object
from lockgate.names import ANNOTATION_REQUEST

PAUSE = {"duration": "1m"}
STEPS = [{"weight": 10, "pause": PAUSE}, {"weight": 50, "pause": PAUSE}]


class Rollout:
    """The rig with a gateway, of which `v1` serves, and hands that play pods and gateway."""

    def __init__(self, strategy: Object, **spec: Object) -> None:
        self.hands = Hands(replicas=2, strategy=strategy, **spec)
        self.rig: Rig = self.hands.rig
        backend = self.rig.backend(gateways={"public": PUBLIC})
        self.rig.reconciler = replace(self.rig.reconciler, backend=backend)

    @property
    def status(self) -> Object:
        return self.rig.status

    @property
    def writes(self) -> list[str]:
        return [write for write in self.rig.cluster.writes if "Event" not in write]

    async def turn(self) -> None:
        """Passes until nothing more is written; then pods come up, and the gateway speaks."""
        await self.rig.settle(passes=10)
        self.hands.bring_up()
        self.hands.accept()

    async def rest(self) -> None:
        """Until neither Lockgate nor the cluster has anything more to do."""
        for _ in range(12):
            before = len(self.rig.cluster.writes)
            await self.turn()
            if len(self.rig.cluster.writes) == before:
                return
        raise AssertionError(f"no rest: {self.rig.cluster.writes[-8:]}")

    async def begin(self, number: int) -> None:
        self.rig.registry.point("production", version(number))
        await self.rig.poll()
        await self.rest()

    def ask(self, text: str) -> None:
        """A person writes a request."""
        found = self.rig.cluster.objects[MODEL_DEPLOYMENT, KEY]
        metadata = {**found["metadata"], "annotations": {ANNOTATION_REQUEST: text}}
        self.rig.cluster.put(MODEL_DEPLOYMENT, {**found, "metadata": metadata})

    def shares(self) -> dict[str, int]:
        return {share["version"]: share["weight"] for share in self.status.get("traffic", ())}


@pytest.fixture
async def canary():
    rollout = Rollout({"canary": {"steps": STEPS}})
    await rollout.begin(1)
    assert rollout.status["stable"]["version"] == "v1"
    assert rollout.shares() == {"v1": 100}
    return rollout


async def test_a_canary_goes_step_by_step_as_the_gateway_serves_it(canary):
    seen = []
    await canary.begin(2)
    for _ in range(3):
        seen.append((canary.status.get("step"), canary.shares()))
        canary.rig.wait(minutes=1, seconds=1)
        await canary.rest()
    assert seen == [("1/3", {"v1": 90, "v2": 10}), ("2/3", {"v1": 50, "v2": 50}), (None, {"v2": 100})]
    assert canary.status["previous"]["version"] == "v1"


async def test_a_canary_of_three_steps_and_two_replicas_costs_fourteen_writes(canary):
    canary.rig.cluster.writes.clear()
    await canary.begin(2)
    for _ in range(4):
        canary.rig.wait(minutes=1, seconds=1)
        await canary.rest()
    assert canary.shares() == {"v2": 100}
    assert len(canary.hands.named(DEPLOYMENT)) == 1
    assert len(canary.writes) == 14, canary.writes


async def test_while_a_step_is_held_nothing_is_written(canary):
    await canary.begin(2)
    canary.rig.cluster.writes.clear()
    for _ in range(5):
        canary.rig.wait(seconds=10)
        await canary.rig.look()
    assert canary.rig.cluster.writes == []


async def test_an_abort_is_answered_and_all_traffic_is_back_at_once(canary):
    await canary.begin(2)
    canary.ask("abort by ada because of latency")
    await canary.rest()
    answer = canary.status["lastRequest"]
    assert (answer["request"], answer["outcome"]) == ("abort by ada because of latency", "Accepted")
    assert canary.shares() == {"v1": 100}
    assert len(canary.hands.named(DEPLOYMENT)) == 1
    assert canary.status["history"][0]["outcome"] == "Aborted"
    await canary.rig.poll()
    canary.rig.wait(hours=1)
    await canary.rest()
    assert canary.shares() == {"v1": 100}, "the alias still points at it, and it is not tried again"


async def test_a_gateway_that_says_nothing_moves_no_step(canary):
    canary.rig.registry.point("production", version(2))
    await canary.rig.poll()
    for _ in range(6):
        await canary.rig.settle(passes=10)
        canary.hands.bring_up()
        canary.rig.wait(minutes=2)
    assert canary.status["rollout"].get("reachedAt") is None
    assert canary.status["stable"]["version"] == "v1"
    assert len(canary.hands.named(DEPLOYMENT)) == 2


async def test_a_route_that_the_gateway_refuses_is_told_and_takes_nothing_away(canary):
    canary.rig.registry.point("production", version(2))
    await canary.rig.poll()
    await canary.turn()
    await canary.rig.settle(passes=10)
    canary.hands.accept(Accepted="no such listener")
    await canary.rig.settle(passes=10)
    ready = next(each for each in canary.status["conditions"] if each["type"] == "Ready")
    assert "no such listener" in ready["message"]
    assert [found["spec"]["replicas"] for found in canary.hands.named(DEPLOYMENT).values()] == [2, 1]


@pytest.mark.parametrize(
    ("strategy", "during"),
    [
        ({"blueGreen": {"pause": PAUSE}}, {"v1": 100, "v2": 0}),
        ({"shadow": {"mirror": 50, "pause": PAUSE}}, {"v1": 100, "v2": 0}),
    ],
    ids=["blue-green", "shadow"],
)
async def test_who_is_only_looked_at_answers_nobody_before_the_switch(strategy, during):
    rollout = Rollout(strategy)
    await rollout.begin(1)
    await rollout.begin(2)
    assert (rollout.shares(), rollout.status["step"]) == (during, "1/2")
    front = rollout.hands.selectors()["churn"]
    rollout.rig.wait(minutes=1, seconds=1)
    await rollout.rest()
    assert rollout.shares() == {"v2": 100}
    assert rollout.hands.selectors()["churn"] != front


async def test_a_rolling_model_becomes_a_canary_and_back_without_a_pod_replaced():
    rollout = Rollout({"rolling": {}})
    await rollout.begin(1)
    (before,) = rollout.hands.named(DEPLOYMENT).values()
    for strategy in ({"canary": {"steps": STEPS}}, {"rolling": {}}):
        rollout.rig.create(replicas=2, traffic={"gateway": "public"}, strategy=strategy)
        await rollout.rest()
        (now,) = rollout.hands.named(DEPLOYMENT).values()
        assert now["spec"]["template"] == before["spec"]["template"]
        assert now["metadata"]["uid"] == before["metadata"]["uid"]
        assert rollout.shares() == {"v1": 100}


async def test_the_service_of_a_workload_is_there_long_before_the_route_names_it():
    rollout = Rollout({"canary": {"steps": STEPS}})
    await rollout.begin(1)
    rollout.rig.create(replicas=2, traffic={"gateway": "public"}, strategy={"rolling": {}})
    await rollout.rest()
    rollout.rig.registry.point("production", version(2))
    await rollout.rig.poll()
    await rollout.rig.settle(passes=10)
    assert "churn-own" in rollout.hands.named(SERVICE)
    assert rollout.shares() == {"v1": 100}, "its pods are not ready yet"
    await rollout.turn()
    await rollout.rest()
    assert rollout.shares() == {"v2": 100}
    assert set(rollout.hands.named(SERVICE)) == {"churn", "churn-own"}
