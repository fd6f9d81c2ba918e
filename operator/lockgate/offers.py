"""Who may name what the platform offers to some namespaces and not to others?

One rule for the services that gates ask and for the places on ECS: whoever may not name a thing is not told
that it is there. What the things are is said where they are configured. Pure.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

from lockgate.errors import InvalidSpec
from lockgate.sentences import listed, sentence

EVERYWHERE: Final = "*"


class Offer:
    """A thing by the name that a spec calls it; `namespaces` are those whose authors may name it."""

    __slots__ = ()
    name: str
    namespaces: tuple[str, ...]

    def is_for(self, namespace: str) -> bool:
        """Whether an author there may name it."""
        return namespace in self.namespaces or EVERYWHERE in self.namespaces


T = TypeVar("T", bound=Offer)


def offered(offers: Mapping[str, T], kind: str, name: str, namespace: str, path: str) -> T:
    """What a spec names at `path`; raises InvalidSpec, which names only what it may name."""
    found = offers.get(name)
    if found is not None and found.is_for(namespace):
        return found
    known = sorted(each.name for each in offers.values() if each.is_for(namespace))
    there = f"there {'is' if len(known) == 1 else 'are'} {listed(known, most=10)}" if known else "it has none"
    raise InvalidSpec(
        path, f"is {sentence(name, 80)}, a {kind} that the platform does not offer to this namespace; {there}"
    )
