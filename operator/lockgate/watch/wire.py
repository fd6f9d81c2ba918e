"""The HTTP session that kopf watches through: it takes the objects, and keeps kopf from giving up.

kopf ends as a whole when one request is refused for a minute, when one stream carries an error,
or when one answer is no JSON. Here every such answer becomes a broken connection, which kopf
mends by itself, and requests that fail are slowed down one by one.
"""

import asyncio
from typing import cast

import aiohttp
import structlog

from lockgate import __version__
from lockgate.kube.credentials import Credentials
from lockgate.watch.hearing import Feed, Hearing
from lockgate.watch.listing import Listing, ListPage, Post
from lockgate.watch.stream import GONE, Stream

_log = structlog.get_logger(__name__)
# Until the headers of an answer: a server that is silent so long is asked again.
HEADERS_SECONDS = 8.0
_PAUSES_SECONDS = (0.2, 0.5, 1, 2, 3)
_PAUSE_REFUSED_SECONDS = 10.0
_FORBIDDEN = (401, 403, 404)


class Refused(aiohttp.ClientConnectionError):
    """An answer that is of no use for a watch; kopf takes it for a broken connection."""


class Wire:
    """Makes sessions for kopf and tells `hearing` what passes through them."""

    def __init__(self, credentials: Credentials, hearing: Hearing, post: Post) -> None:
        self._credentials = credentials
        self._hearing = hearing
        self._post = post
        self._listings: dict[Feed, Listing] = {}
        self._failures: dict[str, int] = {}
        self._fruitless: set[Feed] = set()
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """A session for one entry of the watch, in whose loop this is called."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._credentials.ssl_context()),
            headers={"User-Agent": f"lockgate/{__version__}", "Accept": "application/json"},
            middlewares=(self._pass_on,),
        )
        return self._session

    async def close(self) -> None:
        """Close the last session, in its own loop; kopf does not when it ends in a hurry."""
        if self._session is not None:
            await self._session.close()

    async def _pass_on(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        feed = self._hearing.at_path(request.url.path)
        if feed in self._fruitless:
            await self._pause(request.url.path)
        streams = request.url.query.get("watch") == "true"
        if feed is not None and streams:
            self._hearing.opened(feed, request.url.query.get("resourceVersion"))
        elif feed is not None and "continue" not in request.url.query:
            self._listings[feed] = Listing(feed, self._hearing.listed(feed))
            self._hearing.reads(feed)
        self._credentials.refresh()
        request.headers.update(self._credentials.headers())
        try:
            async with asyncio.timeout(HEADERS_SECONDS):
                response = await handler(request)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            await self._failed_and_paused(request.url.path, feed)
            raise Refused(f"no answer ({type(error).__name__})") from error
        await self._check(response, feed)
        if feed is None:
            self._failures.pop(request.url.path, None)
            return response
        if streams:
            # A stream that opens is a sign of life, unless the last one ended in an error or in silence.
            if feed not in self._fruitless:
                self._heard(feed)
            stream = Stream(
                response.content,
                feed,
                tell=self._post.hand_over,
                heard=self._heard,
                ended=self._ended,
                over=self._hearing.over,
            )
            response.content = cast(aiohttp.StreamReader, stream)
        else:
            self._heard(feed)
            if response.status == 200 and feed in self._listings:
                page = ListPage(
                    response.content, self._listings[feed], post=self._post, taken=self._page_taken
                )
                response.content = cast(aiohttp.StreamReader, page)
        return response

    async def _check(self, response: aiohttp.ClientResponse, feed: Feed | None) -> None:
        if response.status == GONE or (feed is None and response.status == 404):
            return
        if response.status == 200 and response.content_type == "application/json":
            return
        response.close()
        await self._failed_and_paused(response.url.path, feed, response.status)
        raise Refused(f"answered {response.status} {response.content_type}")

    def _heard(self, feed: Feed) -> None:
        if self._failures.pop(feed.path, 0):
            _log.info("watched again", what=str(feed))
        self._fruitless.discard(feed)
        self._hearing.heard(feed)

    def _page_taken(self, feed: Feed, is_last: bool) -> None:
        if is_last:
            self._listings.pop(feed, None)
            self._hearing.has_read(feed)
        else:
            self._hearing.reads(feed)

    def _ended(self, feed: Feed, code: int | None) -> None:
        self._fruitless.add(feed)
        self._failed(feed.path, feed, code)

    def _failed(self, path: str, feed: Feed | None, code: int | None = None) -> None:
        self._failures[path] = self._failures.get(path, 0) + 1
        if self._failures[path] == len(_PAUSES_SECONDS):
            _log.warning("cannot be watched", what=str(feed or path), code=code)
        if feed is not None:
            self._hearing.failed(feed, code)

    async def _failed_and_paused(self, path: str, feed: Feed | None, code: int | None = None) -> None:
        # The pause belongs to what failed: kopf gives the next request its full time again.
        self._failed(path, feed, code)
        await self._pause(path, refused=feed is not None and code in _FORBIDDEN)

    async def _pause(self, path: str, *, refused: bool = False) -> None:
        failures = self._failures.get(path, 0)
        if refused and failures > len(_PAUSES_SECONDS):
            # Closed to us until somebody grants something: nobody waits for seconds there.
            await asyncio.sleep(_PAUSE_REFUSED_SECONDS)
        elif failures:
            await asyncio.sleep(_PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS)) - 1])
