"""The lists of a watch, read before kopf reads them, page by page and in a page object by object.

Objects go to our loop, a few at a time, since as objects they take ten times their text; kopf is told
of empty lists. What a whole list has named is told as well: what it does not name is gone.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from lockgate.domain.resources import Key, Object, Resource, key_of
from lockgate.kube.answers import is_object
from lockgate.kube.items import read_list
from lockgate.watch.hearing import Feed

# So many objects of a list are on their way to our loop at a time.
_TOGETHER = 20


@dataclass(slots=True)
class Listing:
    """A list of one feed: when it was begun, what it has named so far, and of which version it is.

    `is_doubtful`: not all of it could be read, and what it does not name may be there all the same.
    """

    feed: Feed
    began: float
    named: set[Key] = field(default_factory=set)
    version: int | None = None
    is_doubtful: bool = False

    def turn_page(self, metadata: Any) -> bool:
        """Take in what a page says of the list; returns whether it was the last."""
        said = metadata if isinstance(metadata, dict) else {}
        version = _number(said.get("resourceVersion"))
        if version is None or self.version not in (None, version):
            self.is_doubtful = True
        self.version = version
        return not said.get("continue")


class Post(Protocol):
    """Takes what was read over to our loop; it is called from kopf's thread."""

    def hand_over(self, resource: Resource, event_type: str | None, obj: Object) -> None:
        """One object."""

    def hand_over_list(self, listing: Listing) -> None:
        """A list that is at its end; its objects were handed over before."""

    async def taken(self) -> None:
        """Returns when all that was handed over was taken."""


class ListPage:
    """The body of a page of a list in place of aiohttp's: kopf finds no object in it."""

    def __init__(
        self, body: aiohttp.StreamReader, listing: Listing, *, post: Post, taken: Callable[[Feed, bool], None]
    ) -> None:
        """`taken` is called after the page, and told whether it was the last."""
        self._body = body
        self._listing = listing
        self._post = post
        self._taken = taken

    async def read(self) -> bytes:
        """The whole body; what is no list is left to kopf as it came."""
        raw: bytes = await self._body.read()
        # Feeds are listed side by side, and each waits with its page as long as that is text.
        await self._post.taken()
        try:
            head, items = read_list(raw)
            left = await self._hand_over(items)
        except ValueError:
            self._listing.is_doubtful = True
            return raw
        is_last = self._listing.turn_page(head.get("metadata"))
        if is_last:
            self._post.hand_over_list(self._listing)
            await self._post.taken()
        self._taken(self._listing.feed, is_last)
        return json.dumps({**head, "items": left}).encode()

    async def _hand_over(self, items: Iterator[Any]) -> list[Any]:
        """Hand over what is an object; returns the rest."""
        listing, resource, left = self._listing, self._listing.feed.resource, []
        for number, item in enumerate(items, start=1):
            if not is_object(item):
                listing.is_doubtful = True
                left.append(item)
                continue
            # Items of a list do not say what they are.
            obj = {"apiVersion": resource.api_version, "kind": resource.kind, **item}
            listing.named.add(key_of(obj))
            self._post.hand_over(resource, None, obj)
            if number % _TOGETHER == 0:
                await self._post.taken()
        return left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _number(version: Any) -> int | None:
    return int(version) if isinstance(version, str) and version.isascii() and version.isdecimal() else None
