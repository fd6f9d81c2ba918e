"""A whole reconcile on fakes, in stepped time; every status it writes must satisfy kstatus."""

from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from tests.fakes.builders import PODS, T0, deployment_object, runtime_object, version
from tests.fakes.cluster import FakeCluster, ready_pod
from tests.fakes.kstatus import check_kstatus
from tests.fakes.registry import FakeRegistry

from lockgate.apply.applier import Applier
from lockgate.domain.resources import MODEL_DEPLOYMENT, MODEL_RUNTIME, Key, Object
from lockgate.observe.observer import Observer
from lockgate.reconciler import PassResult, Reconciler
from lockgate.report.writer import Writer
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.resolver import Resolver
from lockgate.telemetry.metrics import Metrics
from lockgate.watch.store import Store

KEY: Key = ("growth", "churn")


class Rig:
    """One ModelDeployment `growth/churn` on fakes."""

    def __init__(self) -> None:
        self.now: datetime = T0
        self.store = Store()
        self.cluster = FakeCluster(self.store)
        self.registry = FakeRegistry()
        self.metrics = Metrics(CollectorRegistry())
        self.lookups = Lookups(self.registry, self.metrics)
        self.followers = Followers()
        self.reconciler = Reconciler(
            view=self.store,
            resolver=Resolver(self.lookups, self.followers),
            observer=Observer(self.store),
            applier=Applier(self.cluster, self.store, lambda: self.now),
            writer=Writer(self.cluster, self.store, instance="test", clock=lambda: self.now),
            telemetry=self.metrics,
            pods=PODS,
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

    async def look(self) -> PassResult:
        """One pass."""
        result = await self.reconciler.reconcile(KEY)
        if self.status:
            check_kstatus(self.cluster.objects[MODEL_DEPLOYMENT, KEY])
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
        await self.lookups.poll(self.followers.references())

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
        return generate_latest(self.metrics.registry).decode()

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)

    @property
    def status(self) -> Object:
        """The status as the cluster holds it."""
        status: Object = self.cluster.objects[MODEL_DEPLOYMENT, KEY].get("status") or {}
        return status

    def condition(self, type_: str) -> Object | None:
        """A condition of the status."""
        return next((c for c in self.status.get("conditions", []) if c["type"] == type_), None)

    def verdict(self, type_: str) -> tuple[str, str]:
        """Status and reason of a condition that must be there."""
        condition = self.condition(type_)
        assert condition is not None, f"{type_} is absent: {self.status}"
        return condition["status"], condition["reason"]
