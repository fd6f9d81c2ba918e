"""/metrics, /healthz and /readyz, which tell the truth.

Alive means that work moves: the watch's thread is there, no key waits too long, no pass hangs.
Ready means that the cluster has been seen once. Neither depends on the registry being up.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from lockgate.watch.queue import WorkQueue
from lockgate.watch.workers import PASS_SECONDS

QUEUE_SECONDS = 300.0


class HealthServer:
    """A small HTTP server on the operator's own loop: a loop that hangs answers no probe."""

    def __init__(
        self,
        *,
        registry: CollectorRegistry,
        queue: WorkQueue,
        watch_alive: Callable[[], bool],
        is_ready: Callable[[], bool],
    ) -> None:
        self._registry = registry
        self._queue = queue
        self._watch_alive = watch_alive
        self._is_ready = is_ready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Begin to answer; raises OSError when the port is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Stop answering."""
        if self._runner is not None:
            await self._runner.cleanup()

    def problems(self) -> list[str]:
        """What says that work does not move; empty when all is well."""
        found = []
        if self._is_ready() and not self._watch_alive():
            found.append("the watch has ended")
        if self._queue.oldest_seconds() > QUEUE_SECONDS:
            found.append(f"a ModelDeployment has waited for {self._queue.oldest_seconds():.0f} s")
        if self._queue.longest_pass_seconds() > 2 * PASS_SECONDS:
            found.append(f"a pass has run for {self._queue.longest_pass_seconds():.0f} s")
        return found

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self.problems()
        return web.Response(text="; ".join(problems) or "ok", status=503 if problems else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        ready = self._is_ready()
        return web.Response(
            text="ok" if ready else "the cluster has not been listed yet", status=200 if ready else 503
        )
