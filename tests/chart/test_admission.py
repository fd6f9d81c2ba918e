"""The admission policies on a real API server: what the operator's account may do, and nothing beside it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.chart.guarding import ACTIVE_SECONDS, asked, at, in_force, refusal, rendered
from tests.chart.privileges import PRIVILEGES, Object, pod
from tests.chart.rendering import CHART, EVERYTHING, REPOSITORY, SMALLEST
from tests.fakes.builders import deployment, revision
from tests.waiting import wait_until

from lockgate.backends.deployment.render import render_children, render_entry
from lockgate.domain.plan import Stage
from lockgate.domain.split import TrafficSplit
from lockgate.gateways.offered import Gateway
from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration
MODELS_POLICY = REPOSITORY / "docs" / "examples" / "models-network-policy.yaml"


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_the_operator_renders_is_taken(
    operator: ApiClient, children: tuple[Object, Object], method: str
) -> None:
    workload, service = children
    assert refusal(operator, "deployments", workload, method) is None
    assert refusal(operator, "services", service, method) is None


@pytest.mark.parametrize("name", PRIVILEGES)
def test_the_operators_account_cannot_start_a_pod_with(
    name: str, operator: ApiClient, administrator: ApiClient, children: tuple[Object, Object]
) -> None:
    words, change = PRIVILEGES[name]
    workload = children[0]
    change(workload)
    said = refusal(operator, "deployments", workload)
    assert said is not None
    assert words in said
    assert words in (refusal(operator, "deployments", workload, "PATCH") or "")
    assert refusal(administrator, "deployments", workload) is None


def test_the_operators_account_cannot_write_what_no_model_deployment_controls(
    operator: ApiClient, children: tuple[Object, Object]
) -> None:
    for kind, child in zip(("deployments", "services"), children, strict=True):
        for owners in ([], [child["metadata"]["ownerReferences"][0] | {"kind": "ReplicaSet"}]):
            orphan = copy.deepcopy(child)
            orphan["metadata"]["ownerReferences"] = owners
            assert "that a ModelDeployment controls" in (refusal(operator, kind, orphan) or "")


def test_the_operators_account_cannot_take_over_what_is_somebody_elses(
    operator: ApiClient, administrator: ApiClient, children: tuple[Object, Object]
) -> None:
    for kind, child in zip(("deployments", "services"), children, strict=True):
        theirs = copy.deepcopy(child)
        del theirs["metadata"]["ownerReferences"]
        administrator.post(at(kind, theirs["metadata"]["namespace"]), theirs)
        assert "may not take over" in (refusal(operator, kind, child, "PATCH") or "")


@pytest.mark.parametrize(
    "fields", [{"type": "NodePort"}, {"externalIPs": ["192.0.2.1"]}], ids=lambda fields: next(iter(fields))
)
def test_the_operators_account_cannot_open_a_model_to_the_outside(
    operator: ApiClient, children: tuple[Object, Object], fields: Object
) -> None:
    service = children[1]
    service["spec"] |= fields
    assert "inside the cluster only" in (refusal(operator, "services", service) or "")


def test_the_operators_account_keeps_a_ledger_of_its_own_and_touches_no_other(
    operator: ApiClient, administrator: ApiClient, children: tuple[Object, Object]
) -> None:
    release = replace(revision(1), release="3fa9c1d2")
    owner = children[0]["metadata"]["ownerReferences"][0]
    namespace = children[0]["metadata"]["namespace"]
    entry = render_entry(deployment(namespace=namespace, uid=owner["uid"]), release, {"spec": {}})
    assert refusal(operator, "controllerrevisions", entry) is None
    theirs = copy.deepcopy(entry)
    theirs["metadata"] = {"name": "theirs", "namespace": namespace}
    assert "with its own labels" in (refusal(operator, "controllerrevisions", theirs) or "")
    path = at("controllerrevisions", namespace)
    for each in (entry, theirs):
        administrator.post(path, each)
    operator.delete(f"{path}/{entry['metadata']['name']}")
    with pytest.raises(ApiError, match="delete only objects with its own labels"):
        operator.delete(f"{path}/theirs")


class TestRoutes:
    @pytest.fixture
    def route(self, children: tuple[Object, Object], namespace: str) -> Object:
        """As the operator renders it, with copies and headers."""
        owner = children[0]["metadata"]["ownerReferences"][0]
        asked = deployment(namespace=namespace, uid=owner["uid"], traffic={"gateway": "public"})
        of = TrafficSplit(
            weights=(("churn", 90), ("churn-0000000a", 10)),
            special="churn-0000000a",
            match=(("x-canary", "yes"),),
            mirror=20,
        )
        gateway = Gateway(
            name="public", namespace="gateways", gateway="public", hostname="models.example.com"
        )
        drawings = render_children(asked, Stage(tracks=(), split=of), gateway)
        return json.loads(json.dumps(drawings[-1].obj))

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_what_the_operator_renders_is_taken(
        self, operator: ApiClient, route: Object, method: str
    ) -> None:
        assert refusal(operator, "httproutes", route, method) is None

    @pytest.mark.parametrize(
        ("words", "change"),
        [
            ("gateways of its settings", lambda s: s["parentRefs"][0].update(name="other")),
            ("gateways of its settings", lambda s: s["parentRefs"][0].update(namespace="elsewhere")),
            ("gateways of its settings", lambda s: s["parentRefs"].append({"name": "mine"})),
            ("own namespace", lambda s: s["rules"][1]["backendRefs"][0].update(namespace="bank")),
            (
                "own namespace",
                lambda s: s["rules"][1]["filters"][0]["requestMirror"]["backendRef"].update(namespace="bank"),
            ),
            (
                "own namespace",
                lambda s: s["rules"].append(
                    {
                        "filters": [
                            {"type": "RequestRedirect", "requestRedirect": {"hostname": "evil.example"}}
                        ]
                    }
                ),
            ),
        ],
        ids=["gateway", "gateway elsewhere", "another gateway", "backend", "copies", "redirect"],
    )
    def test_no_route_leads_elsewhere(
        self, operator: ApiClient, route: Object, words: str, change: Callable[[Object], None]
    ) -> None:
        change(route["spec"])
        said = in_force(lambda: refusal(operator, "httproutes", route))
        assert words in said

    def test_only_what_is_the_operators_own_may_be_deleted(
        self, operator: ApiClient, administrator: ApiClient, children: tuple[Object, Object], route: Object
    ) -> None:
        for kind, ours in (("deployments", children[0]), ("services", children[1]), ("httproutes", route)):
            path = at(kind, ours["metadata"]["namespace"])
            theirs = copy.deepcopy(ours)
            theirs["metadata"] = {"name": "theirs", "namespace": ours["metadata"]["namespace"]}
            for each in (ours, theirs):
                administrator.post(path, each)
            operator.delete(f"{path}/{ours['metadata']['name']}")
            with pytest.raises(ApiError, match="delete only objects with its own labels"):
                operator.delete(f"{path}/theirs")


def test_what_runs_may_be_scaled_after_the_charts_values_have_changed(
    operator: ApiClient, administrator: ApiClient, children: tuple[Object, Object]
) -> None:
    workload = children[0]
    pod(workload)["volumes"].append({"name": "x", "secret": {"secretName": "key-of-old"}})
    administrator.post(at("deployments", workload["metadata"]["namespace"]), workload)
    workload["spec"]["replicas"] = 5
    assert refusal(operator, "deployments", workload, "PATCH") is None


@pytest.mark.parametrize("values", [SMALLEST, EVERYTHING], ids=lambda path: path.stem)
def test_the_api_server_takes_the_whole_chart(guarded: RunningWorld, values: Path) -> None:
    guarded.kubectl("create", "namespace", "growth", check=False)
    guarded.kubectl("create", "namespace", "risk", check=False)
    rendered = guarded.helm(
        "template", "whole", str(CHART), "--namespace=guarded", f"--values={values}", "--skip-crds"
    ).stdout
    # The kinds of the Prometheus Operator are its own to bring.
    objects = [
        found
        for found in yaml.safe_load_all(rendered)
        if found and not found["apiVersion"].startswith("monitoring.coreos.com/")
    ]
    text = yaml.safe_dump_all(objects)
    guarded.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


def test_the_network_policy_for_models_is_taken_and_meets_their_pods(
    guarded: RunningWorld, children: tuple[Object, Object], namespace: str
) -> None:
    text = MODELS_POLICY.read_text().replace("namespace: growth", f"namespace: {namespace}")
    guarded.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
    policy, template = yaml.safe_load(text)["spec"], children[0]["spec"]["template"]
    assert policy["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    named = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} <= named


class TestAnnotations:
    def test_a_model_deployment_holds_as_much_as_people_and_tools_write(
        self, guarded: RunningWorld, administrator: ApiClient, children: object, namespace: str
    ) -> None:
        tools = {
            "kubectl.kubernetes.io/last-applied-configuration": "x" * 20_000,
            "example.com/why": "é" * 500,
        }
        found = asked(namespace, annotations=tools, labels={"team": "growth"}) | {}
        found["metadata"]["name"] = "other"
        assert refusal(administrator, "modeldeployments", found) is None

    @pytest.mark.parametrize("holder", ["annotations", "labels"])
    def test_nobody_can_fill_the_operators_memory_with(
        self, holder: str, administrator: ApiClient, children: object, namespace: str
    ) -> None:
        much = {f"example.com/{number:05d}-{'x' * 50}": "y" * 60 for number in range(300)}
        found = asked(namespace, **{holder: much})
        found["metadata"]["name"] = "other"
        said = in_force(lambda: refusal(administrator, "modeldeployments", found))
        assert "32768 characters together" in said

    def test_one_that_was_fat_before_can_still_be_changed_and_deleted(
        self, guarded: RunningWorld, administrator: ApiClient, namespace: str
    ) -> None:
        policies = [text for text in rendered(guarded).split("---\n") if ".annotations" in text]
        guarded.kubectl("delete", "-f", "-", stdin="---\n".join(policies))
        fat = asked(namespace, annotations={"example.com/much": "x" * 200_000})
        fat["metadata"]["finalizers"] = ["example.com/wait"]
        wait_until_taken(administrator, at("modeldeployments", namespace), fat)
        guarded.kubectl("apply", "-f", "-", stdin="---\n".join(policies))
        probe = asked(namespace, annotations={"example.com/much": "y" * 200_000})
        probe["metadata"]["name"] = "probe"
        in_force(lambda: refusal(administrator, "modeldeployments", probe))
        path = at("modeldeployments", namespace) + "/churn"
        administrator.merge(path, {"spec": {"replicas": 1}})
        administrator.delete(path)
        administrator.merge(path, {"metadata": {"finalizers": None}})
        with pytest.raises(ApiError, match="not found"):
            administrator.get(path)


def wait_until_taken(client: ApiClient, path: str, body: Object) -> None:
    """A policy that was deleted is enforced for a while longer."""

    def taken() -> bool:
        try:
            client.post(path, body)
        except ApiError:
            return False
        return True

    wait_until("the policy is gone", taken, within=ACTIVE_SECONDS, every=0.2)
