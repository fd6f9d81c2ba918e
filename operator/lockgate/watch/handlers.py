"""The only handlers kopf calls: each event goes into the store, and wakes whom it concerns.

kopf watches in a thread and loop of its own; events cross over to ours. Nothing is decided
here, and nothing is written: `on.event` costs the cluster no request and no finalizer.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from lockgate.domain.resources import MODEL_DEPLOYMENT, MODEL_RUNTIME, WATCHED, Key, Object, Resource, key_of
from lockgate.kube.credentials import Credentials
from lockgate.names import MANAGED_SELECTOR
from lockgate.watch.store import Store, parent_of

# Mounted tokens are renewed well before they end; kopf is made to read them again this often.
TOKEN_LIFE = timedelta(minutes=5)


class Intake:
    """Takes events into the store on our loop, and wakes the keys they concern."""

    def __init__(self, store: Store, wake: Callable[[Key], None], forget: Callable[[Key], None]) -> None:
        self._store = store
        self._wake = wake
        self._forget = forget

    def take(self, resource: Resource, event_type: str | None, obj: Object) -> None:
        """One event of the watch."""
        if event_type == "DELETED":
            if self._store.remove(resource, obj):
                self._gone(resource, obj)
        elif self._store.upsert(resource, obj):
            self._changed(resource, obj)

    def _gone(self, resource: Resource, obj: Object) -> None:
        if resource is MODEL_DEPLOYMENT:
            self._forget(key_of(obj))
        else:
            self._changed(resource, obj)

    def _changed(self, resource: Resource, obj: Object) -> None:
        if resource is MODEL_DEPLOYMENT:
            self._wake(key_of(obj))
        elif resource is MODEL_RUNTIME:
            self._wake_users_of(obj["metadata"]["name"])
        else:
            parent = parent_of(obj)
            if parent is not None and self._store.get(MODEL_DEPLOYMENT, parent) is not None:
                self._wake(parent)

    def _wake_users_of(self, runtime: str) -> None:
        for deployment in self._store.all(MODEL_DEPLOYMENT):
            if ((deployment.get("spec") or {}).get("runtime") or {}).get("name") == runtime:
                self._wake(key_of(deployment))


class Relists:
    """Notices that kopf lists a kind anew, after which deletions may have gone unseen.

    kopf marks listed objects by an event without a type. Within one entry of the watch the first
    list names each object once, so an object that is named again comes from a second list.
    """

    def __init__(self) -> None:
        self._listed: dict[Resource, set[Key]] = {}

    def is_repeated(self, resource: Resource, event_type: str | None, key: Key) -> bool:
        """Whether this event belongs to a second list."""
        listed = self._listed.setdefault(resource, set())
        if event_type is not None:
            return False
        repeated = key in listed
        if repeated:
            listed.clear()
        listed.add(key)
        return repeated

    def restart(self) -> None:
        """The watch is entered anew; its first lists are to be expected."""
        self._listed.clear()


def make_registry(
    intake: Intake,
    loop: asyncio.AbstractEventLoop,
    credentials: Credentials,
    on_event: Callable[[Resource, str | None, Key], None],
) -> kopf.OperatorRegistry:
    """kopf handlers that hand every event over to `loop`; `on_event` hears of each as well."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def log_in(**_: Any) -> kopf.ConnectionInfo:
        authority, certificate, key = credentials.files()
        return kopf.ConnectionInfo(
            server=credentials.server,
            ca_path=authority,
            certificate_path=certificate,
            private_key_path=key,
            scheme="Bearer",
            token=credentials.token(),
            expiration=datetime.now(UTC) + TOKEN_LIFE,
        )

    for resource in WATCHED:
        _watch(registry, resource, intake, loop, on_event)
    return registry


def _watch(
    registry: kopf.OperatorRegistry,
    resource: Resource,
    intake: Intake,
    loop: asyncio.AbstractEventLoop,
    on_event: Callable[[Resource, str | None, Key], None],
) -> None:
    @kopf.on.event(
        resource.group, resource.version, resource.plural, registry=registry, id=f"take-{resource.plural}"
    )
    async def take(event: Any, **_: Any) -> None:
        obj = dict(event["object"])
        loop.call_soon_threadsafe(intake.take, resource, event["type"], obj)
        loop.call_soon_threadsafe(on_event, resource, event["type"], key_of(obj))


def make_settings() -> kopf.OperatorSettings:
    """kopf as a watcher only: no writes, no peering, no discovery of kinds; it reconnects for ever."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.chunk_size = 500
    settings.watching.connect_timeout = 5
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    for resource in WATCHED:
        if resource.managed_only:
            settings.watching.label_selectors[resource.group, resource.plural] = MANAGED_SELECTOR
    return settings
