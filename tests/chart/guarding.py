"""A control plane that the chart's admission policies guard, and how to ask what they refuse."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.chart.privileges import Object
from tests.chart.rendering import CHART
from tests.fakes.builders import PODS, SOURCE, T0, deployment, revision, runtime_object
from tests.fakes.drawn import drawn
from tests.waiting import wait_until

from lockgate.api.parse import parse_model_runtime
from lockgate.domain.observed import Observed, Target
from lockgate.domain.resources import INFERENCE_SERVICE, RAY_SERVICE, Resource
from lockgate.names import FIELD_MANAGER
from lockgate.plan.planner import plan_rollout
from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.running import RunningWorld

GROUP = "/apis/lockgate.dev/v1alpha1"
SETTINGS = replace(
    PODS,
    sources={"default": replace(SOURCE, ca_config_map="corporate-ca")},
    proxy=(("HTTPS_PROXY", "http://proxy:3128"),),
    cache_claim="models",
    cache_fs_group=10001,
)
ACTIVE_SECONDS = 60.0
ON_ECS = {
    "region": "eu-central-1",
    "cluster": "models",
    "namespaces": ["*"],
    "subnets": ["subnet-1"],
    "securityGroups": ["sg-1"],
    "executionRole": "arn:aws:iam::123456789012:role/x",
    "fetchImage": "registry.example/lockgate@sha256:" + "b" * 64,
    "registrySecrets": {"default": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"},
    "role": "arn:aws:iam::123456789012:role/lockgate",
}


def rendered(world: RunningWorld) -> str:
    return world.helm(
        "template",
        "guard-lockgate",
        str(CHART),
        "--namespace=guarded",
        "--set=image.repository=unused",
        "--set=registry.caBundle.configMap=corporate-ca",
        "--set=modelPods.cache.claimName=models",
        "--set=gateways.public.namespace=gateways",
        "--set=gateways.public.gateway=public",
        "--set=gateways.public.hostname=models.example.com",
        f"--set-json=ecs={json.dumps({'prod': ON_ECS})}",
        "--set=backends.kserve.enabled=true",
        "--set=backends.rayService.enabled=true",
        *(f"--show-only=templates/{name}.yaml" for name in ("rbac", "serviceaccount", "admissionpolicies")),
    ).stdout


def kind_without_schema(resource: Resource) -> Object:
    """As much of another controller's CRD as policies see: that the kind is there, and takes anything."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"kind": resource.kind, "plural": resource.plural, "singular": resource.kind.lower()}
    spec = {"group": resource.group, "names": names, "scope": "Namespaced", "versions": [version]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": spec,
    }


@pytest.fixture(scope="module")
def guarded(control_plane: RunningWorld) -> Iterator[RunningWorld]:
    """A control plane with the CRDs, the operator's account and the policies, in force."""
    world = control_plane
    world.kubectl("apply", "--server-side", "-f", str(CHART / "crds"))
    world.add("gateway_api")
    world.apply(*map(kind_without_schema, (INFERENCE_SERVICE, RAY_SERVICE)))
    world.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")
    world.kubectl("create", "namespace", "guarded", check=False)
    objects = rendered(world)
    world.kubectl("apply", "-f", "-", stdin=objects)
    yield world
    world.kubectl("delete", "--wait=false", "-f", "-", stdin=objects)


@pytest.fixture(scope="module")
def operator(guarded: RunningWorld) -> Iterator[ApiClient]:
    """Calls as the operator's account."""
    kubeconfig = guarded.kubeconfig_for_service_account("guarded", "guard-lockgate")
    with ApiClient(kubeconfig) as client:
        yield client


@pytest.fixture(scope="module")
def administrator(guarded: RunningWorld) -> Iterator[ApiClient]:
    with ApiClient(guarded.kubeconfig) as client:
        yield client


def at(kind: str, namespace: str) -> str:
    apps = "/apis/apps/v1"
    routes = "/apis/gateway.networking.k8s.io/v1"
    others = {each.plural: each.root for each in (INFERENCE_SERVICE, RAY_SERVICE)}
    root = {"services": "/api/v1", "modeldeployments": GROUP, "httproutes": routes, **others}.get(kind, apps)
    return f"{root}/namespaces/{namespace}/{kind}"


def asked(namespace: str, **metadata: Any) -> Object:
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "churn", "namespace": namespace} | metadata,
        "spec": {
            "model": {"registry": "model", "collection": "churn", "alias": "production"},
            "runtime": {"name": "onnx"},
            "replicas": 0,
        },
    }


@pytest.fixture
def children(administrator: ApiClient, operator: ApiClient, namespace: str) -> tuple[Object, Object]:
    """A Deployment and a Service as the operator renders them for a ModelDeployment that exists."""
    owner = administrator.post(at("modeldeployments", namespace), asked(namespace))
    parsed = deployment(namespace=namespace, uid=owner["metadata"]["uid"], replicas=0)
    plan = plan_rollout(parsed, Target(revision=revision(1), pinned=False), Observed(), T0)
    workload, service = drawn(parsed, parse_model_runtime(runtime_object()), plan, SETTINGS)
    workload, service = json.loads(json.dumps((workload, service)))
    wait_until_in_force(operator, workload)
    return workload, service


def wait_until_in_force(operator: ApiClient, workload: Object) -> None:
    """A new policy is enforced after a while; each of the two for children is asked for."""
    stray = copy.deepcopy(workload)
    stray["metadata"]["labels"] = {}
    shared = copy.deepcopy(workload)
    shared["spec"]["template"]["spec"]["hostNetwork"] = True
    for candidate in (stray, shared):
        in_force(lambda candidate=candidate: refusal(operator, "deployments", candidate))


def in_force(refused: Callable[[], str | None]) -> str:
    """What is said against it once a policy is enforced."""
    return str(wait_until("the policy is enforced", refused, within=ACTIVE_SECONDS, every=0.2))


def refusal(client: ApiClient, kind: str, body: Object, method: str = "POST") -> str | None:
    """What the API server says against it; None when it would take it. Nothing is written."""
    path = at(kind, body["metadata"]["namespace"])
    try:
        if method == "POST":
            client.call("POST", f"{path}?dryRun=All", body)
        else:
            client.call(
                "PATCH",
                f"{path}/{body['metadata']['name']}?dryRun=All&force=true&fieldManager={FIELD_MANAGER}",
                body,
                "application/apply-patch+yaml",
            )
    except ApiError as error:
        if error.status not in (403, 422):
            raise
        return str(error)
    return None
