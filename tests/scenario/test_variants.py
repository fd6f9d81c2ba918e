"""Champion and challenger by two aliases, on the real reconciler: who is touched, and who gets what."""

from dataclasses import replace

import pytest
from tests.fakes.builders import version
from tests.fakes.rig import KEY, Rig
from tests.fakes.stages import PUBLIC, Hands

from lockgate.domain.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_DEPLOYMENT, SERVICE, Key, Object
from lockgate.names import ANNOTATION_REQUEST

CHALLENGER: Key = (KEY[0], "churn-challenger")
VARIANT = {"name": "challenger", "alias": "challenger", "weight": 20}


class Arena:
    """A champion and its arms at a gateway, with hands that play pods and gateway."""

    def __init__(self, *variants: Object, **spec: Object) -> None:
        self.hands = Hands(replicas=2, variants=list(variants), **spec)
        self.rig: Rig = self.hands.rig
        backend = self.rig.backend(gateways={"public": PUBLIC})
        self.rig.reconciler = replace(self.rig.reconciler, backend=backend)

    async def rest(self) -> None:
        """Until neither Lockgate nor the cluster has anything more to do."""
        for _ in range(20):
            before = len(self.rig.cluster.writes)
            for key in [key for kind, key in self.rig.cluster.objects if kind is MODEL_DEPLOYMENT]:
                if (MODEL_DEPLOYMENT, key) in self.rig.cluster.objects:
                    await self.rig.look(key)
            self.hands.bring_up()
            self.hands.accept()
            if len(self.rig.cluster.writes) == before:
                return
        raise AssertionError(f"no rest: {self.rig.cluster.writes[-8:]}")

    async def point(self, alias: str, number: int) -> None:
        self.rig.registry.point(alias, version(number))
        await self.rig.poll()
        await self.rest()

    def weights(self) -> dict[str, int]:
        return dict(self.hands.weights())

    def variants(self) -> list[Object]:
        return self.rig.status.get("variants", [])

    def shares(self) -> dict[str, int]:
        return {share["version"]: share["weight"] for share in self.rig.status.get("traffic", ())}

    def version_of(self, key: Key) -> str:
        return self.rig.status_of(key)["stable"]["version"]


async def arena(*variants: Object, **spec: Object) -> Arena:
    made = Arena(*(variants or (VARIANT,)), **spec)
    made.rig.registry.point("challenger", version(2))
    await made.point("production", 1)
    return made


async def test_two_aliases_make_two_arms_that_share_the_traffic():
    made = await arena()
    assert made.version_of(KEY) == "v1"
    assert made.version_of(CHALLENGER) == "v2"
    assert made.weights() == {"churn-own": 8000, "churn-challenger": 2000}
    assert made.shares() == {"v1": 80}
    assert made.variants() == [{"name": "churn-challenger", "version": "v2", "weight": 20}]
    assert made.rig.verdict("Ready")[0] == "True"


async def test_an_arm_is_a_model_deployment_of_its_own_with_what_it_does_not_say_from_the_other():
    made = await arena({**VARIANT, "replicas": 1}, progressDeadline="7m")
    spec = made.rig.cluster.objects[MODEL_DEPLOYMENT, CHALLENGER]["spec"]
    assert spec["model"] == {"registry": "model", "collection": "churn", "alias": "challenger"}
    assert (spec["replicas"], spec["progressDeadline"]) == (1, "7m")
    assert not spec.keys() & {"variants", "traffic", "pin", "suspend"}


async def test_an_arm_serves_the_model_by_the_name_that_clients_ask_for():
    made = await arena()
    pod = made.rig.cluster.objects[DEPLOYMENT, CHALLENGER]["spec"]["template"]["spec"]
    served = [each["value"] for each in pod["containers"][0]["env"] if each["name"] == "MODEL_NAME"]
    assert served == ["churn"]


async def test_a_challenger_is_replaced_without_a_write_to_the_champion():
    made = await arena()
    before = made.rig.cluster.objects[DEPLOYMENT, KEY]["metadata"]["resourceVersion"]
    route = made.hands.route()["metadata"]["generation"]
    await made.point("challenger", 3)
    assert made.version_of(CHALLENGER) == "v3"
    assert made.variants()[0]["version"] == "v3"
    assert made.rig.cluster.objects[DEPLOYMENT, KEY]["metadata"]["resourceVersion"] == before
    assert made.hands.route()["metadata"]["generation"] == route


async def test_a_champion_rolls_out_within_its_own_part():
    pause = {"untilApproved": True}
    made = await arena(strategy={"canary": {"steps": [{"weight": 25, "pause": pause}]}})
    await made.point("production", 4)
    assert made.shares() == {"v1": 60, "v4": 20}
    assert made.weights()["churn-challenger"] == 2000
    assert sum(made.weights().values()) == 10000
    assert made.version_of(CHALLENGER) == "v2"


async def test_a_change_of_the_arms_holds_up_no_rollout_beside_them():
    pause = {"duration": "5m"}
    made = await arena(strategy={"canary": {"steps": [{"weight": 25, "pause": pause}]}})
    await made.point("production", 4)
    reached = made.rig.status["rollout"]["reachedAt"]
    made.rig.wait(minutes=1)
    made.rig.create(
        replicas=2,
        traffic={"gateway": "public"},
        variants=[{**VARIANT, "weight": 40}],
        strategy={"canary": {"steps": [{"weight": 25, "pause": pause}]}},
    )
    await made.rest()
    assert made.shares() == {"v1": 45, "v4": 15}
    assert made.rig.status["rollout"]["reachedAt"] == reached


async def test_an_arm_without_a_version_gets_nothing_and_the_champion_everything():
    made = Arena(VARIANT)
    await made.point("production", 1)
    assert made.weights() == {"churn-own": 100}
    assert made.variants() == [{"name": "churn-challenger", "weight": 0}]
    assert made.rig.verdict("Ready")[0] == "True"


async def test_an_arm_that_no_longer_answers_leaves_its_part_to_the_champion_until_it_is_back():
    made = await arena()
    workload = CHALLENGER
    found = made.rig.cluster.objects[DEPLOYMENT, workload]
    down = {
        **found["status"],
        "availableReplicas": 0,
        "conditions": [{"type": "Available", "status": "False"}],
    }
    made.rig.cluster.put(DEPLOYMENT, {**found, "status": down})
    await made.rest()
    assert made.weights() == {"churn-own": 100}
    assert made.shares() == {"v1": 100}
    made.rig.cluster.put(DEPLOYMENT, {**found, "status": found["status"]})
    await made.rest()
    assert made.weights() == {"churn-own": 8000, "churn-challenger": 2000}


async def test_who_carries_the_header_of_an_arm_comes_to_it_whatever_its_weight():
    made = await arena({**VARIANT, "weight": 0, "match": [{"name": "x-arm", "value": "challenger"}]})
    first, main = made.hands.route()["spec"]["rules"]
    assert first["matches"][0]["headers"] == [{"type": "Exact", "name": "x-arm", "value": "challenger"}]
    assert [backend["name"] for backend in first["backendRefs"]] == ["churn-challenger"]
    assert {each["name"]: each["weight"] for each in main["backendRefs"]} == {
        "churn-own": 10000,
        "churn-challenger": 0,
    }


async def test_an_arm_that_is_taken_out_goes_only_after_the_gateway_has_let_go_of_it():
    made = await arena()
    made.rig.create(replicas=2, traffic={"gateway": "public"})
    await made.rig.settle()
    assert made.weights() == {"churn-own": 100}, "written"
    assert (MODEL_DEPLOYMENT, CHALLENGER) in made.rig.cluster.objects, "but not served yet"
    made.hands.accept()
    await made.rest()
    assert (MODEL_DEPLOYMENT, CHALLENGER) not in made.rig.cluster.objects
    assert "churn" in made.hands.named(SERVICE)
    assert made.variants() == []


async def test_an_arm_stays_after_a_restart_amid_its_removal_until_the_gateway_speaks():
    made = await arena()
    made.rig.create(replicas=2, traffic={"gateway": "public"})
    await made.rig.settle()
    backend = made.rig.backend(gateways={"public": PUBLIC})
    made.rig.reconciler = replace(made.rig.reconciler, backend=backend)
    for _ in range(3):
        await made.rig.look()
    assert (MODEL_DEPLOYMENT, CHALLENGER) in made.rig.cluster.objects
    made.hands.accept()
    await made.rest()
    assert (MODEL_DEPLOYMENT, CHALLENGER) not in made.rig.cluster.objects


async def test_what_people_set_at_an_arm_stays_theirs():
    made = await arena()
    found = made.rig.cluster.objects[MODEL_DEPLOYMENT, CHALLENGER]
    pinned = {**found["spec"], "pin": {"version": "v7", "reason": "looks odd"}}
    metadata = {
        **found["metadata"],
        "annotations": {**found["metadata"]["annotations"], ANNOTATION_REQUEST: "x"},
    }
    made.rig.registry.point("v7", version(7))
    made.rig.cluster.put(MODEL_DEPLOYMENT, {**found, "metadata": metadata, "spec": pinned})
    await made.rest()
    assert made.rig.cluster.objects[MODEL_DEPLOYMENT, CHALLENGER]["spec"]["pin"]["version"] == "v7"
    assert made.version_of(CHALLENGER) == "v7"
    assert made.weights()["churn-challenger"] == 2000


async def test_what_somebody_changes_of_an_arm_that_is_drawn_is_put_right():
    made = await arena()
    found = made.rig.cluster.objects[MODEL_DEPLOYMENT, CHALLENGER]
    changed = {**found["spec"], "model": {**found["spec"]["model"], "alias": "production"}}
    made.rig.cluster.put(MODEL_DEPLOYMENT, {**found, "spec": changed})
    await made.rest()
    assert made.rig.cluster.objects[MODEL_DEPLOYMENT, CHALLENGER]["spec"]["model"]["alias"] == "challenger"


async def test_a_model_deployment_of_somebody_else_with_the_name_of_an_arm_is_never_taken():
    made = Arena(VARIANT)
    other = {"registry": "model", "collection": "other", "alias": "production"}
    metadata = {"name": CHALLENGER[1], "namespace": CHALLENGER[0]}
    made.rig.cluster.put(
        MODEL_DEPLOYMENT, {"metadata": metadata, "spec": {"model": other, "runtime": {"name": "onnx"}}}
    )
    made.rig.registry.point("production", version(1))
    await made.rig.poll()
    await made.rig.settle()
    assert made.rig.verdict("Ready") == ("False", "NotOwned")
    assert made.rig.cluster.objects[MODEL_DEPLOYMENT, CHALLENGER]["spec"]["model"] == other


async def test_at_rest_nothing_is_written():
    made = await arena()
    made.rig.cluster.writes.clear()
    for _ in range(5):
        made.rig.wait(minutes=10)
        await made.rig.poll()
        await made.rest()
    assert made.rig.cluster.writes == []
    assert len([kind for kind, _ in made.rig.cluster.objects if kind is HTTP_ROUTE]) == 1


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"traffic": None}, "spec.variants share the traffic of a gateway"),
        ({"strategy": {"shadow": {}}}, "spec.variants roll out as spec.strategy says"),
        (
            {"variants": [{**VARIANT, "name": "0123abcd"}]},
            "spec.variants[0].name makes the name churn-0123abcd",
        ),
        (
            {"variants": [{**VARIANT, "name": "preview"}]},
            "spec.variants[0].name makes the name churn-preview",
        ),
        ({"variants": [VARIANT, VARIANT]}, "spec.variants holds one name twice"),
        ({"variants": [VARIANT, {**VARIANT, "name": "b", "weight": 80}]}, "spec.variants leaves nothing"),
        ({"variants": [{"name": "b"}]}, "spec.variants[0].alias is missing"),
        (
            {
                "variants": [
                    {
                        "name": f"b{number}",
                        "alias": "b",
                        "match": [{"name": "x-arm", "value": f"{number}"}],
                        "cookie": {"name": "arm", "value": f"{number}"},
                    }
                    for number in range(8)
                ]
            },
            "spec.variants tell more than 15 kinds of requests apart",
        ),
        ({"variants": "b"}, "spec.variants must be a list"),
    ],
)
async def test_what_no_arm_can_be_is_told_by_its_field(spec, says):
    made = Arena(VARIANT)
    await made.point("production", 1)
    made.rig.create(**{"replicas": 2, "traffic": {"gateway": "public"}, "variants": [VARIANT]} | spec)
    await made.rig.look()
    assert made.rig.verdict("Ready") == ("False", "InvalidSpec")
    assert says in (made.rig.condition("Ready") or {})["message"]
