"""A gateway of the world: what each of them is told by, and what all of them are given.

One Gateway for routes of all namespaces, plain HTTP on port 80. Which controller acts on it, and how that
gets into the world, is the business of its part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockgate_sandbox import objects
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.part import Handle

Json = dict[str, Any]
NAMESPACE = "lockgate-gateways"
PORT = 80
API = "gateway.networking.k8s.io/v1"
_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Gateway(Handle):
    """A gateway: `url` for this machine, `inner_url` for who runs in the world.

    A route names it as `namespace`/`name`; `class_name` is that of its class, `controller` who acts on it.
    """

    inner_url: str
    namespace: str
    name: str
    class_name: str
    controller: str

    @property
    def parent(self) -> Json:
        """It as an entry of the parentRefs of a route."""
        return {"namespace": self.namespace, "name": self.name}


def gateway_class(name: str, controller: str, **more: Any) -> Json:
    """The class whose Gateways a controller acts on."""
    spec = {"controllerName": controller, **more}
    return {"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": name}, "spec": spec}


def open_gateway(
    world: ClusterWorld, name: str, of: Json, *beside: Json, service: tuple[str, str]
) -> Gateway:
    """Make the Gateway of that name and class, with objects `beside` it; returns when it is programmed.

    `service` is the namespace and name of the one behind which its proxy is.
    """
    listener = {
        "name": "http",
        "protocol": "HTTP",
        "port": PORT,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    class_name = of["metadata"]["name"]
    spec = {"gatewayClassName": class_name, "listeners": [listener]}
    asked = objects.named(API, "Gateway", name, NAMESPACE, spec=spec)
    world.apply(objects.namespace(NAMESPACE), *beside, of, asked)
    told = ("gateway", name, f"-n={NAMESPACE}")
    wait = ("wait", "--for=condition=Programmed", f"--timeout={_SECONDS}s")
    world.kubectl(*wait, *told, timeout=_SECONDS + 10)
    address = world.kubectl("get", *told, "-o=jsonpath={.status.addresses[0].value}").stdout
    return Gateway(
        world=world,
        url=world.forward(*service, PORT),
        inner_url=f"http://{address}:{PORT}",
        namespace=NAMESPACE,
        name=name,
        class_name=class_name,
        controller=of["spec"]["controllerName"],
    )
