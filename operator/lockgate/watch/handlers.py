"""What the watch tells goes into the store, and wakes whom it concerns.

kopf watches in a thread and loop of its own; what it lists and streams was taken out before it reads
it (`watch/listing.py`, `watch/stream.py`), and crosses over to our loop. Nothing is decided here, and
nothing is written: `on.event` costs the cluster no request and no finalizer.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

import kopf
import structlog

from lockgate.domain.resources import (
    MODEL_DEPLOYMENT,
    MODEL_RUNTIME,
    OPTIONAL,
    WATCHED,
    Key,
    Object,
    Resource,
    key_of,
)
from lockgate.names import MANAGED_SELECTOR
from lockgate.watch.hearing import Hearing
from lockgate.watch.listing import Listing
from lockgate.watch.store import Store
from lockgate.watch.wire import Wire

_log = structlog.get_logger(__name__)
PAGE = 100
# So many events are taken in at once, before the loop may turn to others.
_BATCH = 100


class Wake(Protocol):
    """Asks for a pass over a ModelDeployment; `urgent` when a person waits for it."""

    def __call__(self, key: Key, urgent: bool = False) -> None: ...


class Intake:
    """Takes events into the store on our loop, and wakes the keys they concern."""

    def __init__(self, store: Store, wake: Wake, forget: Callable[[Key], None]) -> None:
        self._store = store
        self._wake = wake
        self._forget = forget

    def take(self, resource: Resource, event_type: str | None, obj: Object) -> bool:
        """One event; returns whether it told anything new. What cannot be read is logged and let go."""
        try:
            return self._take(resource, event_type, obj)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            _log.warning("an object cannot be read", kind=resource.kind, error=type(error).__name__)
            return False

    def _take(self, resource: Resource, event_type: str | None, obj: Object) -> bool:
        if event_type == "DELETED":
            change = self._store.take_out(resource, obj)
        else:
            change = self._store.take_in(resource, obj)
        if change is None:
            return False
        if not change.news:
            # A controller that tells how it fares, somebody's annotation: nobody would find it.
            return True
        if resource is MODEL_DEPLOYMENT:
            if event_type == "DELETED":
                self._forget(key_of(obj))
            else:
                # What a list names for the first time nobody has written just now.
                self._wake(key_of(obj), urgent=change.edited and event_type is not None)
        if resource is MODEL_RUNTIME:
            for key in self._store.users_of(key_of(obj)[1]):
                self._wake(key)
        else:
            # Whoever owned it before must know as well: a label may have been moved or removed.
            for parent in change.parents:
                if self._store.holds(MODEL_DEPLOYMENT, parent):
                    self._wake(parent)
        return True


class Crossing:
    """Hands events from kopf's thread over to our loop, many at a time, in their order."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[Resource, str | None, Object], Any],
        take_list: Callable[[Listing], Any] = lambda _: None,
    ) -> None:
        self._loop = loop
        self._take = take
        self._take_list = take_list
        self._errands: deque[Callable[[], Any]] = deque()
        self._called = False

    def hand_over(self, resource: Resource, event_type: str | None, obj: Object) -> None:
        """From kopf's thread."""
        self._send(partial(self._take, resource, event_type, obj))

    def hand_over_list(self, listing: Listing) -> None:
        """From kopf's thread, after the objects of the list."""
        self._send(partial(self._take_list, listing))

    async def taken(self) -> None:
        """From kopf's thread: returns when all that was handed over was taken."""
        if self._errands:
            reached: Future[None] = Future()
            self._send(partial(_reach, reached))
            await asyncio.wrap_future(reached)

    def _send(self, errand: Callable[[], Any]) -> None:
        self._errands.append(errand)
        if not self._called:
            self._called = True
            self._loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        # Unset first: what is appended from here on either is seen below or calls again.
        self._called = False
        for _ in range(_BATCH):
            if not self._errands:
                return
            try:
                self._errands.popleft()()
            except Exception:
                # One event must not hold back those behind it.
                _log.exception("an event could not be taken in")
        self._called = True
        self._loop.call_soon(self._arrive)


def _reach(reached: Future[None]) -> None:
    # Whoever waited may have been left behind meanwhile.
    if reached.set_running_or_notify_cancel():
        reached.set_result(None)


def make_registry(server: str, wire: Wire, kinds: Iterable[Resource] = WATCHED) -> kopf.OperatorRegistry:
    """What kopf needs to watch: a session, and for each kind a handler, which finds nothing to do."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=server, aiohttp_session=wire.session())

    for resource in kinds:
        watch_kind(registry, resource)
    return registry


def watch_kind(registry: kopf.OperatorRegistry, resource: Resource) -> None:
    """Have kopf watch a kind, from its next entry on."""

    async def take(**_: Any) -> None: ...

    kopf.on.event(
        resource.group, resource.version, resource.plural, registry=registry, id=f"take-{resource.plural}"
    )(take)


def make_settings(hearing: Hearing) -> kopf.OperatorSettings:
    """kopf as a watcher only: no writes, no peering, no discovery of kinds, no memory of objects."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = None
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.queueing.exit_timeout = 0.5
    settings.watching.chunk_size = PAGE
    settings.watching.connect_timeout = 5
    settings.watching.server_timeout = hearing.renewed_seconds
    settings.watching.inactivity_timeout = hearing.silent_after
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    # The session makes the pauses, each within the time of what has failed.
    settings.networking.error_backoffs = ()
    for resource in (*WATCHED, *OPTIONAL):
        if resource.managed_only:
            settings.watching.label_selectors[resource.group, resource.plural] = MANAGED_SELECTOR
    return settings


class _NoDiffBase(kopf.DiffBaseStorage):
    """Nothing is compared: the copies that kopf makes for its change handlers are not made."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None: ...


class _NoProgress(kopf.ProgressStorage):
    """Nothing is under way between two events."""

    def fetch(self, *, key: kopf.HandlerId, body: kopf.Body) -> kopf.ProgressRecord | None:
        return None

    def store(
        self, *, key: kopf.HandlerId, record: kopf.ProgressRecord, body: kopf.Body, patch: kopf.Patch
    ) -> None: ...

    def purge(self, *, key: kopf.HandlerId, body: kopf.Body, patch: kopf.Patch) -> None: ...

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None: ...

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence
