"""Which services may gates ask, and who of the authors may have them asked? Values and questions to them.

Where they are configured is `configured.py`, how one is asked `door.py`; nothing is asked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lockgate.errors import InvalidSpec
from lockgate.sentences import listed, sentence

EVERYWHERE: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service by the name that a spec calls it; `namespaces` are those whose authors may name it."""

    name: str
    address: str
    namespaces: tuple[str, ...]
    ca_file: Path | None = None
    token_file: Path | None = None
    timeout_seconds: float = 10.0

    def is_for(self, namespace: str) -> bool:
        """Whether an author there may have it asked."""
        return namespace in self.namespaces or EVERYWHERE in self.namespaces


NO_SERVICES: Final[Mapping[str, Service]] = MappingProxyType({})


def service_for(services: Mapping[str, Service], name: str, namespace: str, path: str) -> Service:
    """The service that a spec names at `path`; raises InvalidSpec, which names only those it may name."""
    found = services.get(name)
    if found is not None and found.is_for(namespace):
        return found
    known = sorted(each.name for each in services.values() if each.is_for(namespace))
    offered = (
        f"there {'is' if len(known) == 1 else 'are'} {listed(known, most=10)}" if known else "it has none"
    )
    raise InvalidSpec(
        path,
        f"is {sentence(name, 80)}, a service that the platform does not offer to this namespace; {offered}",
    )
