"""A watch as the operator has it (kopf, store, sweeper), against an API server of a test."""

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry
from tests.watch.scripted import ScriptedApiServer

from lockgate.domain.resources import Key, Object, Resource
from lockgate.kube.session import KubeSession
from lockgate.telemetry.metrics import Metrics
from lockgate.watch.handlers import Crossing, Intake, make_registry, make_settings
from lockgate.watch.hearing import Hearing, feeds_of
from lockgate.watch.store import Store
from lockgate.watch.supervisor import WatchSupervisor
from lockgate.watch.sweep import Sweeper
from lockgate.watch.wire import Wire


class Station:
    """What the operator's watch is made of, without what it works for."""

    def __init__(
        self,
        api: ScriptedApiServer,
        namespaces: tuple[str, ...] = (),
        *,
        renewed: float = 1,
        sweep: float = 600,
    ) -> None:
        self.api = api
        self.woken: list[Key] = []
        self.forgotten: list[Key] = []
        self.metrics = Metrics(CollectorRegistry())
        self.store = Store()
        credentials = api.credentials()
        self.hearing = Hearing(feeds_of(namespaces))
        self.hearing.renewed_seconds = renewed
        self.intake = Intake(self.store, self._wake, self.forgotten.append)
        crossing = Crossing(
            asyncio.get_running_loop(), self._take, lambda listing: self.sweeper.take_list(listing)
        )
        wire = Wire(credentials, self.hearing, crossing)
        self.watch = WatchSupervisor(
            make_registry(credentials.server, wire),
            make_settings(self.hearing),
            namespaces,
            wire.close,
        )
        self.session = KubeSession(credentials)
        self.sweeper = Sweeper(
            self.session,
            self.store,
            self.intake,
            self.hearing,
            self.watch,
            self.metrics,
            self._wake,
            interval=sweep,
        )
        self._task: asyncio.Task[None] | None = None

    def _wake(self, key: Key, urgent: bool = False) -> None:
        self.woken.append(key)

    def _take(self, resource: Resource, event_type: str | None, obj: Object) -> None:
        self.sweeper.untold.heard(resource, event_type, obj)
        self.intake.take(resource, event_type, obj)

    async def __aenter__(self) -> "Station":
        self.watch.start()
        self._task = asyncio.create_task(self.sweeper.run())
        return self

    async def __aexit__(self, *_: Any) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self.watch.stop, 10)
        await self.session.close()

    def is_whole(self) -> bool:
        """Everything was listed, and everything is watched."""
        return self.sweeper.opened.is_set() and not self.hearing.deaf()
