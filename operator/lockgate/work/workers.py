"""Runs passes: takes keys from the queue, gives each pass a deadline, decides when to look again.

The class of what stands in the way decides: a human must act (slow look), not ready yet (fixed
interval), expected to pass (back-off with jitter, or the server's own hint). Many passes are open at
once, most of which wait to write a status; some places are kept for what people wait for.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog

from lockgate.domain.ports import Telemetry
from lockgate.domain.resources import Key
from lockgate.errors import (
    ClusterUnavailable,
    Conflict,
    Contested,
    Forbidden,
    InternalError,
    LockgateError,
    NotReadyYet,
    Terminal,
    Transient,
    Unanswered,
)
from lockgate.kube.errand import PRESENT_ERRAND
from lockgate.reconciler import PassResult
from lockgate.work.queue import WorkQueue

_log = structlog.get_logger(__name__)
PASS_SECONDS = 120.0
RECHECK_SECONDS = 30.0
# What the API server forbids (a quota, say) and then allows is told by nobody: it is tried so often.
LONGEST_UNTOLD_SECONDS = 30.0
# So many look and write children at once. More would only wait for one another, each with all that it
# has found; those that have but a status to write, or wait for a namespace that hangs, are not counted.
PLACES = 64
# Places beside the others, for urgent keys alone: people do not wait until a pass of others has ended.
RESERVED = 16
_ANEW_SECONDS = 1.0
REMEMBERED = 20_000


class Workers:
    """So many passes at once over one queue."""

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
        self._said = _Said()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hand_out(group, self._count, PLACES, urgent_only=False))
            group.create_task(self._hand_out(group, RESERVED, RESERVED, urgent_only=True))

    async def _hand_out(self, group: asyncio.TaskGroup, most: int, places: int, *, urgent_only: bool) -> None:
        """Begin passes: so many may be open, and so many of them not yet have made room for others."""
        open_, free = asyncio.Semaphore(most), asyncio.Semaphore(places)
        while True:
            await open_.acquire()
            await free.acquire()
            try:
                key = await self._queue.take(urgent_only=urgent_only)
            except Exception:
                open_.release()
                free.release()
                _log.exception("the queue failed unexpectedly")
                self._telemetry.task_restarted("worker")
                await asyncio.sleep(_ANEW_SECONDS)
                continue
            self._queue.errand(key).take(free.release)
            group.create_task(self._work(key)).add_done_callback(partial(self._ended, key, open_))
            # One new pass a turn of the loop: passes that wait for nothing must not hold up the rest.
            await asyncio.sleep(0)

    async def _work(self, key: Key) -> None:
        PRESENT_ERRAND.set(self._queue.errand(key))
        structlog.contextvars.bind_contextvars(namespace=key[0], name=key[1])
        try:
            await self._one_pass(key)
        except Exception:
            _log.exception("what follows a pass failed unexpectedly")
            self._telemetry.task_restarted("pass")
            # Perhaps nothing was planned for the key, and it must not be lost.
            self._queue.back_off(key)

    def _ended(self, key: Key, open_: asyncio.Semaphore, work: asyncio.Task[None]) -> None:
        if work.cancelled():
            # Others may go on where these workers end, and the key must not be lost.
            self._queue.back_off(key)
        self._queue.errand(key).make_room()
        self._queue.done(key)
        open_.release()

    async def _one_pass(self, key: Key) -> None:
        started = time.monotonic()
        result = await self._guarded(key)
        outcome = result.failure.reason.value if result.failure else "Succeeded"
        self._schedule(key, result)
        self._telemetry.pass_ended(key, outcome, time.monotonic() - started)

    async def _guarded(self, key: Key) -> PassResult:
        try:
            async with asyncio.timeout(PASS_SECONDS):
                return await self._reconcile(key)
        except LockgateError as error:
            return PassResult(failure=error)
        except TimeoutError:
            return PassResult(failure=InternalError(f"the pass took longer than {PASS_SECONDS:.0f} s"))
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            # Something below cancelled itself: that would end the pass with nothing planned.
            _log.exception("pass was cancelled from within")
            return PassResult(failure=InternalError("the pass was cancelled from within"))
        except Exception as error:
            _log.exception("pass failed unexpectedly")
            return PassResult(failure=InternalError.of(error, "this pass"))

    def _schedule(self, key: Key, result: PassResult) -> None:
        if result.gone:
            self._forget(key)
            return
        if isinstance(result.failure, Unanswered | Conflict):
            self._queue.unfinished(key)
        self._look_again(key, result.failure)
        if result.wake is not None:
            self._queue.wake_after(key, (result.wake - self._clock()).total_seconds())

    def _look_again(self, key: Key, failure: LockgateError | None) -> None:
        match failure:
            case None:
                self._queue.succeeded(key)
                self._queue.wake_after(key, self._resync)
                self._said.nothing(key)
            case Terminal() as error:
                self._queue.succeeded(key)
                self._queue.wake_after(key, self._resync if error.end_is_told else RECHECK_SECONDS)
                self._tell(key, logging.WARNING, "stalled", error)
            case NotReadyYet() as error:
                self._queue.succeeded(key)
                self._queue.wake_after(key, RECHECK_SECONDS)
                self._tell(key, logging.INFO, "not ready yet", error)
            case Contested() as error:
                # Told when the fight began; each of the other's writes comes by here again.
                self._queue.back_off(key, error.after)
            case Forbidden() as error:
                at_most = min(LONGEST_UNTOLD_SECONDS, self._queue.patience())
                self._queue.back_off(key, error.after, at_most=at_most)
                self._tell(key, logging.WARNING, "trying again", error)
            case Conflict() as error:
                self._queue.again(key)
                self._tell(key, logging.INFO, "changed meanwhile", error)
            case ClusterUnavailable() as error:
                self._queue.back_off(key, error.after, at_most=self._queue.patience())
                self._tell(key, logging.WARNING, "trying again", error)
            case Transient() as error:
                self._queue.back_off(key, error.after)
                self._tell(key, logging.WARNING, "trying again", error)
            case error:
                self._queue.back_off(key)
                self._tell(key, logging.ERROR, "pass failed", error)

    def _tell(self, key: Key, level: int, event: str, error: LockgateError) -> None:
        # Each event and each look again comes by here; what has been said once is said for all of them.
        said_before = self._said.again(key, f"{error.reason} {error.message}")
        _log.log(logging.DEBUG if said_before else level, event, reason=error.reason, message=error.message)


class _Said:
    """What was last said of each key, as far back as it matters: the keys that were looked at last."""

    def __init__(self) -> None:
        self._last: OrderedDict[Key, str] = OrderedDict()

    def again(self, key: Key, text: str) -> bool:
        """Whether just that was said of the key before; it is remembered either way."""
        said_before = self._last.get(key) == text
        self._last[key] = text
        self._last.move_to_end(key)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return said_before

    def nothing(self, key: Key) -> None:
        """Nothing is in the way of the key any more."""
        self._last.pop(key, None)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
