"""The composition root: builds every object once, by hand, and runs them until told to stop."""

import asyncio
import contextlib
import signal
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from lockgate import __version__
from lockgate.apply.applier import Applier
from lockgate.domain.ports import Registry
from lockgate.domain.resources import Key, Resource
from lockgate.errors import LockgateError
from lockgate.kube.credentials import Credentials
from lockgate.kube.session import KubeSession
from lockgate.observe.observer import Observer
from lockgate.reconciler import Reconciler
from lockgate.render.settings import PodSettings
from lockgate.report.writer import Writer
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.poller import Poller
from lockgate.resolve.resolver import Resolver
from lockgate.resolve.wandb_registry import WandbRegistry
from lockgate.settings import Settings
from lockgate.telemetry.metrics import Metrics
from lockgate.watch.handlers import Intake, Relists, make_registry, make_settings
from lockgate.watch.health import HealthServer
from lockgate.watch.queue import WorkQueue
from lockgate.watch.store import Store
from lockgate.watch.supervisor import WatchSupervisor
from lockgate.watch.sweep import sweep
from lockgate.watch.workers import Workers

_log = structlog.get_logger(__name__)
_SWEEP_RETRY_SECONDS = 2.0
_SWEEP_PAUSE_SECONDS = 1.0


def precise_now() -> datetime:
    """The one clock."""
    return datetime.now(UTC)


def now() -> datetime:
    """The one clock, to the second, as Kubernetes writes times in statuses."""
    return precise_now().replace(microsecond=0)


class App:
    """The operator: one instance a process."""

    def __init__(self, settings: Settings, credentials: Credentials, registry: Registry) -> None:
        self._settings = settings
        self._metrics = Metrics(CollectorRegistry())
        self._session = KubeSession(credentials)
        self._store = Store()
        self._queue = WorkQueue()
        self._intake = Intake(self._store, self._queue.wake, self._forget)
        self._lookups = Lookups(registry, self._metrics)
        self._followers = Followers()
        self._applier = Applier(self._session, self._store, now)
        self._reconciler = self._make_reconciler()
        self._swept = False
        self._sweep_now = asyncio.Event()
        self._relists = Relists()
        self._loop = asyncio.get_running_loop()
        self._watch = WatchSupervisor(
            make_registry(self._intake, self._loop, credentials, self._heard),
            make_settings(),
            settings.watch_namespaces,
            on_restart=self._entered_again,
        )
        self._health = HealthServer(
            registry=self._metrics.registry,
            queue=self._queue,
            watch_failing=self._watch.failing_seconds,
            is_ready=lambda: self._swept,
        )
        self._metrics.watch_gauges(
            queue_depth=lambda: len(self._queue),
            queue_oldest=self._queue.oldest_seconds,
            watch_entries=lambda: self._watch.entries,
        )

    def _make_reconciler(self) -> Reconciler:
        settings = self._settings
        return Reconciler(
            view=self._store,
            resolver=Resolver(self._lookups, self._followers),
            observer=Observer(self._store),
            applier=self._applier,
            writer=Writer(self._session, self._store, instance=settings.pod_name, clock=precise_now),
            telemetry=self._metrics,
            pods=PodSettings(
                fetch_image=settings.fetch_image,
                registry_base_url=settings.registry_base_url,
                secret_name=settings.model_secret_name,
                secret_key=settings.model_secret_key,
                fetch_deadline_seconds=settings.fetch_deadline_seconds,
                fetch_max_bytes=settings.fetch_max_bytes,
            ),
            clock=now,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set."""
        settings = self._settings
        await self._health.start(settings.http_host, settings.http_port)
        _log.info(
            "started", version=__version__, registry=settings.registry_base_url, port=settings.http_port
        )
        workers = Workers(
            self._queue,
            self._reconciler.reconcile,
            self._metrics,
            forget=self._forget,
            count=settings.workers,
            resync_seconds=settings.resync_seconds,
            clock=now,
        )
        poller = Poller(
            self._lookups, self._followers, self._queue.wake, interval=settings.poll_interval_seconds
        )
        work = asyncio.create_task(self._sweep_forever(workers, poller))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await self._shut_down(work, stopped)

    async def _sweep_forever(self, workers: Workers, poller: Poller) -> None:
        """The first sweep opens the work; later ones follow at an interval or when the watch was cut."""
        await self._sweep_until_it_succeeds()
        self._swept = True
        self._watch.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(workers.run())
            group.create_task(poller.run())
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._sweep_now.wait(), self._settings.sweep_seconds)
                # A list comes as many events; one sweep answers them all.
                await asyncio.sleep(_SWEEP_PAUSE_SECONDS)
                self._sweep_now.clear()
                await self._sweep_until_it_succeeds()

    async def _sweep_until_it_succeeds(self) -> None:
        while True:
            try:
                await sweep(self._session, self._store, self._intake, self._settings.watch_namespaces)
                return
            except LockgateError as error:
                _log.warning("the cluster cannot be listed", reason=error.reason, message=error.message)
                await asyncio.sleep(_SWEEP_RETRY_SECONDS)

    def _heard(self, resource: Resource, event_type: str | None, key: Key) -> None:
        if self._relists.is_repeated(resource, event_type, key):
            self._sweep_now.set()

    def _entered_again(self) -> None:
        self._loop.call_soon_threadsafe(self._relists.restart)
        self._loop.call_soon_threadsafe(self._sweep_now.set)

    def _forget(self, key: Key) -> None:
        self._queue.forget(key)
        self._followers.forget(key)
        self._applier.forget(key)
        self._metrics.forgotten(key)

    async def _shut_down(self, *tasks: asyncio.Task[Any]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._watch.stop)
        await self._lookups.close()
        await self._session.close()
        await self._health.stop()
        _log.info("stopped")


async def run_operator(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    registry = WandbRegistry(
        base_url=settings.registry_base_url,
        organization=settings.registry_organization or None,
        api_key_file=settings.registry_api_key_file,
        timeout=settings.registry_timeout_seconds,
    )
    await App(settings, Credentials.load(), registry).run(stop)
