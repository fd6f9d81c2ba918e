"""The contract as the API server understands it: bounded, within its budget, kind to old objects."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.contract.test_schema import ROOT, at
from tests.contract.widest import widest
from tests.fakes.builders import runtime_object
from tests.integration.site import verdict

from lockgate_sandbox.api import ApiClient, ApiError, Json
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration
GROUP = "/apis/lockgate.dev/v1alpha1"
CRD = ROOT / "crds" / "modeldeployments.yaml"


def body(name: str = "churn", **spec: Any) -> Json:
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"registry": "model", "collection": "churn", "alias": "production"},
            "runtime": {"name": "onnx"},
        }
        | spec,
    }


@pytest.fixture
def client(lockgate_world: RunningWorld) -> Iterator[ApiClient]:
    with ApiClient(lockgate_world.kubeconfig) as made:
        yield made


@pytest.fixture
def path(namespace: str) -> str:
    return f"{GROUP}/namespaces/{namespace}/modeldeployments"


@pytest.mark.parametrize(
    "strategy",
    [
        {"canary": {"steps": [{"weight": 10}]}},
        {"blueGreen": {"pause": {"untilApproved": True}}},
        {"shadow": {"mirror": 10}},
        {"rolling": {"maxSurge": 1}},
    ],
    ids=lambda strategy: next(iter(strategy)),
)
def test_each_strategy_can_be_chosen_and_stands_alone(client: ApiClient, path: str, strategy: Json):
    made = client.post(path, body(strategy=strategy, traffic={"gateway": "public"}))
    assert list(made["spec"]["strategy"]) == list(strategy)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"progressDeadline": "99999999h"}, "spec.progressDeadline"),
        ({"progressDeadline": "25h"}, "at most 24h"),
        ({"progressDeadline": "1440m1s"}, "at most 24h"),
        ({"progressDeadline": "0s"}, "above zero"),
        ({"minReadySeconds": 3601}, "spec.minReadySeconds"),
        ({"minReadySeconds": 60, "progressDeadline": "1m"}, "less than progressDeadline"),
        ({"minReadySeconds": 1200}, "less than progressDeadline"),
        ({"resources": {"limits": {"x" * 129: "1"}}}, "at most 128 characters"),
        ({"resources": {"requests": {"cpu": "1" * 40}}}, "spec.resources.requests.cpu"),
        ({"model": {"registry": "m", "collection": "c", "alias": "a\u0007b"}}, "spec.model.alias"),
        ({"strategy": {"rolling": {"maxSurge": 2_000_000_000}}}, "maxSurge"),
    ],
)
def test_what_no_pass_could_use_is_refused_at_the_door(client, path, spec, said):
    with pytest.raises(ApiError) as refused:
        client.post(path, body(**spec))
    assert refused.value.status == 422
    assert said in str(refused.value)


def metric(**fields: Any) -> Json:
    """An analysis of one metric, changed so; a field that is None is left out."""
    known = {"name": "errors", "query": "errors", "max": 0.01} | fields
    return {"metrics": [{name: value for name, value in known.items() if value is not None}]}


@pytest.mark.parametrize(
    ("analysis", "said"),
    [
        ({"metrics": []}, "spec.analysis.metrics"),
        (metric() | {"interval": "4s"}, "at least 5s and at most 24h"),
        (metric() | {"interval": "25h"}, "at least 5s and at most 24h"),
        (metric() | {"count": 0}, "spec.analysis.count"),
        (metric() | {"noData": "Wait"}, "spec.analysis.noData"),
        (metric(name="Errors"), "spec.analysis.metrics[0].name"),
        (metric(query="cpu"), "spec.analysis.metrics[0].query"),
        (metric(query=None), "either query, which means the runtime's own PromQL, or promql"),
        (metric(promql="x"), "either query, which means the runtime's own PromQL, or promql"),
        (metric(max=None), "by min, by max or by both, or by maxRatioToStable alone"),
        (metric(maxRatioToStable=2), "by min, by max or by both, or by maxRatioToStable alone"),
        (metric(max="1%"), "spec.analysis.metrics[0].max"),
        (metric(min=0.02), "min must not be above max"),
        (metric(max=None, maxRatioToStable=0), "write a number above 0"),
        (metric(query=None, promql="rate(x[$__interval])"), "only $namespace, $name, $release and $window"),
        (metric(query=None, promql="x{r='${release}'}"), "only $namespace, $name, $release and $window"),
        (metric(query=None, promql="x", max=None, maxRatioToStable=2), "must name $release"),
        ({"metrics": metric()["metrics"] * 2}, "Duplicate value"),
    ],
)
def test_an_analysis_that_no_pass_could_use_is_refused_with_the_fix(client, path, analysis, said):
    with pytest.raises(ApiError) as refused:
        client.post(path, body(strategy={"blueGreen": {}}, analysis=analysis))
    assert refused.value.status == 422
    assert said in str(refused.value)


def test_an_analysis_is_completed_by_the_server_and_a_metric_is_left_as_it_was_written(client, path):
    own = "label_replace(sum(rate(x{r='$release'}[$window])), 'a', '$1', 'b', '(.*)$')"
    written = {"name": "own", "promql": own, "max": 1, "dryRun": True}
    taken = client.post(
        path, body(strategy={"blueGreen": {}}, analysis={"metrics": [written, *metric()["metrics"]]})
    )
    assert taken["spec"]["analysis"] == {
        "interval": "30s",
        "count": 3,
        "failureLimit": 0,
        "inconclusiveLimit": 0,
        "noData": "Hold",
        "dryRun": False,
        "metrics": [written, *metric()["metrics"]],
    }


@pytest.mark.parametrize("query", ["requests", "errors", "latency"])
def test_the_promql_of_a_runtime_names_only_what_can_be_put_in(client, query):
    runtime = runtime_object(metrics={"path": "/metrics", query: "x{pod='$pod'}"})
    with pytest.raises(ApiError, match=r"only \$namespace, \$name, \$release and \$window") as refused:
        client.post(f"{GROUP}/modelruntimes", runtime | {"metadata": {"name": "odd"}})
    assert refused.value.status == 422


def test_a_day_is_not_too_long(client, path):
    assert client.post(path, body(progressDeadline="24h"))["spec"]["progressDeadline"] == "24h"


def apply_crd(world: RunningWorld, text: str, directory: Path) -> None:
    file = directory / "crd.yaml"
    file.write_text(text)
    world.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file))


def loosened() -> str:
    """The schema as an older release had it: without the bounds of this one."""
    known = yaml.safe_load(CRD.read_text())
    properties = known["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties["progressDeadline"] = {"type": "string", "description": "any", "default": "10m"}
    for kind in ("requests", "limits"):
        properties["resources"]["properties"][kind].pop("x-kubernetes-validations", None)
    return yaml.safe_dump(known)


def until(what: str, check: Any, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, f"not so after {within} s: {what}"
        time.sleep(0.1)


def is_taken(client: ApiClient, path: str, obj: Json) -> bool:
    try:
        client.post(f"{path}?dryRun=All", obj)
    except ApiError:
        return False
    return True


def test_an_object_of_an_older_schema_stays_usable(lockgate_world, client, path, tmp_path):
    old = body("old", progressDeadline="99999999h", resources={"limits": {"x" * 200: "1"}})
    apply_crd(lockgate_world, loosened(), tmp_path)
    try:
        until("the older schema holds", lambda: is_taken(client, path, old))
        client.post(path, old)
    finally:
        apply_crd(lockgate_world, CRD.read_text(), tmp_path)
    until("the present schema holds", lambda: not is_taken(client, path, {**old, "metadata": {"name": "x"}}))
    told = {"status": {"observedGeneration": 1, "phase": "Failed"}}
    assert client.merge(f"{path}/old/status", told)["status"]["phase"] == "Failed"
    assert client.merge(f"{path}/old", {"spec": {"replicas": 3}})["spec"]["replicas"] == 3
    with pytest.raises(ApiError):
        client.merge(f"{path}/old", {"spec": {"progressDeadline": "99999998h"}})
    assert (
        client.merge(f"{path}/old", {"spec": {"progressDeadline": "1h"}})["spec"]["progressDeadline"] == "1h"
    )


def test_the_largest_status_that_the_schema_allows_is_taken(client, path):
    client.post(path, body())
    largest = widest(at("modeldeployments", "status"))
    assert len(json.dumps(largest)) > 100_000, "no small matter"
    taken = client.merge(f"{path}/churn/status", {"status": largest})["status"]
    assert taken == largest


def stricter() -> str:
    """A schema that takes no candidate, as one of another release might take no word of ours."""
    known = yaml.safe_load(CRD.read_text())
    properties = known["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"][
        "properties"
    ]
    properties["candidate"] = {**properties["candidate"], "maxProperties": 1}
    return yaml.safe_dump(known)


def test_a_status_that_the_api_server_refuses_is_told_in_the_one_it_holds(lockgate_world, site, tmp_path):
    candidate = {"version": "v0", "uri": "wandb://acme/x/churn:v0"}
    path = site.path("modeldeployments")
    apply_crd(lockgate_world, stricter(), tmp_path)
    try:
        site.seed(alias=None)
        site.deploy()
        site.wait_condition("Ready", "False", "AliasNotFound")
        told = {"status": {"candidate": candidate}}
        until("the stricter schema holds", lambda: is_refused(site.client, f"{path}/churn/status", told))
        site.registry.move_alias("model", "churn", "production", "v0")
        found = site.wait_condition("Stalled", "True", "Refused")
        assert verdict(found, "Ready") == ("False", "Refused")
        assert "candidate" not in found["status"]
    finally:
        apply_crd(lockgate_world, CRD.read_text(), tmp_path)
    until("the schema holds again", lambda: not is_refused(site.client, f"{path}/churn/status", told))
    site.change(replicas=1)
    site.wait_serving("v0")


def is_refused(client: ApiClient, path: str, change: Json) -> bool:
    try:
        client.merge(f"{path}?dryRun=All", change)
    except ApiError:
        return True
    return False
