"""Which controllers of gateways can do what, as far as it is known without asking them.

Weights and exact header matches are core to the Gateway API, so every conformant one has them. Copies
of requests are an extension: one controller accepts a route that asks for them and then answers errors
(Traefik 3.7), and another tells nobody of what it supports (Envoy Gateway 1.9 leaves
`status.supportedFeatures` of its class empty). So what is written here decides, unless the platform
says otherwise.

Source: HTTPRouteRequestMirror and HTTPRouteRequestPercentageMirror in the conformance reports that the
projects hand in, kubernetes-sigs/gateway-api, conformance/reports/v1.2.1 to v1.6, of the release named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a gateway can beside weights: tell requests apart by headers or a cookie, copy all, copy a part.

    A cookie is one of several in a header, which only an expression finds.
    """

    match: bool = True
    cookie: bool = False
    mirror: bool = False
    percent_mirror: bool = False


# What is not known is not tried on people's requests.
UNKNOWN: Final = Features()
_COPIES: Final = Features(mirror=True)
_COPIES_A_PART: Final = Features(mirror=True, percent_mirror=True)
_COPIES_NOTHING: Final = Features()
# That expressions in headers work says no report; this one was tried.
_ALL: Final = Features(cookie=True, mirror=True, percent_mirror=True)

KNOWN: Final[Mapping[str, Features]] = MappingProxyType(
    {
        "gateway.envoyproxy.io/gatewayclass-controller": _ALL,  # Envoy Gateway 1.5
        "istio.io/gateway-controller": _COPIES_A_PART,  # Istio 1.26
        "io.cilium/gateway-controller": _COPIES_A_PART,  # Cilium 1.19
        "gateway.nginx.org/nginx-gateway-controller": _COPIES_A_PART,  # NGINX Gateway Fabric 2.1
        "agentgateway.dev/agentgateway": _COPIES_A_PART,  # agentgateway 0.6
        "networking.gke.io/gateway": _COPIES_A_PART,  # GKE 1.33
        "kgateway.dev/kgateway": _COPIES,  # kgateway 2.1; a part only since 2.2
        "projectcontour.io/gateway-controller": _COPIES,  # Contour 1.33
        "traefik.io/gateway-controller": _COPIES_NOTHING,  # Traefik 3.6
        "konghq.com/kic-gateway-controller": _COPIES_NOTHING,  # Kong 3.4
        "gateway.k8s.aws/alb": _COPIES_NOTHING,  # AWS Load Balancer Controller 3.0
    }
)


def features_of(controller: str) -> Features:
    """What a controller can, by the name that it has in a GatewayClass; unknown ones get the least."""
    return KNOWN.get(controller, UNKNOWN)
