"""What a RayService says, and how it is drawn."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from tests.fakes.builders import PODS, deployment, deployment_object, revision, runtime_object

from lockgate.api.parse import parse_model_deployment, parse_model_runtime
from lockgate.api.shares import Role
from lockgate.backends.deployment.template import render_template
from lockgate.backends.ray.facts import clusters_of, facts_of, release_in
from lockgate.backends.ray.workload import SHAPE, check, render_workload
from lockgate.domain.plan import Track
from lockgate.domain.release import release_of
from lockgate.domain.resources import RAY_SERVICE, Object
from lockgate.errors import InvalidSpec
from lockgate.watch.slim import slim

ON_RAY = {"version": "2.60.0", "importPath": "server.app:application", "deployment": "Server"}
RUNTIME = parse_model_runtime(runtime_object(port=8000, ray=ON_RAY))
SPEC = {"backend": {"rayService": {}}, "strategy": {"blueGreen": {}}}
ASKED = deployment(**SPEC)
RELEASE = release_of(ASKED, revision(2), RUNTIME)
WORKLOAD = f"churn-{RELEASE.release}"


def service(replicas: int = 2, **status: object) -> Object:
    track = Track(role=Role.CANDIDATE, release=RELEASE, workload=WORKLOAD, replicas=replicas)
    drawn = render_workload(ASKED, track)
    drawn["metadata"]["generation"] = 3
    return drawn | {"status": {"observedGeneration": 3, **status}}


def whole(replicas: int = 2) -> Object:
    return SHAPE.put(service(replicas), render_template(ASKED, RUNTIME, RELEASE, PODS))


ACTIVE = {"activeServiceStatus": {"rayClusterName": f"{WORKLOAD}-abcde"}}


def test_it_is_out_when_as_many_pods_answer_as_are_asked_for():
    facts = facts_of(service(**ACTIVE, numServeEndpoints=2), None)
    assert facts.is_complete
    assert (facts.available, facts.revision) == (2, release_in(service()))
    assert facts_of(service(**ACTIVE, numServeEndpoints=1), None).available == 1
    assert not facts_of(service(**ACTIVE, numServeEndpoints=1), None).is_complete


def test_nothing_of_a_cluster_that_is_not_the_active_one_answers_anybody():
    pending = {"pendingServiceStatus": {"rayClusterName": "x"}, "numServeEndpoints": 2}
    assert facts_of(service(**pending), None).available == 0


def test_an_active_cluster_that_says_nothing_of_its_application_has_not_failed():
    """It says nothing for as long as there is a second one (KubeRay 1.6)."""
    facts = facts_of(
        service(**ACTIVE, numServeEndpoints=2, pendingServiceStatus={"rayClusterName": "y"}), None
    )
    assert (facts.available, facts.problem) == (2, None)


def test_what_was_not_seen_by_kuberay_yet_is_not_out():
    behind = service(**ACTIVE, numServeEndpoints=2)
    behind["metadata"]["generation"] = 4
    assert not facts_of(behind, None).generation_observed


@pytest.mark.parametrize("status", ["DEPLOY_FAILED", "UNHEALTHY"])
def test_what_an_application_fails_of_is_told_by_its_last_line(status):
    failed = {
        "model": {"status": status, "message": "Traceback ...\n  File ...\nModuleNotFoundError: no nope"}
    }
    told = {"pendingServiceStatus": {"rayClusterName": "x", "applicationStatuses": failed}}
    assert facts_of(service(**told), None).problem == "Ray: ModuleNotFoundError: no nope"
    assert facts_of(slim(RAY_SERVICE, service(**told)), None) == facts_of(service(**told), None)


def test_a_service_that_nobody_acts_on_asks_for_the_operator():
    assert "is its operator running?" in (facts_of(service(), None).problem or "")


def test_it_is_read_the_same_when_only_what_is_kept_of_it_is_there():
    seen = service(**ACTIVE, numServeEndpoints=2, rayClusters=["x"] * 99)
    assert facts_of(slim(RAY_SERVICE, seen), None) == facts_of(seen, None)
    assert clusters_of(seen) == (f"{WORKLOAD}-abcde",)


@pytest.mark.parametrize("replicas", [1, 2, 5])
def test_each_pod_has_one_replica_and_another_number_changes_only_that(replicas):
    asked, one = whole(replicas), whole(1)
    (application,) = json.loads(asked["spec"]["serveConfigV2"])["applications"]
    assert application["deployments"] == [
        {"name": "Server", "num_replicas": replicas, "max_replicas_per_node": 1}
    ]
    assert SHAPE.pods(asked) == replicas
    for each in (asked, one):
        group = each["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
        for name in ("replicas", "minReplicas", "maxReplicas"):
            group.pop(name)
    assert asked["spec"]["rayClusterConfig"] == one["spec"]["rayClusterConfig"]


def test_a_head_is_ready_before_the_model_answers_or_it_would_never_get_it():
    config = whole()["spec"]["rayClusterConfig"]
    (head,) = config["headGroupSpec"]["template"]["spec"]["containers"]
    assert "readinessProbe" not in head
    (worker,) = config["workerGroupSpecs"][0]["template"]["spec"]["containers"]
    assert worker["readinessProbe"]["httpGet"] == {"path": "/-/healthz", "port": "serve"}


def test_every_pod_fetches_and_proves_as_everywhere():
    config = whole()["spec"]["rayClusterConfig"]
    for group in (config["headGroupSpec"], config["workerGroupSpecs"][0]):
        pod = group["template"]
        assert [each["name"] for each in pod["spec"]["initContainers"]] == ["fetch"]
        assert pod["metadata"]["labels"]["lockgate.dev/release"] == RELEASE.release
        assert pod["metadata"]["labels"]["lockgate.dev/workload"] == WORKLOAD


def test_a_release_keeps_what_it_is_served_by_whatever_becomes_of_the_runtime():
    template = render_template(ASKED, RUNTIME, RELEASE, PODS)
    config = SHAPE.put(service(), deepcopy(template))["spec"]
    assert config["rayClusterConfig"]["rayVersion"] == "2.60.0"
    assert json.loads(config["serveConfigV2"])["applications"][0]["import_path"] == "server.app:application"


def test_how_it_serves_is_part_of_a_release_and_a_runtime_without_is_refused():
    other = parse_model_runtime(runtime_object(port=8000, ray=ON_RAY | {"deployment": "Other"}))
    assert not release_of(ASKED, revision(2), other).is_same(RELEASE)
    plain = parse_model_runtime(runtime_object())
    with pytest.raises(InvalidSpec, match="does not serve on Ray"):
        render_template(ASKED, plain, RELEASE, PODS)
    with pytest.raises(InvalidSpec, match=r"spec\.port of ModelRuntime onnx is 8080"):
        parse_model_runtime(runtime_object(port=8080, ray=ON_RAY))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"strategy": {"rolling": {}}}, "spec.strategy must be blueGreen"),
        ({"strategy": {"canary": {"steps": [{"weight": 10}]}}}, "spec.strategy must be blueGreen"),
        ({"replicas": 0}, "spec.replicas is 0"),
        ({"minReadySeconds": 5}, "spec.minReadySeconds means nothing to KubeRay"),
    ],
)
def test_what_ray_has_no_word_for_is_refused_by_its_field(spec, field):
    with pytest.raises(InvalidSpec) as refused:
        check(deployment(**SPEC | spec))
    assert str(refused.value).startswith(field)
    check(ASKED)


def test_where_no_strategy_is_written_it_is_the_one_that_ray_has():
    raw = deployment_object(backend={"rayService": {}})
    del raw["spec"]["strategy"]
    check(parse_model_deployment(raw))


def test_a_name_has_to_leave_room_for_what_ray_adds():
    check(replace(ASKED, name="c" * 38))
    with pytest.raises(InvalidSpec, match="38 characters"):
        check(replace(ASKED, name="c" * 39))
