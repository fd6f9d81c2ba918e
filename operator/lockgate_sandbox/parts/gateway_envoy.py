"""A real gateway that does what the Gateway API says: Envoy Gateway, and the Envoy that it runs.

Its chart would bring the kinds of the Gateway API in the experimental channel. Here they come from a part
of their own, in the standard channel, as in most clusters, and other gateways of the world share them; it
needs none of the others. The policy that comes with them refuses to have them replaced by those anyway.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lockgate_sandbox import objects
from lockgate_sandbox.binaries import files_of, programs_of
from lockgate_sandbox.binaries.pins import ENVOY_GATEWAY_CHART
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.gateways import NAMESPACE, Gateway, gateway_class, open_gateway
from lockgate_sandbox.images import Image, build_images
from lockgate_sandbox.part import Prepared
from lockgate_sandbox.tool_images import image_of
from lockgate_sandbox.worlds import Level

CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
NAME = "public"
_SYSTEM = "envoy-gateway-system"
_GROUP = "gateway.envoyproxy.io"
_PROGRAM = "envoy-gateway"
# Of its own kinds the one that is used here: all of them are 2.5 MB of schemas for the API server to read.
_CRD = f"charts/crds/crds/generated/{_GROUP}_envoyproxies.yaml"
_SERVICE = "envoy-public"
# As often as can be: the install waits for three of them, and the defaults are ten seconds each.
_PROBE = {"periodSeconds": 1}
_RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}


class _Part:
    name = "gateway_envoy"
    needs = ("gateway_api",)
    levels = frozenset({Level.CLUSTER})
    handle = Gateway

    def prepare(self, level: Level) -> Prepared:
        """The control plane from its Go module, with the chart of the same; the proxy from its wheel."""
        chart = {ENVOY_GATEWAY_CHART.name: files_of(ENVOY_GATEWAY_CHART)}
        images = {**build_images(["envoy"]), _PROGRAM: image_of(_PROGRAM)}
        return Prepared(programs=programs_of(["helm"]), files=chart, images=images)

    def install(self, world: ClusterWorld, prepared: Prepared) -> Gateway:
        """By helm, as users do; then one Gateway, which makes it run one Envoy."""
        world.load_image_archives([image.archive for image in prepared.images.values()])
        chart = prepared.files[ENVOY_GATEWAY_CHART.name]
        world.kubectl("apply", "--server-side", f"--filename={chart / _CRD}")
        world.apply(objects.namespace(_SYSTEM))
        values = [f"--values={path}" for path in _values(world, chart, prepared.images[_PROGRAM])]
        install = ("upgrade", "--install", "--wait", "--skip-crds", f"--namespace={_SYSTEM}")
        world.helm(*install, *values, "envoy-gateway", str(chart))
        settings = {"group": _GROUP, "kind": "EnvoyProxy", "namespace": NAMESPACE, "name": NAME}
        of = gateway_class("envoy", CONTROLLER, parametersRef=settings)
        return open_gateway(world, NAME, of, _proxy(prepared.images["envoy"]), service=(_SYSTEM, _SERVICE))


def _values(world: ClusterWorld, chart: Path, image: Image) -> tuple[Path, Path]:
    """The chart's own, of which its module carries the draft alone, and what is other here."""
    draft = (chart / "values.tmpl.yaml").read_text()
    told = {"${GatewayImage}": image.reference, "${GatewayImagePullPolicy}": "Never"}
    for name, value in told.items():
        draft = draft.replace(name, value)
    own, ours = world.directory / "envoy-gateway-values.yaml", world.directory / "envoy-gateway-ours.json"
    own.write_text(draft)
    ours.write_text(
        json.dumps({"crds": {"enabled": False}, "deployment": {"envoyGateway": {"readinessProbe": _PROBE}}})
    )
    return own, ours


def _proxy(image: Image) -> dict[str, Any]:
    """How Envoy runs: from our image, reached by a ClusterIP of a name that is known."""
    probed = [{"name": name, "startupProbe": _PROBE} for name in ("envoy", "shutdown-manager")]
    patch = {"type": "StrategicMerge", "value": {"spec": {"template": {"spec": {"containers": probed}}}}}
    deployment = {"container": {"image": image.tag, "resources": _RESOURCES}, "patch": patch}
    service = {"type": "ClusterIP", "name": _SERVICE}
    kubernetes = {"envoyDeployment": deployment, "envoyService": service}
    spec = {"provider": {"type": "Kubernetes", "kubernetes": kubernetes}}
    return objects.named(f"{_GROUP}/v1alpha1", "EnvoyProxy", NAME, NAMESPACE, spec=spec)


PART = _Part()
