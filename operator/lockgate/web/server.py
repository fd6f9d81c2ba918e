"""Metrics and probes, each on a port of its own: whoever fills or holds the one is no guest of the
other, and a network policy can close the one while the kubelet asks at the other. How a port
is kept from being filled is said in `listener.py`, what is well and what is not in `health.py`.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from lockgate.settings import Settings, SettingsError
from lockgate.web.health import Vitals
from lockgate.web.listener import Listener

# One scrape is drawn for all who ask within this time.
PAGE_SECONDS = 1.0


class WebServer:
    """The operator's two ports."""

    def __init__(self, page: Callable[[], bytes], vitals: Vitals, sample: Callable[[], None]) -> None:
        """`page` draws the metrics, in a thread of its own, after `sample` has read what the loop owns."""
        self._page = page
        self._sample = sample
        self._vitals = vitals
        self._drawing: asyncio.Task[bytes] | None = None
        self._drawn_at = 0.0
        self.metrics = Listener({"/metrics": self._metrics})
        self.probes = Listener({"/healthz": self._healthz, "/readyz": self._readyz})

    async def start(self, settings: Settings) -> None:
        """Begin to answer; raises SettingsError, and answers nothing, when a port cannot be had."""
        for listener, name, port in (
            (self.metrics, "LOCKGATE_HTTP_PORT", settings.http_port),
            (self.probes, "LOCKGATE_PROBE_PORT", settings.probe_port),
        ):
            try:
                await listener.start(settings.http_host, port)
            except OSError as error:
                await self.stop()
                raise SettingsError(f"{name} is {port}, which cannot be had: {error.strerror}") from error

    async def stop(self) -> None:
        """Stop answering."""
        await asyncio.gather(self.metrics.stop(), self.probes.stop())

    async def _metrics(self, _: web.Request) -> web.Response:
        now = asyncio.get_running_loop().time()
        if self._drawing is None or (self._drawing.done() and now - self._drawn_at > PAGE_SECONDS):
            self._drawn_at = now
            # Gauges are read on the loop that owns what they show; only the drawing leaves it.
            self._sample()
            self._drawing = asyncio.create_task(asyncio.to_thread(self._page))
        page = await asyncio.shield(self._drawing)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self._vitals.deadly()
        return web.Response(text="; ".join(problems) or "ok", status=503 if problems else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        problem = self._vitals.blinding()
        return web.Response(text=problem or "ok", status=503 if problem else 200)
