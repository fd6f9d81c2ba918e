"""Which services may gates ask, and who of the authors may have them asked? Values and questions to them.

Where they are configured is `configured.py`, how one is asked `door.py`; nothing is asked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lockgate.offers import Offer, offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Offer):
    """A service by the name that a spec calls it; `namespaces` are those whose authors may name it."""

    name: str
    address: str
    namespaces: tuple[str, ...]
    ca_file: Path | None = None
    token_file: Path | None = None
    timeout_seconds: float = 10.0


NO_SERVICES: Final[Mapping[str, Service]] = MappingProxyType({})


def service_for(services: Mapping[str, Service], name: str, namespace: str, path: str) -> Service:
    """The service that a spec names at `path`; raises InvalidSpec, which names only those it may name."""
    return offered(services, "service", name, namespace, path)
