"""Who may reach the operator and what it may do, and whom it trusts, as the chart renders it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.chart.rendering import (
    EVERYTHING,
    SMALLEST,
    environment,
    granted,
    only,
    pod_of,
    render,
    rights,
)

from lockgate.settings import Settings

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("pair", "source"),
    [
        (
            "configMap",
            {"configMap": {"name": "corporate-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ),
        (
            "secret",
            {"secret": {"secretName": "corporate-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ),
    ],
)
def test_authorities_are_mounted_where_the_operator_looks_for_them(
    helm: Path, pair: str, source: dict[str, Any]
) -> None:
    objects = render(helm, SMALLEST, f"registry.caBundle.{pair}=corporate-ca")
    pod, settings = pod_of(objects), Settings.from_environment(environment(objects))
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "registry-ca"]
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "registry-ca"]
    assert volume == {"name": "registry-ca", **source}
    assert str(settings.registry_ca_bundle) == f"{mount['mountPath']}/ca.crt"
    assert mount["readOnly"] is True
    assert settings.model_ca_config_map == "corporate-ca"


def test_without_a_bundle_no_authority_is_named(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    assert not [name for name in environment(objects) if "_CA_" in name or "PROXY" in name]
    assert not [volume for volume in pod_of(objects)["volumes"] if volume["name"] == "registry-ca"]


def test_the_operators_own_client_and_its_pods_get_the_same_proxy(helm: Path) -> None:
    given = environment(render(helm, EVERYTHING))
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"):
        assert given[name] == given[f"LOCKGATE_{name}"] != ""


def test_http_is_spoken_only_when_that_was_asked_for(helm: Path) -> None:
    address = "registry.baseUrl=http://wandb.example.com"
    given = environment(render(helm, SMALLEST, address, "registry.allowHttp=true"))
    assert Settings.from_environment(given).registry_allow_http is True
    assert "LOCKGATE_REGISTRY_ALLOW_HTTP" not in environment(render(helm, SMALLEST))


def test_nobody_but_the_named_peers_reaches_the_operator(helm: Path) -> None:
    objects = render(helm, EVERYTHING)
    policy, template = only(objects, "NetworkPolicy")["spec"], only(objects, "Deployment")["spec"]["template"]
    assert policy["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    names, registry = policy["egress"]
    assert {(port["port"], port["protocol"]) for port in names["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert [port["port"] for port in registry["ports"]] == [443, 6443, 3128]
    assert registry["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]


@pytest.mark.parametrize("values", [SMALLEST, EVERYTHING], ids=lambda path: path.stem)
def test_the_named_peers_reach_the_metrics_alone_and_the_kubelet_asks_at_another_port(
    helm: Path, values: Path
) -> None:
    objects = render(helm, values)
    (container,) = pod_of(objects)["containers"]
    numbers = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = Settings.from_environment(environment(objects))
    (rule,) = only(objects, "NetworkPolicy")["spec"]["ingress"]
    assert [(numbers[port["port"]], port["protocol"]) for port in rule["ports"]] == [
        (settings.http_port, "TCP")
    ]
    for probe in ("livenessProbe", "readinessProbe"):
        assert numbers[container[probe]["httpGet"]["port"]] == settings.probe_port != settings.http_port
    (served,) = only(objects, "Service")["spec"]["ports"]
    assert numbers[served["targetPort"]] == settings.http_port


def test_an_empty_list_of_peers_lets_nobody_in_and_not_everybody(helm: Path) -> None:
    policy = only(render(helm, SMALLEST, "networkPolicy.metricsFrom=null"), "NetworkPolicy")["spec"]
    assert (policy["policyTypes"], policy["ingress"]) == (["Ingress"], [])


def test_what_the_operator_calls_is_limited_only_when_asked_for(helm: Path) -> None:
    assert only(render(helm, SMALLEST), "NetworkPolicy")["spec"]["policyTypes"] == ["Ingress"]
    without = render(helm, SMALLEST, "networkPolicy.enabled=false")
    assert not [found for found in without if found["kind"] == "NetworkPolicy"]


def test_whoever_may_edit_or_view_a_namespace_may_do_so_with_model_deployments(helm: Path) -> None:
    roles = [found for found in render(helm, SMALLEST) if found["kind"] == "ClusterRole"]
    aggregated = {
        name: set[tuple[str, str, str]]().union(
            *(
                rights(role["rules"])
                for role in roles
                if f"rbac.authorization.k8s.io/aggregate-to-{name}" in role["metadata"]["labels"]
            )
        )
        for name in ("view", "edit", "admin")
    }
    group = "lockgate.dev"
    reading = granted(group, "modeldeployments", "get", "list", "watch") | granted(
        group, "modeldeployments/status", "get", "list", "watch"
    )
    reading |= granted(group, "modeldeployments/scale", "get")
    writing = granted(group, "modeldeployments", "create", "update", "patch", "delete", "deletecollection")
    writing |= granted(group, "modeldeployments/scale", "get", "update", "patch")
    assert aggregated == {"view": reading, "edit": reading | writing, "admin": reading | writing}
    assert len([found for found in render(helm, EVERYTHING) if found["kind"] == "ClusterRole"]) == 1


def test_people_get_roles_with_just_what_their_tool_uses(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    viewer = (
        granted("lockgate.dev", "modeldeployments", "get", "list", "watch")
        | granted("apps", "deployments", "list", "watch")
        | granted("", "pods", "list", "watch")
    )
    assert rights(only(objects, "ClusterRole", "lockgate-viewer")["rules"]) == viewer
    releaser = viewer | granted("lockgate.dev", "modeldeployments", "patch")
    assert rights(only(objects, "ClusterRole", "lockgate-releaser")["rules"]) == releaser
    bound = [found["roleRef"]["name"] for found in objects if found["kind"].endswith("RoleBinding")]
    assert not {"lockgate-viewer", "lockgate-releaser"} & set(bound), (
        "whom to give them to is not ours to say"
    )
    without = render(helm, SMALLEST, "rbac.people=false")
    assert not [found for found in without if found["metadata"]["name"].startswith("lockgate-")]


def test_every_admission_policy_is_bound_and_denies(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    policies = {
        found["metadata"]["name"] for found in objects if found["kind"] == "ValidatingAdmissionPolicy"
    }
    bound = [found["spec"] for found in objects if found["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert policies == {f"ops.r-lockgate.{name}" for name in ("children", "pods", "annotations")}
    assert {binding["policyName"] for binding in bound} == policies
    assert all(binding["validationActions"] == ["Deny"] for binding in bound)
    without = render(helm, SMALLEST, "admissionPolicy.enabled=false")
    assert not [found for found in without if "Admission" in found["kind"]]


def test_a_busy_operator_is_given_time_before_it_is_killed(helm: Path) -> None:
    liveness = pod_of(render(helm, SMALLEST))["containers"][0]["livenessProbe"]
    assert liveness["timeoutSeconds"] >= 5
    assert liveness["failureThreshold"] * liveness["periodSeconds"] >= 60
