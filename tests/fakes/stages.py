"""A backend on fakes that is given its stages by hand, with somebody who plays pods and gateway."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from tests.fakes import kserve
from tests.fakes.builders import revision, runtime_object
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.api.parse import parse_model_deployment, parse_model_runtime
from lockgate.api.shares import Role
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.domain.observed import Applied, Observed
from lockgate.domain.plan import Stage, Track
from lockgate.domain.release import release_of
from lockgate.domain.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_DEPLOYMENT, SERVICE, Object, Resource
from lockgate.domain.split import TrafficSplit
from lockgate.gateways.known import Features
from lockgate.gateways.offered import Gateway
from lockgate.plan.reach import within_reach

RUNTIME = parse_model_runtime(runtime_object())
CONTROLLER = "example.com/gateway"
PUBLIC = Gateway(
    name="public",
    namespace="gateways",
    gateway="public",
    section="https",
    hostname="{name}.{namespace}.models.example.com",
    controller=CONTROLLER,
    features=Features(mirror=True, percent_mirror=True),
)
SIZE = 4


class Hands:
    """One ModelDeployment with a gateway; nothing happens unless a test lets it."""

    def __init__(self, **spec: Any) -> None:
        self.rig = Rig()
        self.cluster = self.rig.cluster
        self.rig.create(**{"replicas": SIZE, "traffic": {"gateway": "public"}} | spec)
        self.backend = self.rig.backend(gateways={"public": PUBLIC})
        self.served: dict[str, int] = {}
        """The weights by which the gateway sends requests."""

    def restart(self) -> None:
        """Another process, which remembers nothing."""
        self.backend = self.rig.backend(gateways={"public": PUBLIC})

    @property
    def deployment(self) -> ModelDeployment:
        """The resource as the next pass reads it."""
        return parse_model_deployment(self.cluster.objects[MODEL_DEPLOYMENT, KEY])

    def release(self, number: int) -> Revision:
        """What a version is with today's runtime and spec."""
        return release_of(self.deployment, revision(number), RUNTIME)

    def workload(self, number: int) -> str:
        """The name of a workload of its own."""
        return f"churn-{self.release(number).release}"

    def track(self, number: int, replicas: int, *, home: bool = False) -> Track:
        """A track of a version, in a workload of its own or in the one of the ModelDeployment's name."""
        name = "churn" if home else self.workload(number)
        release = self.release(number)
        return Track(role=Role.STABLE, release=release, workload=name, replicas=replicas)

    async def observe(self) -> Observed:
        """What a pass would see."""
        observed, failure = await self.backend.observe(self.deployment)
        assert failure is None
        return observed

    async def turn(self, ideal: Stage) -> Applied:
        """One pass: what is within reach of the stage is written."""
        stage = within_reach(ideal, await self.observe(), self.deployment.replicas)
        return await self.backend.realise(self.deployment, stage, RUNTIME)

    async def settle(self, ideal: Stage, turns: int = 12) -> None:
        """Passes, pods and gateway, until nothing is written any more, whatever has been said meanwhile."""
        quiet = 0
        for _ in range(turns):
            quiet = 0 if (await self.turn(ideal)).changed else quiet + 1
            self.bring_up()
            self.accept()
            if quiet == 2:
                return
        raise AssertionError(f"still writing: {self.cluster.writes[-8:]}")

    def bring_up(self) -> None:
        """The pods of every workload that its controller has not brought out yet become available."""
        kserve.act(self.cluster)
        for resource, key in [place for place in self.cluster.objects if place[0] is DEPLOYMENT]:
            found = self.cluster.objects[resource, key]
            if (found.get("status") or {}).get("observedGeneration") != found["metadata"]["generation"]:
                self.cluster.roll(key, ready_pod)

    def accept(self, **changes: str) -> None:
        """The gateway says of the route that it is served; `Accepted="no such listener"` that it is not."""
        route = deepcopy(self.cluster.objects.get((HTTP_ROUTE, KEY)))
        if route is None:
            self.served = {}
            return
        route["status"] = {"parents": [said(route["spec"]["parentRefs"][0], route, **changes)]}
        self.served = dict(self.weights())
        self.cluster.put(HTTP_ROUTE, route)

    def named(self, resource: Resource) -> dict[str, Object]:
        """Objects of a kind by their names."""
        return {key[1]: obj for (kind, key), obj in self.cluster.objects.items() if kind is resource}

    def selectors(self) -> dict[str, str | None]:
        """The workload that each Service is for; None for one of all."""
        return {
            name: service["spec"]["selector"].get("lockgate.dev/workload")
            for name, service in self.named(SERVICE).items()
        }

    def route(self) -> Object:
        """The HTTPRoute."""
        return self.cluster.objects[HTTP_ROUTE, KEY]

    def weights(self) -> list[tuple[str, int]]:
        """The backends of the main rule with their weights."""
        rules = self.route()["spec"]["rules"]
        return [(each["name"], each.get("weight", 1)) for each in rules[-1]["backendRefs"]] if rules else []

    def edit(self, resource: Resource, change: Callable[[Object], Any], name: str = "churn") -> None:
        """Somebody else changes an object."""
        found = deepcopy(self.cluster.objects[resource, (KEY[0], name)])
        change(found)
        self.cluster.put(resource, found)


def said(parent: Object, route: Object, generation: int | None = None, **changes: str) -> Object:
    """What a gateway's controller says of a route; a change is the message of what it says no to."""
    observed = route["metadata"]["generation"] if generation is None else generation
    return {
        "parentRef": parent,
        "controllerName": CONTROLLER,
        "conditions": [
            {
                "type": type_,
                "status": "False" if type_ in changes else "True",
                "reason": "Other" if type_ in changes else type_,
                "message": changes.get(type_, ""),
                "observedGeneration": observed,
            }
            for type_ in ("Accepted", "ResolvedRefs")
        ],
    }


def split(*weights: tuple[str, int], **special: Any) -> TrafficSplit:
    """A split by weights in their order."""
    return TrafficSplit(weights=weights, **special)


def only(track: Track, **more: Any) -> Stage:
    """A release alone, whole, with all the traffic."""
    return Stage(tracks=(replace(track, replicas=SIZE),), split=split((track.workload, 100)), **more)
