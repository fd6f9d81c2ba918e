"""An arm that is in somebody's way, on its way out or at nothing, on the real reconciler.

Whatever is the matter with an arm, requests go to who answers, and the rollout beside it goes on or back.
"""

from tests.scenario.test_variants import CHALLENGER, VARIANT, arena

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT
from lockgate.names import ANNOTATION_REQUEST

CANARY = {"canary": {"steps": [{"weight": 25, "pause": {"untilApproved": True}}]}}


async def test_requests_leave_an_arm_that_is_being_deleted_before_it_is_gone():
    made = await arena()
    being_deleted(made)
    await made.rig.look()
    assert (MODEL_DEPLOYMENT, CHALLENGER) in made.rig.cluster.objects, "it waits for its pods"
    assert made.weights() == {"churn-own": 100}


async def test_a_rollout_is_taken_back_while_an_arm_beside_it_is_being_deleted():
    made = await arena(strategy=CANARY)
    await made.point("production", 4)
    assert made.shares()["v4"] == 20
    being_deleted(made)
    ask(made, "abort by ada")
    for _ in range(6):
        await made.rig.look()
        made.hands.accept()
    assert made.shares() == {"v1": 100}
    assert made.rig.status["history"][0]["outcome"] == "Aborted"


async def test_a_name_that_is_taken_holds_up_no_rollout_beside_it():
    made = await arena(strategy=CANARY)
    await made.point("production", 4)
    other = {"registry": "model", "collection": "other", "alias": "production"}
    metadata = {"name": "churn-b", "namespace": CHALLENGER[0]}
    made.rig.cluster.put(
        MODEL_DEPLOYMENT, {"metadata": metadata, "spec": {"model": other, "runtime": {"name": "onnx"}}}
    )
    made.rig.create(
        replicas=2,
        traffic={"gateway": "public"},
        strategy=CANARY,
        variants=[VARIANT, {"name": "b", "alias": "b", "weight": 10}],
    )
    ask(made, "abort by ada")
    for _ in range(6):
        await made.rig.look()
        made.hands.bring_up()
        made.hands.accept()
    assert made.shares() == {"v1": 80}
    assert made.rig.status["history"][0]["outcome"] == "Aborted"
    assert made.rig.verdict("Stalled") == ("True", "NotOwned")
    assert made.rig.cluster.objects[MODEL_DEPLOYMENT, ("growth", "churn-b")]["spec"]["model"] == other


async def test_an_arm_of_no_pods_gets_no_requests():
    made = await arena()
    made.rig.create(replicas=2, traffic={"gateway": "public"}, variants=[{**VARIANT, "replicas": 0}])
    await made.rest()
    assert made.rig.cluster.objects[DEPLOYMENT, CHALLENGER]["spec"]["replicas"] == 0
    assert made.weights() == {"churn-own": 100}


async def test_an_arm_keeps_its_pods_until_the_gateway_has_let_go_of_it():
    made = await arena()
    made.rig.create(replicas=2, traffic={"gateway": "public"}, variants=[{**VARIANT, "replicas": 0}])
    for _ in range(3):
        await made.rig.look()
    assert made.weights() == {"churn-own": 100}, "written, and not served yet"
    assert made.rig.cluster.objects[MODEL_DEPLOYMENT, CHALLENGER]["spec"]["replicas"] == 2
    made.hands.accept()
    await made.rig.look()
    assert made.rig.cluster.objects[MODEL_DEPLOYMENT, CHALLENGER]["spec"]["replicas"] == 0


async def test_an_arm_that_is_deleted_is_made_anew_and_that_is_told():
    made = await arena()
    made.rig.cluster.events.clear()
    made.rig.cluster.erase(MODEL_DEPLOYMENT, CHALLENGER)
    await made.rest()
    assert [each["reason"] for each in made.rig.cluster.events][:1] == ["DriftRepaired"]
    assert made.weights() == {"churn-own": 8000, "churn-challenger": 2000}


async def test_a_new_arm_is_no_repair():
    made = await arena()
    made.rig.cluster.events.clear()
    made.rig.create(
        replicas=2,
        traffic={"gateway": "public"},
        variants=[VARIANT, {"name": "b", "alias": "b", "weight": 10}],
    )
    await made.rest()
    assert [each for each in made.rig.cluster.events if each["reason"] == "DriftRepaired"] == []


def being_deleted(made):
    """Somebody deleted the arm, and its pods are not gone yet."""
    made.rig.cluster.server.collecting = False
    made.rig.cluster.erase(MODEL_DEPLOYMENT, CHALLENGER, foreground=True)


def ask(made, text):
    def annotate(found):
        found["metadata"]["annotations"] = {
            **found["metadata"].get("annotations", {}),
            ANNOTATION_REQUEST: text,
        }

    made.hands.edit(MODEL_DEPLOYMENT, annotate)
