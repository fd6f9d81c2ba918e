"""Whole reconciles on fakes: children that go, that others write, and that a late writer meets."""

from copy import deepcopy
from dataclasses import replace

import pytest
from tests.fakes.builders import PODS, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY

from lockgate.apply.brake import REPAIRS
from lockgate.backends.deployment.backend import DeploymentBackend
from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, SERVICE
from lockgate.errors import Conflict, Terminating


async def move(rig, number):
    rig.registry.point("production", version(number))
    await rig.poll()
    return await rig.look()


def hold(rig, resource):
    """Somebody's finalizer keeps the object, which is then deleted."""
    obj = deepcopy(rig.cluster.objects[resource, KEY])
    obj["metadata"]["finalizers"] = ["example.com/slow"]
    rig.cluster.put(resource, obj)
    rig.cluster.erase(resource, KEY)


async def test_a_deployment_on_its_way_out_is_waited_for_and_not_written(rig):
    await rig.serve(1)
    hold(rig, DEPLOYMENT)
    rig.cluster.writes.clear()
    results = [await rig.look() for _ in range(20)]
    assert rig.cluster.writes == ["status ModelDeployment"]
    assert all(isinstance(result.failure, Terminating) for result in results)
    assert rig.verdict("Ready") == ("False", "WaitingForDeletion")
    assert "finalizers" in rig.condition("Ready")["message"]
    rig.cluster.drop(DEPLOYMENT, KEY)
    await rig.settle()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.verdict("Ready") == ("True", "RolledOut")


async def test_while_a_service_goes_the_deployment_is_still_put_right(rig):
    await rig.serve(1)
    hold(rig, SERVICE)
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    rig.cluster.put(DEPLOYMENT, {**workload, "spec": {**workload["spec"], "replicas": 0}})
    await rig.look()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2


async def test_nothing_is_made_beside_an_object_that_goes(rig):
    await rig.serve(1)
    hold(rig, DEPLOYMENT)
    rig.cluster.drop(SERVICE, KEY)
    await rig.look()
    assert (SERVICE, KEY) not in rig.cluster.objects


async def test_a_pass_that_wrote_asks_for_the_next_one_no_sooner_than_in_a_second(rig):
    await rig.serve(1)
    rig.cluster.drop(SERVICE, KEY)
    result = await rig.look()
    assert (result.wake - rig.now).total_seconds() == 1


async def test_what_a_controller_will_tell_of_is_looked_at_when_it_does_and_not_a_second_later(rig):
    rig.registry.point("production", version(1))
    result = await rig.look()
    assert (result.wake - rig.now).total_seconds() == 10


async def test_a_write_that_changes_nothing_asks_for_no_further_pass(rig):
    await rig.serve(1)
    apply = rig.cluster.apply

    async def deaf(resource, obj, *, force):
        await rig.cluster.get(resource, KEY)
        return deepcopy(rig.cluster.objects[resource, KEY])

    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    rig.cluster.put(DEPLOYMENT, {**workload, "spec": {**workload["spec"], "replicas": 7}})
    rig.cluster.apply = deaf
    result = await rig.look()
    assert result.wake is None
    rig.cluster.apply = apply


async def test_a_first_rollout_without_replicas_costs_six_requests(rig):
    asked = []
    for verb in ("get", "apply", "apply_status", "create"):
        _count(rig.cluster, verb, asked)
    rig.create(replicas=0)
    rig.registry.point("production", version(1))
    await rig.look()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert asked == [
        "create ControllerRevision",
        "apply Deployment",
        "apply Service",
        "apply_status ModelDeployment",
        "apply_status ModelDeployment",
        "create Event",
    ]


def _count(cluster, verb, asked):
    real = getattr(cluster, verb)

    async def counted(resource, *args, **options):
        asked.append(f"{verb} {resource.kind}")
        return await real(resource, *args, **options)

    setattr(cluster, verb, counted)


@pytest.mark.parametrize("resource", [DEPLOYMENT, SERVICE], ids=lambda r: r.kind)
async def test_an_object_that_appears_in_the_same_instant_is_not_taken_over(rig, resource):
    await rig.serve(1)
    ours = rig.cluster.objects[resource, KEY]
    bare = {"metadata": {"name": KEY[1], "namespace": KEY[0]}, "spec": deepcopy(ours["spec"])}
    rig.cluster.drop(resource, KEY)
    apply = rig.cluster.apply

    async def a_moment_later(what, obj, *, force):
        if (resource, KEY) not in rig.cluster.objects:
            rig.cluster.put(resource, bare)
        return await apply(what, obj, force=force)

    rig.cluster.apply = a_moment_later
    await rig.look()
    rig.cluster.apply = apply
    assert rig.verdict("Stalled") == ("True", "NotOwned")
    assert "ownerReferences" not in rig.cluster.objects[resource, KEY]["metadata"]
    rig.cluster.writes.clear()
    for _ in range(5):
        await rig.look()
    assert rig.cluster.writes == []
    rig.cluster.drop(resource, KEY)
    await rig.settle()
    assert rig.cluster.objects[resource, KEY]["metadata"]["ownerReferences"]


async def test_our_own_object_that_the_view_does_not_hold_yet_is_found_and_used(rig):
    await rig.serve(1)
    rig.store.remove(DEPLOYMENT, {"metadata": {**rig.cluster.objects[DEPLOYMENT, KEY]["metadata"]}})
    rig.store._removed.clear()
    await rig.settle()
    assert rig.verdict("Ready") == ("True", "RolledOut")


async def test_what_another_operator_has_made_meanwhile_is_looked_at_before_it_is_written(rig):
    await rig.serve(2)
    ours = rig.cluster.objects[DEPLOYMENT, KEY]
    rig.store.remove(DEPLOYMENT, {"metadata": {**ours["metadata"]}})
    rig.store._removed.clear()
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": {}})
    rig.registry.point("production", version(1))
    await rig.poll()
    result = await rig.look()
    assert isinstance(result.failure, Conflict)
    assert rig.cluster.objects[DEPLOYMENT, KEY] == ours
    await rig.settle()
    assert (rig.status["stable"]["version"], rig.status["candidate"]["version"]) == ("v2", "v1")


async def test_another_word_on_the_size_of_what_serves_replaces_no_pod(rig):
    await rig.serve(1)
    rig.registry.point("production", version(1, size=7777))
    rig.cluster.writes.clear()
    await rig.poll()
    await rig.settle()
    assert "apply Deployment" not in rig.cluster.writes


async def test_a_writer_that_comes_late_changes_nothing(rig):
    await rig.serve(1)
    rig.cluster.lag()
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    rig.cluster.put(DEPLOYMENT, {**workload, "metadata": {**workload["metadata"], "annotations": {"b": "1"}}})
    result = await move(rig, 2)
    assert isinstance(result.failure, Conflict)
    assert rig.cluster.objects[DEPLOYMENT, KEY]["metadata"]["annotations"] == {"b": "1"}


async def test_two_operators_with_other_settings_leave_each_other_alone(rig):
    await rig.serve(1)
    backend = rig.backend(replace(PODS, fetch_image="registry.example/lockgate:2"))
    rig.cluster.writes.clear()
    for reconciler in 3 * (rig.reconciler, replace(rig.reconciler, backend=backend)):
        rig.wait(seconds=10)
        await reconciler.reconcile(KEY)
    assert rig.cluster.writes == []


class Otherwise(DeploymentBackend):
    """That of another Lockgate, which draws Deployments otherwise."""

    async def realise(self, deployment, stage, runtime):
        others = replace(deployment, revision_history_limit=3)
        return await super().realise(others, stage, runtime)


async def test_two_operators_that_draw_otherwise_stop_fighting(rig):
    await rig.serve(1)
    backend = rig.backend()
    backend.__class__ = Otherwise
    other = replace(rig.reconciler, backend=backend)
    rig.cluster.writes.clear()
    failures = []
    for _ in range(360):
        rig.monotonic += 10
        for reconciler in (rig.reconciler, other):
            result = await reconciler.reconcile(KEY)
            failures.append(result.failure and result.failure.reason)
    # An hour of it: the first few of each, then one after each pause, which grow.
    assert rig.cluster.writes.count("apply Deployment") <= 2 * (REPAIRS + 6)
    assert "Contested" in failures


async def test_an_alias_that_moves_often_is_no_fight(rig):
    await rig.serve(1)
    for number in (2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 3):
        await move(rig, number)
        assert rig.condition("Ready")["reason"] != "Contested"
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v3"


async def test_a_field_that_the_cluster_refuses_costs_one_write_however_often_the_status_changes(rig):
    apply = rig.cluster.server.apply

    def webhook(resource, obj, manager, **options):
        if resource is DEPLOYMENT:
            obj = deepcopy(obj)
            obj["spec"]["template"]["spec"]["enableServiceLinks"] = True
        return apply(resource, obj, manager, **options)

    rig.cluster.server.apply = webhook
    await rig.serve(1)
    rig.cluster.writes.clear()
    for round_ in range(20):
        workload = rig.cluster.objects[DEPLOYMENT, KEY]
        status = {**workload["status"], "collisionCount": round_}
        rig.cluster.put(DEPLOYMENT, {**workload, "status": status})
        await rig.settle()
    assert rig.cluster.writes == []
    workload = rig.cluster.objects[DEPLOYMENT, KEY]
    rig.cluster.put(DEPLOYMENT, {**workload, "spec": {**workload["spec"], "replicas": 9}})
    await rig.settle()
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2


async def test_a_second_owner_of_the_same_name_is_none_of_our_business(rig):
    await rig.serve(1)
    workload = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    theirs = {"apiVersion": "example.com/v1", "kind": "Application", "name": "churn", "uid": "another"}
    workload["metadata"]["ownerReferences"].append(theirs)
    rig.cluster.put(DEPLOYMENT, workload)
    rig.cluster.writes.clear()
    await rig.settle()
    assert rig.cluster.writes == []


async def test_what_a_runtime_sets_no_ceiling_for_is_refused_by_name(rig):
    rig.registry.point("production", version(1))
    rig.create(resources={"limits": {"nvidia.com/gpu": "64"}})
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "InvalidSpec")
    assert "spec.resources.limits.nvidia.com/gpu" in rig.condition("Ready")["message"]
    assert (DEPLOYMENT, KEY) not in rig.cluster.objects


async def test_a_pod_asks_for_the_disk_that_its_model_needs_and_gets_no_more(rig):
    rig.registry.point("production", version(1, size=5 * 2**30))
    await rig.settle()
    pod = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["model"]["emptyDir"] == {"sizeLimit": "5376Mi"}
    server = next(each for each in pod["containers"] if each["name"] == "server")
    assert server["resources"]["requests"]["ephemeral-storage"] == "5376Mi"
    assert server["resources"]["limits"]["ephemeral-storage"] == "7424Mi"


async def test_no_child_blocks_the_deletion_of_its_owner(rig):
    await rig.serve(1)
    for resource in (DEPLOYMENT, SERVICE):
        owner = rig.cluster.objects[resource, KEY]["metadata"]["ownerReferences"][0]
        assert "blockOwnerDeletion" not in owner


async def test_a_label_that_somebody_takes_away_is_put_right_though_the_spec_was_compared_before(rig):
    await rig.serve(1)
    await rig.look()
    theirs = deepcopy(rig.cluster.objects[DEPLOYMENT, KEY])
    del theirs["metadata"]["labels"]["app.kubernetes.io/name"]
    rig.cluster.put(DEPLOYMENT, theirs)
    rig.cluster.writes.clear()
    await rig.look()
    assert rig.cluster.writes[0] == "apply Deployment"
    assert "app.kubernetes.io/name" in rig.cluster.objects[DEPLOYMENT, KEY]["metadata"]["labels"]
