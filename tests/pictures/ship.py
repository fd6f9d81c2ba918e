"""One ModelDeployment of a play: the real reconciler on fakes in stepped time, and who acts around it.

Pods come up and the gateway takes routes over with some delay, as in a cluster; requests go where the
gateway sends them, and what the servers count is what analyses judge.
"""

import asyncio
import random
import zlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.builders import deployment_object, version
from tests.fakes.cluster import corrupt_pod, ready_pod
from tests.fakes.rig import Rig
from tests.fakes.stages import PUBLIC, said
from tests.pictures.servers import Analyst, Manner, Server

from lockgate.backends.deployment.service import workload_behind
from lockgate.domain.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_DEPLOYMENT, Key, Object, Resource
from lockgate.errors import RegistryUnavailable
from lockgate.names import ANNOTATION_REQUEST, ANNOTATION_VERSION, LABEL_RELEASE
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.quarantine import Quarantine, Scope
from lockgate.resolve.resolver import Resolver
from lockgate.resolve.sources import Sources
from lockgate.telemetry.metrics import Metrics

POLL = timedelta(seconds=30)
PODS_TAKE = timedelta(seconds=25)
GATEWAY_TAKES = timedelta(seconds=5)
RESYNC = timedelta(minutes=10)
MOST_PASSES = 6


class Ship(Rig):
    """One ModelDeployment with a key of its own, whose telemetry is the fleet's."""

    def __init__(
        self,
        key: Key,
        metrics: Metrics,
        now: datetime,
        *,
        rate: float = 4.0,
        manners: Mapping[int, Manner] | None = None,
        first: int = 1,
        follows: str = "",
        **spec: Any,
    ) -> None:
        super().__init__()
        self.key, self.now, self.rate = key, now, rate
        self.metrics = metrics
        self.chance = random.Random(zlib.crc32("/".join(key).encode()))
        self.manners = manners or {}
        self.follows = follows or key[1]
        self.servers: dict[str, Server] = {}
        self.corrupt: set[str] = set()
        """Versions of which the pods get wrong bytes."""
        self._spec = {"replicas": 3, "traffic": {"gateway": "public"}, **spec}
        self._wake: datetime | None = now
        self._polled = self._seen = now
        self._since: dict[tuple[Resource, Key, int], datetime] = {}
        self.lookups = Lookups(self.registry, metrics, self.followers, lambda _: self.woken.set())
        analyst: Any = Analyst(self.servers, metrics.prometheus_answered, self.chance)
        self.reconciler = replace(
            self.reconciler,
            resolver=Resolver(
                Sources({"default": self.lookups}),
                self.followers,
                self.edits,
                Quarantine(self.store, Scope.NAMESPACE),
            ),
            backend=self.backend(gateways={"public": PUBLIC}),
            measurements=analyst,
            telemetry=metrics,
        )
        self.change()
        self.point(first)

    def change(self, **spec: Any) -> None:
        """The author writes the spec, anew or with other fields."""
        self._spec |= spec
        collection = {"registry": "model", "collection": self.follows, "alias": "production"}
        raw = deployment_object(namespace=self.key[0], name=self.key[1], model=collection, **self._spec)
        known = self.cluster.objects.get((MODEL_DEPLOYMENT, self.key))
        if known is not None:
            raw["metadata"] = {**known["metadata"]}
            raw["status"] = known.get("status", {})
        self.cluster.put(MODEL_DEPLOYMENT, raw)
        self._wake = self.now

    def point(self, number: int) -> None:
        """The alias moves."""
        uri = f"wandb://acme-org/wandb-registry-model/{self.follows}:v{number}"
        self.registry.point("production", version(number, uri=uri))

    def ask(self, text: str) -> None:
        """A person asks for something; {release} stands for the candidate's."""
        obj: Object = self.cluster.objects[MODEL_DEPLOYMENT, self.key]
        text = text.format(release=(obj["status"].get("candidate") or {}).get("release"))
        annotations = {**obj["metadata"].get("annotations", {}), ANNOTATION_REQUEST: text}
        self.cluster.put(
            MODEL_DEPLOYMENT, {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}
        )
        self._wake = self.now

    def lose_registry(self, lost: bool) -> None:
        """The registry answers nothing any more, or answers again."""
        self.registry.down = RegistryUnavailable("it does not answer") if lost else None

    async def tick(self, now: datetime) -> int:
        """All that happens until then; returns the number of passes."""
        self.monotonic += (now - self.now).total_seconds()
        self.now = now
        self._answer()
        self._act()
        if now - self._polled >= POLL:
            self._polled = now
            self.woken.clear()
            await self.poll()
            await self._heard()
            if self.woken.is_set():
                self._wake = now
        passes = 0
        while passes < MOST_PASSES and self._wake is not None and self._wake <= now:
            result = await self.look(self.key)
            outcome = "Succeeded" if result.failure is None else result.failure.reason.value
            self.metrics.pass_ended(self.key, outcome, self.chance.lognormvariate(-4.6, 0.6))
            self._wake = result.wake or now + RESYNC
            self._act()
            passes += 1
            await self._heard()
        return passes

    async def _heard(self) -> None:
        """The registry is asked in real time, of which the play has none."""
        while self.lookups._tasks or self.lookups._inspections._running:
            await asyncio.sleep(0.001)

    def _act(self) -> None:
        """Pods come up and the gateway speaks, each some time after what it was asked for."""
        slow = [place for place in self.cluster.objects if place[0] in (DEPLOYMENT, HTTP_ROUTE)]
        for resource, key in slow:
            found = self.cluster.objects[resource, key]
            if resource is DEPLOYMENT and _is_behind(found) and self._is_due(resource, found, PODS_TAKE):
                is_well = _version(found) not in self.corrupt
                self.cluster.roll(key, ready_pod if is_well else corrupt_pod(3), complete=is_well)
                self._wake = self.now
            if (
                resource is HTTP_ROUTE
                and not _is_accepted(found)
                and self._is_due(resource, found, GATEWAY_TAKES)
            ):
                route = deepcopy(found)
                route["status"] = {"parents": [said(route["spec"]["parentRefs"][0], route)]}
                self.cluster.put(HTTP_ROUTE, route)
                self._wake = self.now

    def _is_due(self, resource: Resource, obj: Object, after: timedelta) -> bool:
        metadata = obj["metadata"]
        which = (resource, (metadata["namespace"], metadata["name"]), metadata["generation"])
        return self.now - self._since.setdefault(which, self.now) >= after

    def _answer(self) -> None:
        """Requests go where the gateway sends them."""
        weights = self._weights()
        for release, (number, share) in weights.items():
            if release not in self.servers:
                manner = self.manners.get(number, Manner())
                self.servers[release] = Server(f"v{number}", release, manner, self.chance)
            self.servers[release].answer(self.rate * share, self._seen, self.now)
        for gone in set(self.servers) - set(weights):
            del self.servers[gone]
        self._seen = self.now

    def _weights(self) -> dict[str, tuple[int, float]]:
        """The version and the share of the requests of each release that has pods."""
        route = self.cluster.objects.get((HTTP_ROUTE, self.key))
        running = {
            key[1]: obj["spec"]["template"]["metadata"]
            for (resource, key), obj in self.cluster.objects.items()
            if resource is DEPLOYMENT and (obj.get("status") or {}).get("availableReplicas")
        }
        shares = dict.fromkeys(running, 0.0)
        if route is not None and _is_accepted(route):
            for backend in route["spec"]["rules"][-1]["backendRefs"]:
                name = workload_behind(self.key[1], backend["name"])
                if name in shares:
                    shares[name] = backend["weight"] / 100
        elif len(running) == 1:
            shares = dict.fromkeys(running, 1.0)
        return {
            running[name]["labels"][LABEL_RELEASE]: (
                int(running[name]["annotations"][ANNOTATION_VERSION][1:]),
                share,
            )
            for name, share in shares.items()
        }


def _version(workload: Object) -> str:
    found: str = workload["spec"]["template"]["metadata"]["annotations"][ANNOTATION_VERSION]
    return found


def _is_behind(workload: Object) -> bool:
    told = (workload.get("status") or {}).get("observedGeneration")
    return bool(told != workload["metadata"]["generation"])


def _is_accepted(route: Object) -> bool:
    parents = (route.get("status") or {}).get("parents") or ()
    generation = route["metadata"]["generation"]
    return any(c["observedGeneration"] == generation for each in parents for c in each["conditions"])
