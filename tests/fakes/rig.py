"""A whole reconcile on fakes, in stepped time; every status it writes must satisfy kstatus."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from tests.fakes.builders import PODS, T0, deployment_object, runtime_object, version
from tests.fakes.cluster import FakeCluster, ready_pod
from tests.fakes.kstatus import check_kstatus
from tests.fakes.registry import FakeRegistry

from lockgate.apply.applier import Applier
from lockgate.apply.ledger import Ledger
from lockgate.backends.deployment.backend import DeploymentBackend
from lockgate.backends.deployment.observer import Observer
from lockgate.backends.deployment.templates import Templates
from lockgate.backends.settings import PodSettings
from lockgate.catalog import Catalog
from lockgate.domain.resources import MODEL_DEPLOYMENT, MODEL_RUNTIME, Key, Object, Resource
from lockgate.errors import Unanswered
from lockgate.gateways.offered import NO_GATEWAYS, Gateway
from lockgate.observe.measurements import Measurements
from lockgate.reconciler import PassResult, Reconciler
from lockgate.report.outbox import Outbox
from lockgate.report.writer import Writer
from lockgate.resolve.edits import RuntimeEdits
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.quarantine import Quarantine, Scope
from lockgate.resolve.resolver import Resolver
from lockgate.resolve.sources import Sources
from lockgate.telemetry.metrics import Metrics
from lockgate.watch.store import Store

KEY: Key = ("growth", "churn")


class FakeSight:
    """Every kind is there and seen, unless a test says otherwise."""

    def __init__(self) -> None:
        self.unseen: set[Resource] = set()
        self.absent: set[Resource] = set()

    def sees(self, resource: Resource, namespace: str) -> bool:
        return resource not in self.unseen | self.absent

    def lacks(self, resource: Resource) -> bool:
        return resource in self.absent


class Rig:
    """One ModelDeployment `growth/churn` on fakes."""

    def __init__(self, quarantine: Scope = Scope.NAMESPACE) -> None:
        self.now: datetime = T0
        self.monotonic = 1000.0
        self.sight = FakeSight()
        self.offered = ("kserve",)
        self.store = Store()
        self.cluster = FakeCluster(self.store)
        self.registry = FakeRegistry()
        self.metrics = Metrics(CollectorRegistry())
        self.followers = Followers()
        self.woken = asyncio.Event()
        self.lookups = Lookups(self.registry, self.metrics, self.followers, lambda _: self.woken.set())
        self.quarantine = Quarantine(self.store, quarantine)
        self.edits = RuntimeEdits(self.store, lambda _: self.woken.set(), share=0.1)
        self.outbox = Outbox(self.cluster, self.metrics, instance="test", clock=lambda: self.now)
        self.reconciler = Reconciler(
            view=self.store,
            catalog=Catalog(self.store),
            resolver=Resolver(
                Sources({"default": self.lookups}), self.followers, self.edits, self.quarantine
            ),
            edits=self.edits,
            backend=self.backend(),
            measurements=Measurements(None, False),
            writer=Writer(self.cluster, self.store, self.outbox),
            telemetry=self.metrics,
            clock=lambda: self.now,
        )
        self.cluster.put(MODEL_RUNTIME, runtime_object())

    def create(self, **spec: Any) -> None:
        """Create or replace the ModelDeployment."""
        known = self.cluster.objects.get((MODEL_DEPLOYMENT, KEY))
        obj = deployment_object(**spec)
        if known is not None:
            obj["metadata"] = {**known["metadata"]}
            obj["status"] = known.get("status", {})
        self.cluster.put(MODEL_DEPLOYMENT, obj)

    async def look(self, key: Key = KEY) -> PassResult:
        """One pass, and those that the registry's answers to its questions wake."""
        self.woken.clear()
        result = await self.reconciler.reconcile(key)
        while isinstance(result.failure, Unanswered):
            await asyncio.wait_for(self.woken.wait(), timeout=10)
            self.woken.clear()
            result = await self.reconciler.reconcile(key)
        await self.outbox.catch_up(within=10)
        if self.status_of(key):
            check_kstatus(self.cluster.objects[MODEL_DEPLOYMENT, key])
        return result

    async def settle(self, passes: int = 6) -> PassResult:
        """Passes until one writes nothing."""
        for _ in range(passes):
            before = len(self.cluster.writes)
            result = await self.look()
            if len(self.cluster.writes) == before:
                return result
        raise AssertionError(f"still writing after {passes} passes: {self.cluster.writes[-6:]}")

    async def poll(self) -> None:
        """One poll of the registry."""
        await self.lookups.poll()

    async def serve(self, number: int) -> None:
        """Bring `number` all the way out through the alias."""
        self.registry.point("production", version(number))
        await self.poll()
        await self.settle()
        self.cluster.roll(KEY, ready_pod)
        await self.settle()
        assert self.status["stable"]["version"] == f"v{number}"

    def metrics_page(self) -> str:
        """What a scrape would read."""
        return self.metrics.page().decode()

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)
        self.monotonic += timedelta(**duration).total_seconds()

    def jump(self, **duration: float) -> None:
        """Let the wall clock jump, while no time passes."""
        self.now += timedelta(**duration)

    def restart(self) -> None:
        """Begin anew as another process, which remembers nothing."""
        self.reconciler = replace(self.reconciler, backend=self.backend())

    def backend(
        self, pods: PodSettings = PODS, gateways: Mapping[str, Gateway] = NO_GATEWAYS
    ) -> DeploymentBackend:
        """A backend that remembers nothing."""
        ledger = Ledger(self.cluster)
        return DeploymentBackend(
            Observer(
                self.store,
                self.cluster,
                self.sight,
                gateways,
                clock=lambda: self.now,
                monotonic=lambda: self.monotonic,
            ),
            Applier(self.cluster, self.store, lambda: self.monotonic),
            ledger,
            Templates(ledger, self.store, self.cluster, pods),
            self.store,
            self.sight,
            gateways,
            self.offered,
        )

    @property
    def status(self) -> Object:
        """The status as the cluster holds it."""
        return self.status_of(KEY)

    def status_of(self, key: Key) -> Object:
        """That of another ModelDeployment."""
        status: Object = self.cluster.objects[MODEL_DEPLOYMENT, key].get("status") or {}
        return status

    def condition(self, type_: str) -> Object | None:
        """A condition of the status."""
        return next((c for c in self.status.get("conditions", []) if c["type"] == type_), None)

    def verdict(self, type_: str) -> tuple[str, str]:
        """Status and reason of a condition that must be there."""
        condition = self.condition(type_)
        assert condition is not None, f"{type_} is absent: {self.status}"
        return condition["status"], condition["reason"]
