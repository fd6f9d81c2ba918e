"""KubeRay, and a runtime that serves on Ray: the sandbox's model server as an application of Ray Serve.

Its manifests come with its module. Neither its webhook nor its alpha gates are on, as in most clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from lockgate_sandbox import objects
from lockgate_sandbox.binaries import files_of
from lockgate_sandbox.binaries.pins import KUBERAY_MANIFESTS
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.images import Image, build_images
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.tool_images import image_of
from lockgate_sandbox.worlds import Level

Json = dict[str, Any]
NAMESPACE, RUNTIME = "kuberay", "onnx-on-ray"
_PROGRAM = "kuberay-operator"
_SECONDS = 120
# A head of Ray alone takes a gigabyte, and starts in a dozen processes.
_REQUESTS, _LIMITS = {"cpu": "200m", "memory": "1Gi"}, {"memory": "4Gi"}


@dataclass(frozen=True, kw_only=True)
class KubeRay(Handle):
    """KubeRay; `url` is where the API server takes RayServices."""

    world: ClusterWorld


class _Part:
    name = "kuberay"
    needs = ("lockgate",)
    levels = frozenset({Level.CLUSTER})
    handle = KubeRay

    def prepare(self, level: Level) -> Prepared:
        """The operator from its Go module, and an image with Ray, which is the larger part of it."""
        images = {**build_images(["rayserver"]), _PROGRAM: image_of(_PROGRAM)}
        return Prepared(files={KUBERAY_MANIFESTS.name: files_of(KUBERAY_MANIFESTS)}, images=images)

    def install(self, world: ClusterWorld, prepared: Prepared) -> KubeRay:
        """Returns when the operator is available."""
        world.load_image_archives([image.archive for image in prepared.images.values()])
        manifests = prepared.files[KUBERAY_MANIFESTS.name] / "default"
        drawn = list(yaml.safe_load_all(world.kubectl("kustomize", str(manifests)).stdout))
        world.apply(objects.namespace(NAMESPACE), *_fitted(drawn, prepared.images[_PROGRAM]))
        world.apply(runtime(prepared.images["rayserver"]))
        ready = ("rollout", "status", f"deployment/{_PROGRAM}", f"-n={NAMESPACE}", f"--timeout={_SECONDS}s")
        world.kubectl(*ready, timeout=_SECONDS + 10)
        return KubeRay(world=world, url=f"{world.api_url}/apis/ray.io/v1")


def runtime(image: Image) -> Json:
    """The runtime of the platform team for models on Ray."""
    spec = {
        "image": image.reference,
        "port": 8000,
        "readinessPath": "/v2/health/ready",
        "acceptedFormats": ["onnx"],
        "resources": {"requests": _REQUESTS, "limits": _LIMITS},
        "terminationGracePeriodSeconds": 15,
        "ray": {"version": "2.60.0", "importPath": "modelserver.on_ray:application", "deployment": "Server"},
        # It asks how many processors and how much memory there are, which are the node's and not its own.
        "env": [{"name": "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE", "value": "1"}],
    }
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelRuntime",
        "metadata": {"name": RUNTIME},
        "spec": spec,
    }


def _fitted(drawn: list[Json], image: Image) -> list[Json]:
    """In a namespace of its own, from our image."""
    for each in drawn:
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = NAMESPACE
        for subject in each.get("subjects", ()):
            subject["namespace"] = NAMESPACE
        if each["kind"] == "Deployment":
            (container,) = each["spec"]["template"]["spec"]["containers"]
            container |= {
                "image": image.reference,
                "imagePullPolicy": "Never",
                "command": [f"/{_PROGRAM}"],
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
            }
            container["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1}
    return drawn


PART = _Part()
