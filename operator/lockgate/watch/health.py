"""/metrics, /healthz and /readyz, which tell the truth.

Alive means that work moves: the cluster can be watched, no key waits too long, no pass hangs.
Ready means that the cluster has been seen and is watched. Neither depends on the registry.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from lockgate.watch.queue import WorkQueue
from lockgate.watch.workers import PASS_SECONDS

QUEUE_SECONDS = 300.0
WATCH_SECONDS = 300.0


class HealthServer:
    """A small HTTP server on the operator's own loop: a loop that hangs answers no probe."""

    def __init__(
        self,
        *,
        registry: CollectorRegistry,
        queue: WorkQueue,
        watch_failing: Callable[[], float],
        is_ready: Callable[[], bool],
    ) -> None:
        self._registry = registry
        self._queue = queue
        self._watch_failing = watch_failing
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
        if self._watch_failing() > WATCH_SECONDS:
            found.append(f"nothing can be watched for {self._watch_failing():.0f} s")
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
        problem = ""
        if not self._is_ready():
            problem = "the cluster has not been listed yet"
        elif self._watch_failing() > 0:
            problem = "the cluster cannot be watched"
        return web.Response(text=problem or "ok", status=503 if problem else 200)
