"""What a server of the registry holds open while it runs: its store, who may come in, trouble, the log.

Opened and closed together. Knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lockgate_sandbox.registry.faults import FaultBook
from lockgate_sandbox.registry.identity import Door, User
from lockgate_sandbox.registry.projects import ensure_registry
from lockgate_sandbox.registry.requestlog import RequestLog
from lockgate_sandbox.registry.store import DEFAULT_REGISTRIES, Store, open_store


@dataclass(frozen=True, slots=True)
class Services:
    """All that the handlers need."""

    store: Store
    door: Door
    faults: FaultBook
    requests: RequestLog


def open_services(
    data_dir: Path,
    users: Iterable[User],
    *,
    organization: str = "Harbor",
    team: str = "models",
    registries: Iterable[str] = DEFAULT_REGISTRIES,
) -> Services:
    """Opens what a server needs and makes sure the registries are there."""
    store = open_store(data_dir, organization, team)
    for name in registries:
        ensure_registry(store, name)
    log = RequestLog(data_dir / "requests.jsonl")
    return Services(store=store, door=Door(users), faults=FaultBook(), requests=log)


def close_services(services: Services) -> None:
    services.faults.clear()
    services.requests.close()
    services.store.close()
