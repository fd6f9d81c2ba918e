"""The composition root: builds every object once, by hand, and runs them until told to stop."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from lockgate import __version__
from lockgate.apply.applier import Applier
from lockgate.apply.ledger import Ledger
from lockgate.backends.base import Backend
from lockgate.backends.chosen import Chosen
from lockgate.backends.deployment.backend import DeploymentBackend
from lockgate.backends.deployment.observer import Observer
from lockgate.backends.deployment.templates import Templates
from lockgate.backends.settings import PodSettings, PodSource
from lockgate.catalog import Catalog
from lockgate.clock import now, precise_now
from lockgate.domain.anew import look_anew
from lockgate.domain.ports import Registry
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key, Object, Resource
from lockgate.ending import stop_on_signals
from lockgate.errors import Forbidden
from lockgate.heap import Heap
from lockgate.kube.credentials import Credentials
from lockgate.kube.session import KubeSession
from lockgate.observe.measurements import Measurements
from lockgate.observe.prometheus import open_prometheus
from lockgate.opening import Offered, open_ecs, open_registry, pod_settings, pod_source
from lockgate.reconciler import PassResult, Reconciler
from lockgate.registries.configured import RegistrySettings
from lockgate.report.outbox import Outbox
from lockgate.report.writer import Writer
from lockgate.resolve.edits import RuntimeEdits
from lockgate.resolve.followers import Followers, OfOneSource
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.poller import Poller
from lockgate.resolve.quarantine import Quarantine, Scope
from lockgate.resolve.resolver import Resolver
from lockgate.resolve.sources import Sources
from lockgate.resolve.webhooks import Webhooks
from lockgate.settings import Settings, SettingsError
from lockgate.telemetry.metrics import Metrics
from lockgate.watch.discovery import Discovery
from lockgate.watch.handlers import Crossing, Intake, make_registry, make_settings, watch_kind
from lockgate.watch.hearing import Hearing, feeds_of
from lockgate.watch.sight import Watched
from lockgate.watch.store import Store
from lockgate.watch.supervisor import WatchSupervisor
from lockgate.watch.sweep import Sweeper
from lockgate.watch.wire import Wire
from lockgate.web.health import Vitals
from lockgate.web.server import WebServer
from lockgate.work.attention import Attention
from lockgate.work.queue import WorkQueue
from lockgate.work.tasks import attempt, end, keep
from lockgate.work.workers import Workers

_log = structlog.get_logger(__name__)
_REGISTRY_START_SECONDS = 5.0
_LOOK_SECONDS = 5.0
# The end has three steps, each of which may take so long; the whole process never longer than the next.
_END_SECONDS = 0.8
STOP_SECONDS = 4.0
# The watch's thread is waited for so long, in a thread that must end by itself.
_LEFT_SECONDS = 0.6
_LAST_EVENTS_SECONDS = 0.5


class App:
    """The operator: one instance a process."""

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        registries: Mapping[str, Registry],
        pod_sources: Mapping[str, PodSource],
        offered: Offered,
    ) -> None:
        self._settings = settings
        self._gateways = offered.gateways
        self._pod_sources = pod_sources
        self._metrics = Metrics(CollectorRegistry())
        self._queue = WorkQueue()
        # Before anything has to be closed, for it may not like the settings.
        prometheus = open_prometheus(settings, self._metrics.prometheus_answered)
        self._measurements = Measurements(prometheus, settings.prometheus_author_promql)
        self._session = KubeSession(
            credentials,
            rate=settings.kubernetes_requests_per_second,
            returned=self._queue.wake_failed,
        )
        self._store = Store(self._queue.wake)
        self._followers = Followers(most_per_namespace=settings.registry_references_per_namespace)
        self._sources = Sources(
            {
                name: Lookups(registry, self._metrics, OfOneSource(self._followers, name), self._queue.wake)
                for name, registry in registries.items()
            }
        )
        self._edits = RuntimeEdits(self._store, self._queue.wake, share=settings.runtime_edit_share)
        quarantine = Quarantine(self._store, Scope(settings.quarantine))
        self._webhooks = Webhooks(offered.services, self._queue.wake, answered=self._metrics.webhook_answered)
        self._resolver = Resolver(self._sources, self._followers, self._edits, quarantine, self._webhooks)
        self._hearing = Hearing(feeds_of(settings.watch_namespaces))
        self._attention = Attention(
            lambda: bool(self._hearing.deaf_kinds()),
            lambda: self._sweeper.answered_seconds(),
            self._queue.wake_failed,
        )
        pods = pod_settings(settings, pod_sources)
        self._ecs = open_ecs(offered.targets, pods, self._queue.wake, self._attention.seconds)
        self._backend = self._make_backend(pods)
        self._outbox = Outbox(self._session, self._metrics, instance=settings.pod_name, clock=precise_now)
        self._reconciler = self._make_reconciler()
        self._intake = Intake(self._store, self._queue.wake, self._forget)
        crossing = Crossing(
            asyncio.get_running_loop(), self._take, lambda listing: self._sweeper.take_list(listing)
        )
        wire = Wire(credentials, self._hearing, crossing)
        self._kinds = make_registry(credentials.server, wire)
        self._watch = WatchSupervisor(
            self._kinds, make_settings(self._hearing), settings.watch_namespaces, wire.close
        )
        self._sweeper = Sweeper(
            *(self._session, self._store, self._intake, self._hearing, self._watch, self._metrics),
            self._queue.wake,
            interval=settings.sweep_seconds,
        )
        wanted = [resource for resource in self._backend.watches if resource.optional]
        self._discovery = Discovery(wanted, self._session.serves, self._watch_too)
        self._web = WebServer(self._metrics.page, self._vitals(), self._metrics.sample)
        self._metrics.watch_gauges(
            queue_depth=lambda: len(self._queue),
            queue_oldest_seconds=self._queue.oldest_seconds,
            watch_entries=lambda: self._watch.entries,
            watch_silent_seconds=self._hearing.blind_seconds,
            runtime_edits_waiting=self._edits.waiting,
        )

    def _vitals(self) -> Vitals:
        return Vitals(
            watch_alive=self._watch.is_alive,
            blind_seconds=self._hearing.blind_seconds,
            answered_seconds=self._sweeper.answered_seconds,
            stuck_seconds=self._queue.stuck_seconds,
            is_seen=self._sweeper.opened.is_set,
            deaf_kinds=lambda: [kind.plural for kind in self._hearing.deaf_kinds()],
        )

    def _make_backend(self, pods: PodSettings) -> Backend:
        ledger, sight = Ledger(self._session), Watched(lambda: self._sweeper, lambda: self._discovery)
        here = DeploymentBackend(
            Observer(
                *(self._store, self._session, sight, self._gateways),
                clock=now,
                monotonic=self._attention.seconds,
            ),
            Applier(self._session, self._store, time.monotonic),
            ledger,
            Templates(ledger, self._store, self._session, pods),
            self._store,
            sight,
            self._gateways,
            self._settings.backends,
        )
        return Chosen(here, self._ecs.backend, self._store, self._session) if self._ecs else here

    def _make_reconciler(self) -> Reconciler:
        return Reconciler(
            view=self._store,
            catalog=Catalog(self._store),
            resolver=self._resolver,
            edits=self._edits,
            backend=self._backend,
            measurements=self._measurements,
            writer=Writer(self._session, self._store, self._outbox),
            telemetry=self._metrics,
            clock=now,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; raises SettingsError when a port of ours is taken."""
        settings = self._settings
        try:
            await self._web.start(settings)
        except SettingsError:
            await asyncio.gather(self._session.close(), self._measurements.close())
            raise
        _log.info(
            "started",
            version=__version__,
            registries={name: source.base_url for name, source in self._pod_sources.items()},
            port=settings.http_port,
            probe_port=settings.probe_port,
        )
        workers = Workers(
            self._queue,
            self._pass,
            self._metrics,
            forget=self._forget,
            count=settings.workers,
            resync_seconds=settings.resync_seconds,
            clock=now,
        )
        parts = asyncio.create_task(self._run_parts(workers))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({parts, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if parts.done():
                parts.result()
        finally:
            await self._shut_down(parts, stopped)

    async def _run_parts(self, workers: Workers) -> None:
        # Loaded before there is work, which it would have to share the interpreter with.
        await attempt("warming the registries' clients", self._sources.warm(_REGISTRY_START_SECONDS))
        await attempt("discovering kinds", self._discovery.look())
        self._watch.start()
        restarted = self._metrics.task_restarted
        async with asyncio.TaskGroup() as group:
            group.create_task(keep("attention", self._attention.run, restarted))
            group.create_task(keep("heap", Heap(is_quiet=lambda: not self._queue.has_work).run, restarted))
            group.create_task(keep("discovery", self._discovery.run, restarted))
            group.create_task(keep("sweeper", self._sweeper.run, restarted))
            await self._sweeper.opened.wait()
            # Else a restart would tell everybody with a route that none can be seen.
            await attempt("seeing every kind", self._sweeper.has_looked(_LOOK_SECONDS))
            known = self._store.all(MODEL_DEPLOYMENT)
            await attempt("asking ahead", self._resolver.prime(known, now(), _REGISTRY_START_SECONDS))
            group.create_task(keep("workers", workers.run, restarted))
            for lookups in self._sources.values():
                poller = Poller(lookups, interval=self._settings.poll_interval_seconds)
                group.create_task(keep("poller", poller.run, restarted))
            if self._ecs is not None:
                group.create_task(keep("pulse", self._ecs.pulse.run, restarted))
            group.create_task(keep("outbox", self._outbox.run, restarted))

    async def _pass(self, key: Key) -> PassResult:
        if not self._sweeper.sees(key[0]):
            # A pass would take what it cannot see for absent. What serves goes on serving.
            return PassResult(failure=Forbidden(f"namespace {key[0]} cannot be seen"))
        is_behind = self._hearing.is_behind(MODEL_DEPLOYMENT, key[0])
        if is_behind and (seen := self._store.get(MODEL_DEPLOYMENT, key)) is not None:
            # People may ask for something else by now, and what they pinned or suspended is not to move.
            await look_anew(self._session, self._store, MODEL_DEPLOYMENT, seen)
        return await self._reconciler.reconcile(key)

    def _watch_too(self, resource: Resource) -> None:
        """A kind is there that the cluster may have lacked before."""
        self._hearing.add(feeds_of(self._settings.watch_namespaces, [resource]))
        watch_kind(self._kinds, resource)
        if self._watch.entries:
            self._watch.enter_anew(f"{resource.plural} are watched as well")

    def _take(self, resource: Resource, event_type: str | None, obj: Object) -> None:
        self._sweeper.untold.heard(resource, event_type, obj)
        self._intake.take(resource, event_type, obj)

    def _forget(self, key: Key) -> None:
        for rememberer in (self._queue, self._followers, self._edits, self._webhooks, self._backend):
            rememberer.forget(key)
        self._metrics.forgotten(key)

    async def _shut_down(self, *tasks: asyncio.Task[Any]) -> None:
        for task in tasks:
            task.cancel()
        self._webhooks.close()
        await end(_END_SECONDS, parts=asyncio.gather(*tasks, return_exceptions=True))
        await end(
            _END_SECONDS,
            events=self._outbox.flush(within=_LAST_EVENTS_SECONDS),
            watch=asyncio.to_thread(self._watch.stop, _LEFT_SECONDS),
            registries=self._sources.close(),
            web=self._web.stop(),
        )
        ecs = {"ecs": self._ecs.door.close()} if self._ecs else {}
        await end(
            _END_SECONDS, connections=self._session.close(), measurements=self._measurements.close(), **ecs
        )
        _log.info("stopped")


async def run_operator(
    settings: Settings,
    configured: Mapping[str, RegistrySettings],
    offered: Offered,
) -> None:
    """Run the operator until SIGTERM or SIGINT, and then at most five seconds more."""
    stop = asyncio.Event()
    stop_on_signals(stop, at_most=STOP_SECONDS)
    registries = {name: open_registry(registry) for name, registry in configured.items()}
    pod_sources = {name: pod_source(registry) for name, registry in configured.items()}
    await App(settings, Credentials.load(), registries, pod_sources, offered).run(stop)
