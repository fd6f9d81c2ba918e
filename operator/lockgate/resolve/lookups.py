"""What the registry last said of every alias in use, asked as seldom as possible.

No pass waits for the registry: it is told what is known, or that the question is under way, and
is woken by the answer. One look-up per distinct reference and poll, whoever many deployments
name it; first look-ups of the same moment travel together. An outage never replaces a good
answer at once: it is told apart from absence and reported only when it lasts.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, TypeGuard, TypeVar

import structlog

from lockgate.domain.ports import Lookup, Registry, Telemetry
from lockgate.domain.resources import Key
from lockgate.domain.version import Contents, Reference, Version
from lockgate.errors import InternalError, LockgateError, Transient, Unanswered
from lockgate.resolve.answers import Answer, differs, merge
from lockgate.resolve.background import in_background
from lockgate.resolve.followers import Followers, OfOneSource
from lockgate.resolve.inspections import Inspections

_log = structlog.get_logger(__name__)
T = TypeVar("T")
# How long a process that has heard nothing yet keeps an outage to itself.
YOUNG_SECONDS = 300.0
_TOGETHER_SECONDS = 0.05
_AT_ONCE = 2
# Beside the polls so many batches of questions at once, and so many a second: whoever edits specs
# without end uses up no patience that the registry has with all of us.
_BATCHES_AT_ONCE = 20.0
_BATCHES_PER_SECOND = 2.0
_CLOSE_SECONDS = 2.0


def _fine(_: object) -> str:
    return "ok"


def _worst(answers: Mapping[Reference, Lookup]) -> str:
    """An outage if any answer tells of one; absence is an answer like any other."""
    return next((answer.reason.value for answer in answers.values() if isinstance(answer, Transient)), "ok")


def _is_move(now: Lookup, before: Lookup) -> TypeGuard[Version]:
    if not (isinstance(before, Version) and isinstance(now, Version)):
        return False
    return now.ready and now.identity != before.identity


class Lookups:
    """Asks the registry in the background; belongs to one event loop."""

    def __init__(
        self,
        registry: Registry,
        telemetry: Telemetry,
        followers: Followers | OfOneSource,
        wake: Callable[[Key], None],
    ) -> None:
        self._registry = registry
        self._telemetry = telemetry
        self._followers = followers
        self._wake = wake
        self._answers: dict[Reference, Answer] = {}
        self._waiting: defaultdict[Reference, dict[Key, float]] = defaultdict(dict)
        self._next: dict[Reference, None] = {}
        self._under_way: dict[Reference, int] = {}
        self._order: list[Reference] = []
        self._turn = 0
        self._heard = False
        self._born = _now()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._gathering = False
        self._credit, self._credit_at = _BATCHES_AT_ONCE, _now()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._inspections = Inspections(self._read, wake)

    @property
    def turn(self) -> int:
        """How many questions have been asked; an answer to a later one is newer than this moment."""
        return self._turn

    @property
    def is_young(self) -> bool:
        """Whether this process is new and has heard nothing of the registry yet."""
        return not self._heard and _now() - self._born < YOUNG_SECONDS

    def look_up(
        self, reference: Reference, key: Key, *, after: int | None = None, meanwhile: bool = False
    ) -> Version:
        """The version that a reference means, as far as known; raises Unanswered and asks otherwise.

        With `after`, only an answer to a question that was asked after that turn will do; with
        `meanwhile`, a good one that is older will do until then, and whoever follows is woken if
        the new one differs.
        """
        known = self._answers.get(reference)
        told = known.told(after) if known else None
        older = known.told() if known and meanwhile else None
        if isinstance(older, Version) and not isinstance(told, Version):
            if told is None:
                self._ask_soon(reference, after)
            return older
        if told is None or (isinstance(told, Transient) and after is not None):
            since = self._waiting[reference].setdefault(key, _now())
            if told is None:
                self._ask_soon(reference, after)
                said = f"the registry was asked for {reference} and has not answered yet"
                raise Unanswered(said, waited=_now() - since)
        if isinstance(told, LockgateError):
            raise told.with_traceback(None)
        return told

    def inspect(self, version: Version, key: Key) -> Contents:
        """The summary of a version's manifest; raises Unanswered when it has yet to be read."""
        return self._inspections.inspect(version, key)

    async def warm(self, seconds: float) -> None:
        """Load the client while nothing else runs; goes on without it after so long."""
        await self._within(seconds, self._timed("warm", self._registry.warm))

    async def prime(self, seconds: float) -> None:
        """Ask for all that is followed and not known, together; goes on without it after so long."""
        wanted = [reference for reference in self._followers.references() if reference not in self._answers]
        await self._within(seconds, self._ask(wanted))

    async def poll(self) -> bool:
        """Ask anew for all that is followed; whether the registry had anything to say."""
        references = dict.fromkeys(self._followers.references())
        self._drop_unused(frozenset(references))
        # Where the last poll ended this one begins, so that nobody is left out each time.
        wanted = list(dict.fromkeys([one for one in self._order if one in references]) | references)
        answers = await self._ask(wanted, polled=True)
        self._order = sorted(wanted, key=lambda one: one in answers)
        return not wanted or any(not isinstance(answer, Transient) for answer in answers.values())

    async def close(self) -> None:
        """Release the client, within two seconds."""
        self._inspections.close()
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(in_background(self._registry.close, name="registry"), _CLOSE_SECONDS)

    def _drop_unused(self, wanted: frozenset[Reference]) -> None:
        for book in (self._answers, self._waiting):
            for unused in book.keys() - wanted - self._under_way.keys() - self._next.keys():
                del book[unused]
        lookups = (answer.lookup for answer in self._answers.values())
        self._inspections.keep({found.identity for found in lookups if isinstance(found, Version)})

    def _ask_soon(self, reference: Reference, after: int | None) -> None:
        if self._under_way.get(reference, -1) > (-1 if after is None else after):
            return
        self._next[reference] = None
        if not self._gathering:
            self._gathering = True
            self._begin(self._ask_together())

    async def _ask_together(self) -> None:
        try:
            while self._next:
                await asyncio.sleep(max(_TOGETHER_SECONDS, self._take_credit()))
                await self._free.acquire()
                wanted, self._next = list(self._next), {}
                self._begin(self._ask_and_free(wanted))
        finally:
            self._gathering = False

    def _take_credit(self) -> float:
        """Seconds until the next batch may be asked for."""
        earned = (_now() - self._credit_at) * _BATCHES_PER_SECOND
        self._credit = min(_BATCHES_AT_ONCE, self._credit + earned) - 1
        self._credit_at = _now()
        return max(0.0, -self._credit / _BATCHES_PER_SECOND)

    async def _ask_and_free(self, wanted: list[Reference]) -> None:
        try:
            answers = await self._ask(wanted)
        finally:
            self._free.release()
        for reference in wanted:
            if reference not in answers and self._waiting.get(reference):
                self._ask_soon(reference, None)

    async def _ask(
        self, references: Collection[Reference], *, polled: bool = False
    ) -> Mapping[Reference, Lookup]:
        """Ask for all of them; what was not reached in time has no answer."""
        if not references:
            return {}
        self._turn += 1
        turn = self._turn
        self._under_way |= dict.fromkeys(references, turn)
        answers: Mapping[Reference, Lookup]
        try:
            answers = await self._timed("look_up", lambda: self._registry.look_up(tuple(references)), _worst)
        except LockgateError as error:
            answers = dict.fromkeys(references, error)
        finally:
            for reference in references:
                if self._under_way.get(reference) == turn:
                    del self._under_way[reference]
        for reference, lookup in answers.items():
            self._take(reference, lookup, turn, polled)
        return answers

    def _take(self, reference: Reference, lookup: Lookup, turn: int, polled: bool) -> None:
        self._heard = self._heard or not isinstance(lookup, Transient)
        known = self._answers.get(reference)
        if known is not None and not known.is_older_than(turn):
            return
        new = self._answers[reference] = merge(known, lookup, turn=turn, polled=polled)
        woken = set(self._waiting.pop(reference, ()))
        if differs(known, new):
            woken.update(self._followers.of(reference))
            if known is not None:
                _log.info("registry answers differently", reference=str(reference))
                if _is_move(lookup, known.lookup) and self._inspections.read_ahead(lookup, woken):
                    # They would look in vain, each of them, until the manifest is read.
                    return
        for key in woken:
            self._wake(key)

    async def _read(self, version: Version) -> Contents:
        return await self._timed("inspect", lambda: self._registry.inspect(version))

    async def _timed(self, operation: str, call: Callable[[], T], judge: Callable[[T], str] = _fine) -> T:
        started = time.monotonic()
        outcome = "ok"
        try:
            answer = await in_background(call, name="registry")
            outcome = judge(answer)
            return answer
        except LockgateError as error:
            outcome = error.reason.value
            raise
        except Exception as error:
            outcome = "Defect"
            _log.exception("asking the registry failed unexpectedly")
            raise InternalError.of(error, "the look at the registry") from error
        finally:
            self._telemetry.registry_answered(
                self._followers.source, operation, outcome, time.monotonic() - started
            )

    async def _within(self, seconds: float, work: Coroutine[Any, Any, Any]) -> None:
        done, _ = await asyncio.wait({self._begin(work)}, timeout=seconds)
        for task in done:
            if not task.cancelled() and task.exception() is not None:
                _log.warning("the registry cannot be asked yet", error=str(task.exception()))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _now() -> float:
    return time.monotonic()
