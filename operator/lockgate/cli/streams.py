"""A kind of object as it is and as it changes: a list, then a watch, for as long as somebody looks.

A stream that ends is taken up where it was; one that is too old, or cut, begins with a list again,
which is told as RESET. While the API server is away that is said, and tried again ever more rarely.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum, auto

from lockgate.cli.door import Door, Query
from lockgate.cli.failing import Unanswered
from lockgate.domain.resources import Key, Object, Resource, key_of
from lockgate.kube.answers import is_object

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


class News(Enum):
    """What a change is."""

    RESET = auto()
    ADDED = auto()
    MODIFIED = auto()
    DELETED = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that became known: all objects (RESET), one of them, or why nothing is known (LOST)."""

    news: News
    objects: tuple[Object, ...] = ()
    why: str = ""


async def follow(door: Door, resource: Resource, namespace: str, query: Query) -> AsyncIterator[Change]:
    """Everything of a kind, without an end; what is refused, and not merely unanswered, is raised."""
    pause = _FIRST_PAUSE
    while True:
        try:
            known, version = await _listed(door, resource, namespace, query)
            yield Change(news=News.RESET, objects=tuple(known))
            async for change in _watched(door, resource, namespace, query, version):
                pause = _FIRST_PAUSE
                yield change
        except Unanswered as error:
            yield Change(news=News.LOST, why=error.message)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _listed(door: Door, resource: Resource, namespace: str, query: Query) -> tuple[list[Object], str]:
    known: list[Object] = []
    version = ""
    async for items, at in door.pages(resource, namespace, query):
        known += items
        version = at
    return known, version


async def _watched(
    door: Door, resource: Resource, namespace: str, query: Query, version: str
) -> AsyncIterator[Change]:
    """Streams one after the other, until one says that its begin is too old."""
    while True:
        heard = False
        async for type_, obj in door.watch(resource, namespace, query, version):
            if type_ == "ERROR" or not isinstance(obj.get("metadata"), dict):
                return
            heard = True
            version = str(obj["metadata"].get("resourceVersion") or version)
            if type_ in (News.ADDED.name, News.MODIFIED.name, News.DELETED.name) and is_object(obj):
                yield Change(news=News[type_], objects=(obj,))
        if not heard:
            return


class Known:
    """The objects of a kind by their keys, kept up with the changes of a stream."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.lost = ""
        """Why nothing new is known at present, if so."""
        self.complete = False
        """Whether they were listed at least once."""

    def take(self, change: Change) -> None:
        """Note a change."""
        self.lost = change.why
        if change.news is News.RESET:
            self.complete = True
            self.objects = {key_of(obj): obj for obj in change.objects}
        for obj in change.objects:
            if change.news is News.DELETED:
                self.objects.pop(key_of(obj), None)
            elif change.news in (News.ADDED, News.MODIFIED):
                self.objects[key_of(obj)] = obj
