"""The images where they are meant to be: in restricted pods, named by digest, with no registry."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.errors import Unavailable
from lockgate_sandbox.images import Image, build_images
from lockgate_sandbox.training import FEATURES, INPUT_NAME, SAMPLE_CUSTOMERS, Which, train

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def images(cluster: ClusterWorld, request: pytest.FixtureRequest) -> Mapping[str, Image]:
    """The images of our own making, known to the node."""
    # Building may take a minute: its progress must be seen, captured output is not.
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        try:
            built = build_images(["operator", "modelserver", "registry"])
        except Unavailable as reason:
            pytest.skip(str(reason))
    cluster.load_image_archives([image.archive for image in built.values()])
    return built


@pytest.fixture
def restricted(cluster: ClusterWorld, namespace: str) -> str:
    """A namespace that admits only pods under the restricted security standard."""
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    return namespace


def pod(name: str, image: str, **container: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    **container,
                }
            ],
        },
    }


def apply(world: ClusterWorld, namespace: str, *objects: dict[str, Any]) -> None:
    items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    world.kubectl("--namespace", namespace, "apply", "--filename=-", stdin=items)


def serve(world: ClusterWorld, namespace: str, image: str, which: Which, directory: Path) -> None:
    model = base64.b64encode(train(which, directory / which).path.read_bytes()).decode()
    server = pod(
        which,
        image,
        env=[{"name": "MODEL_NAME", "value": "churn"}, {"name": "MODEL_VERSION", "value": which}],
        readinessProbe={"httpGet": {"path": "/v2/health/ready", "port": 8080}, "periodSeconds": 1},
        volumeMounts=[{"name": "model", "mountPath": "/mnt/models"}],
    )
    server["spec"]["volumes"] = [{"name": "model", "configMap": {"name": which}}]
    apply(
        world,
        namespace,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": which},
            "binaryData": {"model.onnx": model},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": which},
            "spec": {"selector": {"app": which}, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        server,
    )


def ask(world: ClusterWorld, namespace: str, service: str) -> dict[str, Any]:
    customers = [list(customer) for customer in SAMPLE_CUSTOMERS.values()]
    shape = [len(customers), len(FEATURES)]
    tensor = {"name": INPUT_NAME, "datatype": "FP32", "shape": shape, "data": customers}
    url = f"{world.forward(namespace, service, 80)}/v2/models/churn/infer"
    with urllib.request.urlopen(url, json.dumps({"inputs": [tensor]}).encode(), timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def test_model_servers_named_by_digest_serve_two_versions_that_differ(
    cluster: ClusterWorld, restricted: str, images: Mapping[str, Image], tmp_path: Path
) -> None:
    versions: tuple[Which, ...] = ("v1", "v2")
    for which in versions:
        serve(cluster, restricted, images["modelserver"].reference, which, tmp_path)
    cluster.kubectl(
        "--namespace",
        restricted,
        "wait",
        "--for=condition=Ready",
        "pod",
        "--all",
        "--timeout=60s",
        timeout=90,
    )
    answers = {which: ask(cluster, restricted, which) for which in versions}
    assert [answers[which]["model_version"] for which in versions] == list(versions)
    assert answers["v1"]["outputs"] != answers["v2"]["outputs"]


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [("operator", ["--version"], "lockgate "), ("registry", ["serve", "--help"], "--data-dir")],
)
def test_an_image_runs_as_any_user_on_a_read_only_root(
    cluster: ClusterWorld,
    restricted: str,
    images: Mapping[str, Image],
    name: str,
    args: list[str],
    words: str,
) -> None:
    apply(
        cluster,
        restricted,
        pod(
            name,
            images[name].tag,
            args=args,
            securityContext={
                "runAsUser": 54321,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            },
        ),
    )
    cluster.kubectl(
        "--namespace",
        restricted,
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        f"pod/{name}",
        "--timeout=60s",
        timeout=90,
    )
    assert words in cluster.kubectl("--namespace", restricted, "logs", name).stdout
