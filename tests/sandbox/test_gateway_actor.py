"""The stand-in for a gateway, on a real API server that has the Gateway API from its own module."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.waiting import wait_until

from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.gateway_actor import ADDRESS, CONTROLLER, GATEWAY_CLASS, GatewayActor
from lockgate_sandbox.gateway_fates import Accepts, Fate, Refuses, RefusesRef, Silent, StaysBehind, TakesBack
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration
Json = dict[str, Any]
API = "/apis/gateway.networking.k8s.io/v1"
GROUP = "gateway.networking.k8s.io/v1"


@pytest.fixture
def client(control_plane: RunningWorld) -> Iterator[ApiClient]:
    with ApiClient(control_plane.kubeconfig) as connected:
        yield connected


@pytest.fixture
def actor(control_plane: RunningWorld) -> Iterator[GatewayActor]:
    with GatewayActor.on(control_plane, behaviour=by_label, delay=0.02) as acting:
        yield acting


FATES: dict[str, Fate] = {
    "silent": Silent(),
    "refused": Refuses(),
    "ref-refused": RefusesRef(),
    "behind": StaysBehind(),
    "taken-back": TakesBack(),
}


def by_label(found: Json) -> Fate:
    return FATES.get(found["metadata"].get("labels", {}).get("fate", ""), Accepts())


class Place:
    """A namespace with a Service and a Gateway, and what a test does in it."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        self.service("stable")
        self.gateway("public")

    def path(self, resource: str, name: str = "") -> str:
        root = "/api/v1" if resource == "services" else API
        return f"{root}/namespaces/{self.namespace}/{resource}" + (f"/{name}" if name else "")

    def service(self, name: str) -> None:
        self.client.post(
            self.path("services"), {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        )

    def gateway(self, name: str, fate: str = "", gateway_class: str = GATEWAY_CLASS) -> None:
        listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
        spec = {"gatewayClassName": gateway_class, "listeners": listeners}
        self._make("Gateway", "gateways", name, fate, spec)

    def route(
        self, name: str, fate: str = "", backend: str = "stable", parents: tuple[str, ...] = ("public",)
    ) -> Json:
        rules = [{"backendRefs": [{"name": backend, "port": 80}]}]
        spec = {"parentRefs": [{"name": parent} for parent in parents], "rules": rules}
        return self._make("HTTPRoute", "httproutes", name, fate, spec)

    def _make(self, kind: str, resource: str, name: str, fate: str, spec: Json) -> Json:
        metadata = {"name": name, "labels": {"fate": fate}}
        body = {"apiVersion": GROUP, "kind": kind, "metadata": metadata, "spec": spec}
        return self.client.post(self.path(resource), body)

    def said(self, route: str) -> dict[str, tuple[str, str, int]]:
        """Status, reason and generation by type, as our controller has it in the status of a route."""
        return said(self.client.get(self.path("httproutes", route)))

    def wait_said(self, route: str, **wanted: tuple[str, str, int]) -> None:
        def holds() -> bool:
            return self.said(route) == wanted

        wait_until(f"{route} has {wanted}", holds, tell=lambda: str(self.said(route)))


@pytest.fixture
def place(actor: GatewayActor, client: ApiClient, namespace: str) -> Place:
    return Place(client, namespace)


def said(route: Json) -> dict[str, tuple[str, str, int]]:
    return {
        condition["type"]: (condition["status"], condition["reason"], condition["observedGeneration"])
        for parent in route.get("status", {}).get("parents", [])
        if parent["controllerName"] == CONTROLLER
        for condition in parent["conditions"]
    }


def yes(kind: str, generation: int = 1) -> tuple[str, str, int]:
    return "True", kind, generation


def test_a_gateway_is_programmed_with_an_address_and_a_route_follows_its_generation(place: Place) -> None:
    place.route("churn")
    place.wait_said("churn", Accepted=yes("Accepted"), ResolvedRefs=yes("ResolvedRefs"))
    place.client.merge(place.path("httproutes", "churn"), {"spec": {"hostnames": ["churn.example"]}})
    place.wait_said("churn", Accepted=yes("Accepted", 2), ResolvedRefs=yes("ResolvedRefs", 2))

    def programmed() -> bool:
        status = place.client.get(place.path("gateways", "public"))["status"]
        held = {condition["type"]: condition["status"] for condition in status["conditions"]}
        return held == {"Accepted": "True", "Programmed": "True"} and status["addresses"] == [
            {"type": "IPAddress", "value": ADDRESS}
        ]

    wait_until("the gateway is programmed", programmed)
    (accepted,) = place.client.get(f"{API}/gatewayclasses/{GATEWAY_CLASS}")["status"]["conditions"]
    assert accepted["type"] == "Accepted"
    assert accepted["status"] == "True"


def test_a_backend_that_is_not_there_is_told_until_it_is(place: Place) -> None:
    place.route("churn", backend="candidate")
    missing = ("False", "BackendNotFound", 1)
    place.wait_said("churn", Accepted=yes("Accepted"), ResolvedRefs=missing)
    place.service("candidate")
    place.wait_said("churn", Accepted=yes("Accepted"), ResolvedRefs=yes("ResolvedRefs"))


def test_a_route_that_is_refused_and_a_reference_that_is_refused_are_told_apart(place: Place) -> None:
    place.route("one", fate="refused")
    place.route("two", fate="ref-refused")
    refused = ("False", "NotAllowedByListeners", 1)
    place.wait_said("one", Accepted=refused, ResolvedRefs=yes("ResolvedRefs"))
    place.wait_said("two", Accepted=yes("Accepted"), ResolvedRefs=("False", "BackendNotFound", 1))


def test_a_route_of_which_nobody_speaks_stays_without_a_word_while_others_are_accepted(place: Place) -> None:
    place.route("one", fate="silent")
    place.route("two")
    place.wait_said("two", Accepted=yes("Accepted"), ResolvedRefs=yes("ResolvedRefs"))
    assert place.said("one") == {}


def test_an_old_generation_may_be_accepted_though_a_newer_one_is_there(place: Place) -> None:
    place.route("churn", fate="refused")
    refused = ("False", "NotAllowedByListeners", 1)
    place.wait_said("churn", Accepted=refused, ResolvedRefs=yes("ResolvedRefs"))
    change = {"metadata": {"labels": {"fate": "behind"}}, "spec": {"hostnames": ["churn.example"]}}
    changed = place.client.merge(place.path("httproutes", "churn"), change)
    assert changed["metadata"]["generation"] == 2
    place.wait_said("churn", Accepted=yes("Accepted", 1), ResolvedRefs=yes("ResolvedRefs", 1))


def test_what_was_accepted_may_be_taken_back(place: Place) -> None:
    made = place.route("churn", fate="taken-back")
    told: list[str] = []
    with place.client as watching:
        since = {"resourceVersion": made["metadata"]["resourceVersion"]}
        for event in watching.watch(place.path("httproutes"), timeoutSeconds="30", **since):
            if accepted := said(event["object"]).get("Accepted"):
                told.append(accepted[0])
            if "False" in told:
                break
    assert told == ["True", "False"]


def test_it_takes_as_long_as_it_was_told_to(
    actor: GatewayActor, place: Place, control_plane: RunningWorld
) -> None:
    actor.delay = 1.0
    begun = time.monotonic()
    place.route("churn")
    place.wait_said("churn", Accepted=yes("Accepted"), ResolvedRefs=yes("ResolvedRefs"))
    assert time.monotonic() - begun >= actor.delay


def test_a_mind_that_changes_is_told_when_it_is_asked_again(actor: GatewayActor, place: Place) -> None:
    place.route("churn")
    place.wait_said("churn", Accepted=yes("Accepted"), ResolvedRefs=yes("ResolvedRefs"))
    actor.behaviour = lambda _: Refuses(reason="NoMatchingParent")
    actor.reconsider()
    refused = ("False", "NoMatchingParent", 1)
    place.wait_said("churn", Accepted=refused, ResolvedRefs=yes("ResolvedRefs"))


def test_a_route_is_accepted_by_a_gateway_that_comes_after_it(place: Place) -> None:
    place.route("churn", parents=("late",))
    place.gateway("late")
    place.wait_said("churn", Accepted=yes("Accepted"), ResolvedRefs=yes("ResolvedRefs"))


def test_what_others_look_after_and_say_is_left_alone(place: Place) -> None:
    place.gateway("foreign", gateway_class="somebody-elses")
    place.route("theirs", parents=("foreign",))
    made = place.route("shared", fate="silent", parents=("foreign", "public"))
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    foreign = {
        "parentRef": made["spec"]["parentRefs"][0],
        "controllerName": "example.com/other",
        "conditions": [condition],
    }
    path = place.path("httproutes", "shared")
    place.client.merge(f"{path}/status", {"status": {"parents": [foreign]}})
    change = {"metadata": {"labels": {"fate": ""}}, "spec": {"hostnames": ["shared.example"]}}
    place.client.merge(path, change)
    place.wait_said("shared", Accepted=yes("Accepted", 2), ResolvedRefs=yes("ResolvedRefs", 2))
    parents = place.client.get(path)["status"]["parents"]
    assert [parent["controllerName"] for parent in parents] == ["example.com/other", CONTROLLER]
    assert parents[0] == foreign
    assert parents[1]["parentRef"]["name"] == "public"
    assert place.said("theirs") == {}


def test_it_may_say_what_a_controller_says_and_change_nothing_else(
    actor: GatewayActor, place: Place, control_plane: RunningWorld
) -> None:
    place.route("churn")
    with (
        ApiClient(control_plane.kubeconfig_for("lockgate:gateway-actor")) as acting,
        pytest.raises(ApiError, match="403"),
    ):
        acting.merge(place.path("httproutes", "churn"), {"spec": {"hostnames": ["other.example"]}})
