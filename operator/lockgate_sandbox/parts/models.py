"""A namespace that is ready for ModelDeployments: with the runtime `onnx` and a key to fetch with.

The models come from whoever seeds the registry and applies a ModelDeployment.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lockgate_sandbox import objects
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.images import Image, build_images
from lockgate_sandbox.inference import inference_path, question
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.parts import registry
from lockgate_sandbox.source import EXAMPLES
from lockgate_sandbox.training import SAMPLE_CUSTOMERS
from lockgate_sandbox.worlds import Level

# As the shipped example says.
NAMESPACE = "growth"
MODEL = "churn"
_GROUP = "lockgate.dev/v1alpha1"
_EXAMPLE = EXAMPLES / "runtime-onnx.yaml"
_ANSWER_SECONDS = 10
_REQUESTS, _CEILINGS = {"cpu": "50m", "memory": "96Mi"}, {"cpu": "1", "memory": "512Mi"}
_RESOURCES = {"requests": _REQUESTS, "limits": {"memory": "256Mi"}, "ceilings": _CEILINGS}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered: by which version, and how likely each sample customer is to leave."""

    version: str
    scores: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Models(Handle):
    """The models of the namespace; `url` is where the API server takes their ModelDeployments."""

    world: ClusterWorld

    def deploy(self, manifest: Path) -> None:
        """Apply a ModelDeployment, as its author would."""
        self.world.kubectl("apply", "-f", str(manifest))

    def pods(self, model: str) -> frozenset[str]:
        """The pods of a model that are to stay, by UID."""
        of_it = f"-l=lockgate.dev/model-deployment={model}"
        shown = self.world.kubectl("get", "pods", f"-n={NAMESPACE}", of_it, "-o=json").stdout
        pods = (pod["metadata"] for pod in json.loads(shown)["items"])
        return frozenset(pod["uid"] for pod in pods if "deletionTimestamp" not in pod)

    def edit_runtime(self, *variables: dict[str, str]) -> None:
        """Give the runtime these environment variables, as the platform team would."""
        edit = f"--patch={json.dumps({'spec': {'env': variables}})}"
        self.world.kubectl("patch", "modelruntime", "onnx", "--type=merge", edit)

    def address(self, model: str) -> str:
        """Where this machine reaches a model that is served."""
        return self.world.forward(NAMESPACE, model, 80)

    def predict(self, model: str) -> Prediction:
        """One real request for the sample customers; raises OSError."""
        url, headers = f"{self.address(model)}{inference_path(model)}", {"Content-Type": "application/json"}
        request = urllib.request.Request(url, question().encode(), headers)  # noqa: S310 - of our making
        with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as response:  # noqa: S310
            answer = json.load(response)
        scores = dict(zip(SAMPLE_CUSTOMERS, answer["outputs"][0]["data"], strict=True))
        return Prediction(str(answer["model_version"]), scores)


def runtime(image: Image) -> dict[str, Any]:
    """The runtime of the platform team: the small Open Inference server of the sandbox."""
    spec = {
        "image": image.reference,
        "args": ["--model-dir=$(MODEL_PATH)", "--model-name=$(MODEL_NAME)", "--port=8080"],
        "port": 8080,
        "protocol": "OpenInferenceV2",
        "readinessPath": "/v2/health/ready",
        "acceptedFormats": ["onnx"],
        "resources": _RESOURCES,
        "terminationGracePeriodSeconds": 15,
        "metrics": yaml.safe_load(_EXAMPLE.read_text())["spec"]["metrics"],
    }
    return {"apiVersion": _GROUP, "kind": "ModelRuntime", "metadata": {"name": "onnx"}, "spec": spec}


class _Part:
    name = "models"
    needs = ("registry", "lockgate")
    levels = frozenset({Level.CLUSTER})
    handle = Models

    def prepare(self, level: Level) -> Prepared:
        """The image of the runtime."""
        return Prepared(images=build_images(["modelserver"]))

    def install(self, world: ClusterWorld, prepared: Prepared) -> Models:
        """What the platform team and the team that owns the namespace do once."""
        image = prepared.images["modelserver"]
        world.load_image_archives([image.archive])
        key = world.add(registry.PART).keys["viewer"]
        world.apply(objects.namespace(NAMESPACE), runtime(image))
        world.apply(objects.secret("lockgate-registry", NAMESPACE, api_key=key))
        url = f"{world.api_url}/apis/{_GROUP}/namespaces/{NAMESPACE}/modeldeployments"
        return Models(world=world, url=url)


PART = _Part()
