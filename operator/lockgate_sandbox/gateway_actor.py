"""A stand-in for a Gateway API controller in worlds that have none: it says what a gateway accepts.

For gateways of its class, and routes that name one, it writes the conditions a controller writes, after
a delay, and truly or not, as the test chooses. It goes through the real API server with the rights that
a controller has. It proves nothing about traffic: no address answers, no request is routed, listeners,
hostnames and filters are not looked at, and a gateway that goes takes back nothing. What depends on
those belongs on a cluster world.
"""

from __future__ import annotations

import datetime
import http.client
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

from lockgate_sandbox.acting import Acting
from lockgate_sandbox.api import ApiError, Json
from lockgate_sandbox.gateway_fates import Accepts, Fate, Verdict, conditions, verdicts
from lockgate_sandbox.running import RunningWorld

GATEWAY_CLASS = "stand-in"
CONTROLLER = "lockgate.dev/gateway-actor"
ADDRESS = "192.0.2.20"  # reserved for documentation, and so never answers
_GROUP = "gateway.networking.k8s.io"
_API = f"/apis/{_GROUP}/v1"
_USER = "lockgate:gateway-actor"
_LOOK_AGAIN_SECONDS = 0.2

Behaviour = Callable[[Json], Fate]


def everything_is_accepted(_object: Json) -> Fate:
    """The default behaviour."""
    return Accepts()


class GatewayActor:
    """One gateway controller without a data plane. A context manager with threads of its own."""

    def __init__(
        self, kubeconfig: Path, behaviour: Behaviour = everything_is_accepted, delay: float = 0.05
    ) -> None:
        """Act with the rights of `kubeconfig`, `delay` seconds after each cause.

        `behaviour` decides the fate of each Gateway and each HTTPRoute from its dict, and is asked anew
        at every generation; replace it any time.
        """
        self.behaviour = behaviour
        self.delay = delay
        self._acting = Acting(kubeconfig)
        self._acting.watch(f"{_API}/gateways", self._see_gateway)
        self._acting.watch(f"{_API}/httproutes", self._see_route)
        self._gateways: dict[tuple[str, str], Json] = {}
        self._routes: dict[str, Json] = {}
        self._rounds: Counter[str] = Counter()

    @classmethod
    def on(
        cls, world: RunningWorld, behaviour: Behaviour = everything_is_accepted, delay: float = 0.05
    ) -> Self:
        """An actor for a world of the sandbox, which it gives the Gateway API and a class of gateways."""
        world.add("gateway_api")
        world.apply(*_rights(), _gateway_class())
        return cls(world.kubeconfig_for(_USER), behaviour, delay)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Take the class of gateways in charge, and begin to act."""
        self._acting.soon(self._accept_class)
        self._acting.start()

    def stop(self) -> None:
        """Stop acting; what was said stays said."""
        self._acting.stop()

    def reconsider(self) -> None:
        """Ask `behaviour` again about everything, as when a gateway's configuration has changed."""
        self._acting.soon(self._decide_all_anew)

    def _accept_class(self) -> None:
        path = f"{_API}/gatewayclasses/{GATEWAY_CLASS}"
        generation = self._acting.client.get(path)["metadata"]["generation"]
        (accepted, _) = conditions(Verdict(generation), "Programmed", _now())
        self._acting.client.merge(f"{path}/status", {"status": {"conditions": [accepted]}})

    def _see_gateway(self, event: Json) -> None:
        gateway, gone = event["object"], event["type"] == "DELETED"
        key = (gateway["metadata"]["namespace"], gateway["metadata"]["name"])
        known = self._gateways.pop(key, None)
        if gone or gateway["spec"]["gatewayClassName"] != GATEWAY_CLASS:
            return
        self._gateways[key] = gateway
        if _generation(known) != _generation(gateway):
            self._decide_gateway(gateway)
        if known is None:
            for route in self._routes.values():
                if key in map(partial(_gateway_named_by, route), self._parents(route)):
                    self._decide_route(route)

    def _see_route(self, event: Json) -> None:
        route, gone = event["object"], event["type"] == "DELETED"
        uid = route["metadata"]["uid"]
        known = self._routes.pop(uid, None)
        if gone:
            return
        self._routes[uid] = route
        if _generation(known) != _generation(route):
            self._decide_route(route)

    def _decide_all_anew(self) -> None:
        for gateway in self._gateways.values():
            self._decide_gateway(gateway)
        for route in self._routes.values():
            self._decide_route(route)

    def _decide_gateway(self, gateway: Json) -> None:
        self._decide(gateway, self.behaviour(gateway), partial(self._tell_gateway, gateway))

    def _decide_route(self, route: Json) -> None:
        if not self._parents(route):
            return
        fate = self.behaviour(route)
        tell = self._tell_truly if isinstance(fate, Accepts) else self._tell_route
        self._decide(route, fate, partial(tell, route))

    def _decide(self, about: Json, fate: Fate, tell: Callable[[Verdict], None]) -> None:
        uid = about["metadata"]["uid"]
        self._rounds[uid] += 1
        for position, verdict in enumerate(verdicts(fate, _generation(about)), start=1):
            self._later(position * self.delay, uid, partial(tell, verdict))

    def _later(self, seconds: float, uid: str, tell: Callable[[], None]) -> None:
        self._acting.later(seconds, partial(self._unless_outdated, uid, self._rounds[uid], tell))

    def _unless_outdated(self, uid: str, decided: int, tell: Callable[[], None]) -> None:
        if decided == self._rounds[uid]:
            tell()

    def _tell_gateway(self, gateway: Json, verdict: Verdict) -> None:
        def status(found: Json) -> Json:
            before = found.get("status", {}).get("conditions", [])
            told = conditions(verdict, "Programmed", _now(), before)
            programmed = all(condition["status"] == "True" for condition in told)
            addresses = [{"type": "IPAddress", "value": ADDRESS}] if programmed else []
            return {"conditions": told, "addresses": addresses}

        self._write(gateway, "gateways", status)

    def _tell_truly(self, route: Json, verdict: Verdict) -> None:
        told = verdict
        if missing := self._missing_backend(route):
            told = replace(verdict, unresolved=("BackendNotFound", f"the Service {missing} is not there"))
            again = partial(self._tell_truly, route, verdict)
            self._later(_LOOK_AGAIN_SECONDS, route["metadata"]["uid"], again)
        self._tell_route(route, told)

    def _tell_route(self, route: Json, verdict: Verdict) -> None:
        ours = self._parents(route)

        def status(found: Json) -> Json:
            known = found.get("status", {}).get("parents", [])
            before = {str(parent["parentRef"]): parent["conditions"] for parent in _said_by_us(known)}
            told = [
                {
                    "parentRef": parent,
                    "controllerName": CONTROLLER,
                    "conditions": conditions(verdict, "ResolvedRefs", _now(), before.get(str(parent), ())),
                }
                for parent in ours
            ]
            # Several controllers may speak of one route, each for itself.
            return {"parents": [parent for parent in known if parent not in _said_by_us(known)] + told}

        self._write(route, "httproutes", status)

    def _write(self, about: Json, resource: str, status: Callable[[Json], Json]) -> None:
        metadata = about["metadata"]
        path = f"{_API}/namespaces/{metadata['namespace']}/{resource}/{metadata['name']}"
        found = self._acting.client.get(path)
        told = status(found)
        if {name: found.get("status", {}).get(name) for name in told} == told:
            return
        basis = {"uid": metadata["uid"], "resourceVersion": found["metadata"]["resourceVersion"]}
        try:
            self._acting.client.merge(f"{path}/status", {"metadata": basis, "status": told})
        except ApiError as error:
            if error.status != http.client.CONFLICT or found["metadata"]["uid"] != metadata["uid"]:
                raise
            self._write(about, resource, status)

    def _parents(self, route: Json) -> list[Json]:
        """The parents of a route that are gateways of ours."""
        return [
            parent
            for parent in route["spec"].get("parentRefs", [])
            if _gateway_named_by(route, parent) in self._gateways
        ]

    def _missing_backend(self, route: Json) -> str | None:
        here = route["metadata"]["namespace"]
        for rule in route["spec"].get("rules", []):
            for backend in rule.get("backendRefs", []):
                path = f"/api/v1/namespaces/{backend.get('namespace', here)}/services/{backend['name']}"
                try:
                    self._acting.client.get(path)
                except ApiError as error:
                    if error.status != http.client.NOT_FOUND:
                        raise
                    return str(backend["name"])
        return None


def _gateway_named_by(route: Json, parent: Json) -> tuple[str, str] | None:
    if (parent.get("group", _GROUP), parent.get("kind", "Gateway")) != (_GROUP, "Gateway"):
        return None
    return parent.get("namespace", route["metadata"]["namespace"]), parent["name"]


def _said_by_us(parents: list[Json]) -> list[Json]:
    return [parent for parent in parents if parent["controllerName"] == CONTROLLER]


def _generation(found: Json | None) -> int:
    return int(found["metadata"]["generation"]) if found else 0


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _gateway_class() -> Json:
    metadata, spec = {"name": GATEWAY_CLASS}, {"controllerName": CONTROLLER}
    return {"apiVersion": f"{_GROUP}/v1", "kind": "GatewayClass", "metadata": metadata, "spec": spec}


def _rights() -> tuple[Json, Json]:
    api, name = "rbac.authorization.k8s.io", "lockgate-gateway-actor"
    kinds = ("gatewayclasses", "gateways", "httproutes")
    rules = [
        {"apiGroups": [_GROUP], "resources": list(kinds), "verbs": ["get", "list", "watch"]},
        {"apiGroups": [_GROUP], "resources": [f"{kind}/status" for kind in kinds], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["services"], "verbs": ["get"]},
    ]
    role = {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    binding = {
        "apiVersion": f"{api}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": api, "kind": "User", "name": _USER}],
    }
    return role, binding
