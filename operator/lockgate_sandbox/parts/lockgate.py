"""Lockgate itself, under the rights of its chart: in a cluster from its image, by helm, as users install it.

On a control plane it is a process of the world with the same account and rights, and its pods are another's
business. It follows the registry with a viewer's key, and asks Prometheus where that was added before.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from lockgate_sandbox import objects
from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.binaries import programs_of
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.images import Image, build_images
from lockgate_sandbox.part import Handle, Prepared, urls
from lockgate_sandbox.parts import prometheus, registry
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.said import Said
from lockgate_sandbox.source import CHART, CRDS, PACKAGES
from lockgate_sandbox.supervise.components import free_port
from lockgate_sandbox.waiting import until_it_answers
from lockgate_sandbox.worlds import Level, write_atomically

NAMESPACE = "lockgate-system"
POLL_SECONDS = 2
_TOKEN_SECONDS = 7 * 24 * 3600
_RIGHTS = [f"--show-only=templates/{n}.yaml" for n in ("rbac", "serviceaccount", "admissionpolicies")]


@dataclass(frozen=True, kw_only=True)
class Lockgate(Handle):
    """The operator: `url` has its metrics."""

    world: RunningWorld

    def upgrade(self, *values: str) -> None:
        """Install it anew with other values, each NAME=VALUE, as whoever runs a cluster does."""
        same = ("upgrade", "--wait", "--reuse-values", f"--namespace={NAMESPACE}")
        self.world.helm(*same, *(f"--set={value}" for value in values), "lockgate", str(CHART))

    def says(self, namespace: str, name: str) -> Said:
        """What it says of a ModelDeployment now."""
        path = f"/apis/lockgate.dev/v1alpha1/namespaces/{namespace}/modeldeployments/{name}"
        with ApiClient(self.world.kubeconfig) as client:
            return Said.by(client.get(path))


class _Part:
    name = "lockgate"
    needs = ("registry",)
    levels = frozenset({Level.CONTROL_PLANE, Level.CLUSTER})
    handle = Lockgate

    def prepare(self, level: Level) -> Prepared:
        """Helm either way; only pods need an image."""
        images = build_images(["operator"]) if level is Level.CLUSTER else {}
        return Prepared(programs=programs_of(["helm"]), images=images)

    def install(self, world: RunningWorld, prepared: Prepared) -> Lockgate:
        """Once only, and for all namespaces."""
        followed = world.add(registry.PART)
        is_watched = prometheus.PART.name in urls(world.directory)
        asked = world.add(prometheus.PART).inner_url if is_watched else ""
        world.apply(objects.namespace(NAMESPACE))
        if isinstance(world, ClusterWorld):
            url = _from_its_image(world, prepared.images["operator"], followed, asked)
        else:
            url = _as_process(world, followed, asked)
        until_it_answers("Lockgate", f"{url}/metrics")
        return Lockgate(world=world, url=url)


def _from_its_image(world: ClusterWorld, image: Image, followed: registry.Registry, asked: str) -> str:
    world.load_image_archives([image.archive])
    world.apply(objects.secret("lockgate-registry", NAMESPACE, api_key=followed.keys["viewer"]))
    repository, _, digest = image.reference.partition("@")
    values = {
        "image": {"repository": repository, "digest": digest, "pullPolicy": "Never"},
        "registry": {"baseUrl": followed.inner_url, "allowHttp": True, "pollIntervalSeconds": POLL_SECONDS},
        "prometheus": {"url": asked, "authorPromql": True},
        # The node shares the user's own disk and does not report it.
        "modelPods": {"storageRequests": False},
    }
    install = ("upgrade", "--install", "--wait", "lockgate", str(CHART), f"--namespace={NAMESPACE}")
    world.helm(*install, "--values=-", stdin=json.dumps(values))
    return world.forward(NAMESPACE, "lockgate-metrics", 8080)


def _as_process(world: RunningWorld, followed: registry.Registry, asked: str) -> str:
    world.kubectl("apply", "--server-side", "-f", str(CRDS))
    world.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    chart = (str(CHART), f"--namespace={NAMESPACE}", "--set=image.repository=unused", *_RIGHTS)
    world.kubectl("apply", "-f", "-", stdin=world.helm("template", "lockgate", *chart).stdout)
    key = world.directory / "lockgate-api-key"
    write_atomically(key, followed.keys["viewer"])
    metrics, probes = free_port(), free_port()
    settings = {
        "KUBECONFIG": str(world.kubeconfig_for_service_account(NAMESPACE, "lockgate", _TOKEN_SECONDS)),
        "PYTHONPATH": str(PACKAGES),
        "LOCKGATE_REGISTRY_BASE_URL": followed.inner_url,
        "LOCKGATE_REGISTRY_API_KEY_FILE": str(key),
        "LOCKGATE_POLL_INTERVAL_SECONDS": str(POLL_SECONDS),
        "LOCKGATE_PROMETHEUS_URL": asked,
        "LOCKGATE_PROMETHEUS_AUTHOR_PROMQL": "true",
        "LOCKGATE_FETCH_IMAGE": "localhost/lockgate/operator:none",
        "LOCKGATE_HTTP_HOST": "127.0.0.1",
        "LOCKGATE_HTTP_PORT": str(metrics),
        "LOCKGATE_PROBE_PORT": str(probes),
    }
    world.join("lockgate", [sys.executable, "-m", "lockgate", "run"], settings)
    # In a cluster helm waits for that.
    until_it_answers("Lockgate", f"http://127.0.0.1:{probes}/readyz")
    prometheus.be_scraped(world, "lockgate", f"127.0.0.1:{metrics}")
    return f"http://127.0.0.1:{metrics}"


PART = _Part()
