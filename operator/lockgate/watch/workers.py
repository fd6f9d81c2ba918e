"""Runs passes: takes keys from the queue, gives each pass a deadline, decides when to look again.

The class of what stands in the way decides: a human must act (slow look), not ready yet (fixed
interval), expected to pass (back-off with jitter, or the server's own hint).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from lockgate.domain.ports import Telemetry
from lockgate.domain.resources import Key
from lockgate.errors import InternalError, LockgateError, NotReadyYet, Terminal, Transient
from lockgate.reconciler import PassResult
from lockgate.watch.queue import WorkQueue

_log = structlog.get_logger(__name__)
PASS_SECONDS = 120.0
RECHECK_SECONDS = 30.0


class Workers:
    """A fixed number of workers over one queue."""

    def __init__(
        self,
        queue: WorkQueue,
        reconcile: Callable[[Key], Awaitable[PassResult]],
        telemetry: Telemetry,
        *,
        forget: Callable[[Key], None],
        count: int,
        resync_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._telemetry = telemetry
        self._forget = forget
        self._count = count
        self._resync = resync_seconds
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            structlog.contextvars.bind_contextvars(namespace=key[0], name=key[1])
            try:
                await self._one_pass(key)
            finally:
                self._queue.done(key)
                structlog.contextvars.clear_contextvars()

    async def _one_pass(self, key: Key) -> None:
        started = time.monotonic()
        result = await self._guarded(key)
        outcome = result.failure.reason.value if result.failure else "Succeeded"
        self._telemetry.pass_ended(key, outcome, time.monotonic() - started)
        self._schedule(key, result)

    async def _guarded(self, key: Key) -> PassResult:
        try:
            async with asyncio.timeout(PASS_SECONDS):
                return await self._reconcile(key)
        except LockgateError as error:
            return PassResult(failure=error)
        except TimeoutError:
            return PassResult(failure=InternalError(f"the pass took longer than {PASS_SECONDS:.0f} s"))
        except Exception as error:
            _log.exception("pass failed unexpectedly")
            return PassResult(failure=InternalError(type(error).__name__))

    def _schedule(self, key: Key, result: PassResult) -> None:
        if result.gone:
            self._forget(key)
            return
        match result.failure:
            case None:
                self._queue.succeeded(key)
                self._queue.wake_after(key, self._resync)
            case Terminal() as error:
                self._queue.succeeded(key)
                self._queue.wake_after(key, self._resync)
                _log.warning("stalled", reason=error.reason, message=error.message)
            case NotReadyYet() as error:
                self._queue.succeeded(key)
                self._queue.wake_after(key, RECHECK_SECONDS)
                _log.info("not ready yet", reason=error.reason, message=error.message)
            case Transient() as error:
                delay = self._queue.back_off(key, error.after)
                _log.warning(
                    "trying again", reason=error.reason, message=error.message, seconds=round(delay, 1)
                )
            case error:
                self._queue.back_off(key)
                _log.error("pass failed", reason=error.reason, message=error.message)
        if result.wake is not None:
            self._queue.wake_after(key, (result.wake - self._clock()).total_seconds())
