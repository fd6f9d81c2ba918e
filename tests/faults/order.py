"""In which order were the writes that the watches of several kinds tell of?

A resource version orders them, but a watch may be late; a list of each kind says how far its watch
has to have come before anything is handed on. Talks to nobody: what was heard and listed is given to it.
"""

import bisect
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lockgate_sandbox.api import Json

Key = tuple[str, str]


class Heard(NamedTuple):
    """One event of a watch, and when it came."""

    version: int
    number: int
    kind: str
    event: Json
    at: float


@dataclass(slots=True)
class _Watch:
    """How far the watch of one kind has come: who is there, as last heard, and the newest version of all."""

    alive: dict[Key, Json] = field(default_factory=dict)
    reached: int = 0

    def is_behind(self, listed: Json) -> bool:
        """Whether something that this list knows has not been told yet."""
        versions = {key_of(item): version_of(item) for item in listed["items"]}
        if max(versions.values(), default=0) > self.reached:
            return True
        return any(
            key not in versions and version_of(obj) <= version_of(listed) for key, obj in self.alive.items()
        )


@dataclass(slots=True)
class Order:
    """What was heard and not yet handed on."""

    waiting: list[Heard] = field(default_factory=list)
    _number: int = 0
    _watches: defaultdict[str, _Watch] = field(default_factory=lambda: defaultdict(_Watch))
    _marks: Mapping[str, Json] = field(default_factory=dict)

    def hear(self, kind: str, event: Json, at: float) -> None:
        """Take an event in, whenever it comes."""
        obj, watch = event["object"], self._watches[kind]
        version, key = version_of(obj), key_of(obj)
        self._number += 1
        watch.reached = max(watch.reached, version)
        if event["type"] == "DELETED":
            watch.alive.pop(key, None)
        else:
            watch.alive[key] = obj
        bisect.insort(self.waiting, Heard(version, self._number, kind, event, at))

    def hear_all(self, kind: str, listed: Json, at: float) -> None:
        """Take in a list that a watch begins with: whatever is not in it was deleted meanwhile."""
        watch = self._watches[kind]
        for key in watch.alive.keys() - {key_of(item) for item in listed["items"]}:
            last = watch.alive[key]
            metadata = {**last["metadata"], "resourceVersion": str(version_of(listed))}
            self.hear(kind, {"type": "DELETED", "object": {**last, "metadata": metadata}}, at)
        for item in listed["items"]:
            self.hear(kind, {"type": "MODIFIED", "object": item}, at)

    def mark(self, lists: Mapping[str, Json]) -> None:
        """All up to the oldest of these lists is handed on once every watch has told of what they know."""
        self._marks = lists

    def due(self) -> list[Heard] | None:
        """What is certain to be in order; None while a watch has not come as far as the mark."""
        if any(self._watches[kind].is_behind(listed) for kind, listed in self._marks.items()):
            return None
        until = min(map(version_of, self._marks.values()), default=0)
        end = bisect.bisect_right(self.waiting, until, key=lambda heard: heard.version)
        found, self.waiting = self.waiting[:end], self.waiting[end:]
        return found


def key_of(obj: Json) -> Key:
    """Namespace and name."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def version_of(obj: Json) -> int:
    """The resource version of an object, or of a list."""
    return int(obj["metadata"]["resourceVersion"])
