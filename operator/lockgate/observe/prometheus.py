"""The door to Prometheus: one number for each moment of a span, or why there is none.

Who asks the same of the same span meanwhile gets the same answer. Few questions are on their way at once,
each has a deadline and brings back no more than a bound; a Prometheus that does not answer is left in
peace for some seconds. No address and no token enters a message. Nothing is kept or judged here.
"""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp

from lockgate import __version__
from lockgate.api.promql import window_text
from lockgate.domain.analysis import Series, Span
from lockgate.errors import LockgateError, PrometheusUnavailable, QueryRefused
from lockgate.kube.errand import PRESENT_ERRAND
from lockgate.observe.range_answer import series_of, unavailable
from lockgate.settings import Settings, SettingsError
from lockgate.tokens import read_token

AT_ONCE: Final = 8
LARGEST_ANSWER: Final = 2**20
REST_SECONDS: Final = 5.0
"""For how long a Prometheus that did not answer is not asked again."""
_CONNECT_SECONDS = 5.0


class Prometheus:
    """One server of the Prometheus HTTP API; make it inside the running loop."""

    def __init__(
        self,
        url: str,
        *,
        token_file: Path | None = None,
        tls: ssl.SSLContext | bool = True,
        timeout: float = 10.0,
        answered: Callable[[str, float], None] = lambda outcome, seconds: None,
    ) -> None:
        """`timeout` is seconds: for an answer, and before that for a turn.

        `answered` is told of each query how it ended (answered, refused, unavailable) and after how long.
        """
        self._token_file = token_file
        self._timeout = timeout
        self._tell = answered
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._rests_until = 0.0
        self._asked: dict[tuple[str, Span], asyncio.Task[Series]] = {}
        self._query_url = f"{url.rstrip('/')}/api/v1/query_range"
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=AT_ONCE),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS),
            headers={"User-Agent": f"lockgate/{__version__}", "Accept": "application/json"},
        )

    async def close(self) -> None:
        """End what is on its way, and close the connections."""
        for task in tuple(self._asked.values()):
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        await self._http.close()

    async def scrapes(self, span: Span) -> Series:
        """How often Prometheus scraped whom it scrapes most, in the interval before each moment.

        Counted from samples within the interval: an instant query would find, for five minutes, what was
        scraped before Prometheus went away (its look-back).
        """
        return await self.series(f"max(count_over_time(up[{window_text(span.interval)}]))", span)

    async def series(self, promql: str, span: Span) -> Series:
        """What a query gives at each moment; raises PrometheusUnavailable or QueryRefused."""
        errand = PRESENT_ERRAND.get()
        if errand is not None:
            # It may be slow, and those whom nothing is measured for need not wait with this one.
            errand.make_room()
        key = (promql, span)
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._timed(promql, span))
            task.add_done_callback(lambda done: self._answered(key, done))
        # Of those who wait for it one may be called off without the others.
        return await asyncio.shield(task)

    def _answered(self, key: tuple[str, Span], task: asyncio.Task[Series]) -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            task.exception()  # heard, also where nobody waits any more

    async def _timed(self, promql: str, span: Span) -> Series:
        began, outcome = _now(), "unavailable"
        try:
            found = await self._ask(promql, span)
            outcome = "answered"
            return found
        except QueryRefused:
            outcome = "refused"
            raise
        finally:
            self._tell(outcome, _now() - began)

    async def _ask(self, promql: str, span: Span) -> Series:
        try:
            async with asyncio.timeout(self._timeout):
                await self._turns.acquire()
        except TimeoutError:
            raise unavailable("too much is asked of it already") from None
        try:
            if _now() < self._rests_until:
                raise unavailable("it did not answer a moment ago")
            async with asyncio.timeout(self._timeout):
                status, raw = await self._request(promql, span)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            self._rests_until = _now() + REST_SECONDS
            # What the client's own errors say names the address.
            raise unavailable(f"it did not answer ({type(error).__name__})") from None
        finally:
            self._turns.release()
        try:
            return series_of(status, raw)
        except QueryRefused as error:
            raise QueryRefused(self._without_token(error.message)) from None

    async def _request(self, promql: str, span: Span) -> tuple[int, bytes]:
        asked = {
            "query": promql,
            "start": str(int(span.first.timestamp())),
            "end": str(int(span.last.timestamp())),
            "step": str(int(span.interval.total_seconds())),
            "timeout": f"{self._timeout:g}s",
            # One more than can be used, so that it is noticed.
            "limit": "2",
        }
        headers = {"Authorization": f"Bearer {token}"} if (token := self._token()) else {}
        async with self._http.post(
            self._query_url, data=asked, headers=headers, allow_redirects=False
        ) as response:
            return response.status, await _read(response)

    def _token(self) -> str:
        if self._token_file is None:
            return ""
        try:
            return read_token(self._token_file)
        except ValueError as error:
            raise unavailable(str(error)) from None

    def _without_token(self, text: str) -> str:
        try:
            token = self._token()
        except LockgateError:
            token = ""
        return text.replace(token, "…") if token else text


def open_prometheus(
    settings: Settings, answered: Callable[[str, float], None] = lambda outcome, seconds: None
) -> Prometheus | None:
    """The door that the settings name, or None; raises SettingsError for authorities that are none."""
    if not settings.prometheus_url:
        return None
    tls: ssl.SSLContext | bool = True
    if settings.prometheus_ca_bundle is not None:
        tls = ssl.create_default_context()
        try:
            tls.load_verify_locations(cafile=settings.prometheus_ca_bundle)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"LOCKGATE_PROMETHEUS_CA_BUNDLE is {settings.prometheus_ca_bundle}, which holds no authority "
                f"that can be read ({type(error).__name__})"
            ) from None
    return Prometheus(
        settings.prometheus_url,
        token_file=settings.prometheus_token_file,
        tls=tls,
        timeout=settings.prometheus_timeout_seconds,
        answered=answered,
    )


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER:
            raise PrometheusUnavailable(
                f"Prometheus gave no answer: what came is larger than {LARGEST_ANSWER // 2**20} MiB"
            )
    return b"".join(parts)
