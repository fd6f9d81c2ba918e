"""One stream of a watch, read before kopf reads it.

Objects go to our loop as they come. kopf is told their versions alone, as bookmarks, so that it
goes on where a stream was cut; what it would do for each event of each object nobody needs here.
An error in a stream ends it like a cut.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

from lockgate.domain.resources import Object, Resource
from lockgate.watch.hearing import Feed

# kopf itself begins anew, and lists, when it hears that what it has seen last is too old.
GONE = 410
_OBJECTS = frozenset({"ADDED", "MODIFIED", "DELETED"})
Tell = Callable[[Resource, str | None, Object], None]


class Stream:
    """The body of a stream in place of aiohttp's, with what kopf needs of it."""

    def __init__(
        self,
        body: aiohttp.StreamReader,
        feed: Feed,
        *,
        tell: Tell,
        heard: Callable[[Feed], None],
        ended: Callable[[Feed, int | None], None],
        over: Callable[[Feed, bool], None],
    ) -> None:
        self._body = body
        self._feed = feed
        self._tell = tell
        self._heard = heard
        self._ended = ended
        self._over = over

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """As the body's own, in whole lines."""
        rest, said = b"", False
        try:
            async for chunk in self._body.iter_chunked(size):
                *lines, rest = (rest + chunk).split(b"\n")
                left = b"".join([self._take(line) for line in lines])
                self._heard(self._feed)
                said = True
                if left:
                    yield left
        except asyncio.CancelledError:
            # It was silent for too long: that the next one opens will say nothing.
            self._ended(self._feed, None)
            raise
        if rest:
            yield rest
        # At least a bookmark was due: perhaps the API server waits for versions that never come.
        self._over(self._feed, not said)

    def _take(self, line: bytes) -> bytes:
        """Take an object out of the stream; returns the line that stays in its place."""
        event = _decoded(line)
        kind: Any = event.get("type")
        obj: Any = event.get("object")
        code = obj.get("code") if kind == "ERROR" and isinstance(obj, dict) else None
        if isinstance(code, int) and code != GONE:
            self._ended(self._feed, code)
            raise aiohttp.ClientPayloadError(f"the stream ended with error {code}")
        version = _version(obj) if kind in _OBJECTS else None
        if version is None:
            return line + b"\n"
        self._tell(self._feed.resource, kind, obj)
        bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}
        return json.dumps(bookmark).encode() + b"\n"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _version(obj: Any) -> str | None:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else None
