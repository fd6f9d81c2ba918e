"""Events on their way: handed over by passes, written a few at once when nothing else waits.

No pass waits for an Event. Those of one namespace are written one after the other, so that they keep
their order and a namespace whose writes hang holds up itself alone; namespaces take turns. One that a
later one may make needless is held back for a while, and is needless as long as it is not written. When
too many wait the oldest is dropped and counted; one that the API server does not take is logged and let go.
"""

import asyncio
import contextlib
from bisect import insort
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import structlog

from lockgate.api.spec import Identity
from lockgate.domain.ports import Cluster, Telemetry
from lockgate.domain.resources import EVENT, Object
from lockgate.errors import ClusterUnavailable, LockgateError
from lockgate.names import API_VERSION, GROUP, MODEL_DEPLOYMENT_KIND
from lockgate.report.events import Notice

_log = structlog.get_logger(__name__)
MOST_WAITING = 20_000
AT_ONCE = 4
ATTEMPTS = 3
# Longer than a rollout that starts no pod, and too short to be missed by people.
HELD_SECONDS = 5.0
_ANEW_SECONDS = 1.0

Letter = tuple[datetime, Identity, Notice]


class Outbox:
    """What is to be told of transitions and has not been told yet."""

    def __init__(
        self, cluster: Cluster, telemetry: Telemetry, *, instance: str, clock: Callable[[], datetime]
    ) -> None:
        self._cluster = cluster
        self._telemetry = telemetry
        self._instance = instance
        self._clock = clock
        # In the order of time; and of each namespace the numbers of its own, but for those held back.
        self._letters: OrderedDict[int, Letter] = OrderedDict()
        self._waiting: defaultdict[str, deque[int]] = defaultdict(deque)
        # What may become needless: of each ModelDeployment, by its uid, one at most; it waits among the
        # others once its time is over.
        self._held: dict[str, tuple[int, asyncio.TimerHandle | None]] = {}
        self._free: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._numbers, self._names = count(), count()
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()

    def post(self, deployment: Identity, notice: Notice) -> None:
        """Have an Event written soon; or not at all, if one that makes it needless is posted meanwhile."""
        self._look_at_held(deployment.uid, notice)
        if len(self._letters) >= MOST_WAITING:
            self._drop_oldest()
        number = next(self._numbers)
        self._letters[number] = (self._clock().astimezone(UTC), deployment, notice)
        if notice.needless_after:
            timer = asyncio.get_running_loop().call_later(HELD_SECONDS, self._queue_held, deployment.uid)
            self._held[deployment.uid] = number, timer
        else:
            self._queue(number)

    async def run(self) -> None:
        """Write for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._write_on())

    async def flush(self, within: float) -> None:
        """Write all, as far as the time goes; for the end, when `run` has been cancelled."""
        for uid in list(self._held):
            self._release(uid)
        await self.catch_up(within)

    async def catch_up(self, within: float) -> None:
        """The same without what is held back."""
        if not self._free and not self._busy:
            return
        self._emptied.clear()
        writing = asyncio.create_task(self.run())
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._emptied.wait()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    def _look_at_held(self, uid: str, notice: Notice) -> None:
        """Let go what is held back of a ModelDeployment of which something else is told now."""
        if uid not in self._held:
            return
        number = self._held[uid][0]
        if self._letters[number][2].needless_after is notice.reason:
            if self._hold_no_more(uid):
                namespace = self._letters[number][1].namespace
                self._waiting[namespace].remove(number)
                self._offer(namespace)
            del self._letters[number]
        else:
            self._release(uid)

    def _hold_no_more(self, uid: str) -> bool:
        """Whether it waits among the others already."""
        _, timer = self._held.pop(uid)
        if timer is not None:
            timer.cancel()
        return timer is None

    def _release(self, uid: str) -> None:
        number = self._held[uid][0]
        if not self._hold_no_more(uid):
            self._queue(number)

    def _queue_held(self, uid: str) -> None:
        """Its time is over; while nothing can be written it may yet become needless."""
        number = self._held[uid][0]
        self._held[uid] = number, None
        self._queue(number)

    def _queue(self, number: int) -> None:
        namespace = self._letters[number][1].namespace
        insort(self._waiting[namespace], number)
        self._offer(namespace)

    async def _write_on(self) -> None:
        while True:
            number, letter = await self._next()
            namespace = letter[1].namespace
            try:
                await self._write(letter)
            except asyncio.CancelledError:
                self._put_back(number, letter)
                raise
            except Exception:
                _log.exception("an event failed unexpectedly")
                self._telemetry.task_restarted("events")
                await asyncio.sleep(_ANEW_SECONDS)
            finally:
                self._busy.discard(namespace)
                self._offer(namespace)

    async def _next(self) -> tuple[int, Letter]:
        while not self._free:
            self._filled.clear()
            await self._filled.wait()
        namespace, _ = self._free.popitem(last=False)
        self._busy.add(namespace)
        number = self._waiting[namespace].popleft()
        letter = self._letters.pop(number)
        self._no_more_held(number, letter[1].uid)
        return number, letter

    def _offer(self, namespace: str) -> None:
        """Let whoever is free write for a namespace, if anything waits and nobody does."""
        if namespace not in self._busy:
            if self._waiting[namespace]:
                self._free[namespace] = None
                self._filled.set()
            else:
                del self._waiting[namespace]
                self._free.pop(namespace, None)
        if not self._free and not self._busy:
            self._emptied.set()

    def _put_back(self, number: int, letter: Letter) -> None:
        self._letters = OrderedDict(sorted({number: letter, **self._letters}.items()))
        insort(self._waiting[letter[1].namespace], number)

    def _drop_oldest(self) -> None:
        number, (_, deployment, _) = self._letters.popitem(last=False)
        if self._no_more_held(number, deployment.uid):
            self._waiting[deployment.namespace].popleft()
            self._offer(deployment.namespace)
        self._telemetry.event_dropped()

    def _no_more_held(self, number: int, uid: str) -> bool:
        """What is to be written or dropped now; whether it waits among the others."""
        is_held = uid in self._held and self._held[uid][0] == number
        return self._hold_no_more(uid) if is_held else True

    async def _write(self, letter: Letter) -> None:
        event, reason = self._event(*letter), letter[2].reason
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._cluster.create(EVENT, event)
                return
            except LockgateError as error:
                if attempt == ATTEMPTS or not isinstance(error, ClusterUnavailable):
                    _log.warning("event not written", reason=reason, error=error.message)
                    return

    def _event(self, now: datetime, deployment: Identity, notice: Notice) -> Object:
        # Names in the order of time: kubectl describe shows Events of this API in that of their names.
        order = f"{int(now.timestamp() * 1e6):x}{next(self._names) % 2**16:04x}"
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{deployment.name}.{order}",
                "namespace": deployment.namespace,
            },
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": f"{GROUP}/operator",
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "type": notice.severity.value,
            "reason": notice.reason.value,
            "note": notice.note,
            "regarding": {
                "apiVersion": f"{GROUP}/{API_VERSION}",
                "kind": MODEL_DEPLOYMENT_KIND,
                "name": deployment.name,
                "namespace": deployment.namespace,
                "uid": deployment.uid,
            },
        }
