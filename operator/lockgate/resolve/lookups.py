"""What the registry last said of every alias in use, asked as seldom as possible.

One look-up per distinct reference and poll, whoever many deployments name it; first look-ups of
the same moment travel together. An outage never replaces a good answer at once: it is told
apart from absence and reported only when it lasts.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from lockgate.domain.model import Contents, ModelReference, ModelVersion
from lockgate.domain.ports import Lookup, Registry, Telemetry
from lockgate.errors import LockgateError, RegistryUnavailable, Transient

T = TypeVar("T")
# Polls in a row that must fail before a good answer is reported as out of date.
OUTAGE_AFTER_POLLS = 2
_TOGETHER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """The latest usable answer for a reference and how many polls have failed since."""

    lookup: Lookup
    outage: Transient | None = None
    failed_polls: int = 0

    def told(self) -> Lookup:
        """What a pass is told."""
        return self.outage if self.outage and self.failed_polls >= OUTAGE_AFTER_POLLS else self.lookup


def _fine(_: object) -> str:
    return "ok"


def _worst(answers: Mapping[ModelReference, Lookup]) -> str:
    """An outage if any answer tells of one; absence is an answer like any other."""
    return next((answer.reason.value for answer in answers.values() if isinstance(answer, Transient)), "ok")


class Lookups:
    """Asks the registry in threads of its own, at most two calls at a time."""

    def __init__(self, registry: Registry, telemetry: Telemetry) -> None:
        self._registry = registry
        self._telemetry = telemetry
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="registry")
        self._answers: dict[ModelReference, Answer] = {}
        self._waiting: dict[ModelReference, asyncio.Future[Answer]] = {}
        self._contents: dict[tuple[str, str], Contents] = {}
        self._flush: asyncio.Task[None] | None = None

    async def look_up(self, reference: ModelReference, *, anew: bool = False) -> ModelVersion:
        """The version that a reference means, from memory unless it is unknown or asked `anew`."""
        known = None if anew else self._answers.get(reference)
        told = (known or await self._ask_together(reference)).told()
        if isinstance(told, LockgateError):
            raise told
        return told

    async def inspect(self, version: ModelVersion) -> Contents:
        """The summary of a version's manifest; read once, for it cannot change."""
        known = self._contents.get((version.path, version.digest))
        if known is None:
            known = await self._timed("inspect", lambda: self._registry.inspect(version))
            self._contents[version.path, version.digest] = known
        return known

    async def poll(self, wanted: Iterable[ModelReference]) -> frozenset[ModelReference]:
        """Ask anew for every reference; returns those that are now told something else."""
        references = frozenset(wanted)
        self._drop_unused(references)
        if not references:
            return frozenset()
        before = {reference: self._answers.get(reference) for reference in references}
        await self._ask(sorted(references, key=str))
        return frozenset(
            reference for reference, old in before.items() if _differs(old, self._answers.get(reference))
        )

    def _drop_unused(self, references: frozenset[ModelReference]) -> None:
        for unused in self._answers.keys() - references:
            del self._answers[unused]
        lookups = (answer.lookup for answer in self._answers.values())
        current = {(found.path, found.digest) for found in lookups if isinstance(found, ModelVersion)}
        self._contents = {name: known for name, known in self._contents.items() if name in current}

    async def close(self) -> None:
        """Release the client; waits for what is under way."""
        if self._flush is not None:
            self._flush.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flush
        self._registry.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask_together(self, reference: ModelReference) -> Answer:
        future = self._waiting.get(reference)
        if future is None:
            future = self._waiting[reference] = asyncio.get_running_loop().create_future()
        if self._flush is None or self._flush.done():
            self._flush = asyncio.create_task(self._flush_soon())
        return await asyncio.shield(future)

    async def _flush_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(_TOGETHER_SECONDS)
            batch = dict(self._waiting)
            await self._ask(sorted(batch, key=str))
            for reference, future in batch.items():
                del self._waiting[reference]
                if not future.done():
                    future.set_result(self._answers[reference])

    async def _ask(self, references: list[ModelReference]) -> None:
        try:
            answers = await self._timed("look_up", lambda: self._registry.look_up(references), _worst)
        except LockgateError as error:
            answers = dict.fromkeys(references, error)
        for reference in references:
            missing = RegistryUnavailable(f"the registry gave no answer for {reference}")
            self._answers[reference] = _merge(self._answers.get(reference), answers.get(reference, missing))

    async def _timed(self, operation: str, call: Callable[[], T], judge: Callable[[T], str] = _fine) -> T:
        started = time.monotonic()
        outcome = "ok"
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, call)
            outcome = judge(answer)
            return answer
        except LockgateError as error:
            outcome = error.reason.value
            raise
        except Exception as error:
            outcome = "Defect"
            raise RegistryUnavailable(
                f"the registry's client failed unexpectedly ({type(error).__name__})"
            ) from error
        finally:
            self._telemetry.registry_answered(operation, outcome, time.monotonic() - started)


def _merge(known: Answer | None, lookup: Lookup) -> Answer:
    if not isinstance(lookup, Transient):
        return Answer(lookup)
    if known is None or isinstance(known.lookup, Transient):
        return Answer(lookup)
    return Answer(known.lookup, outage=lookup, failed_polls=known.failed_polls + 1)


def _differs(old: Answer | None, new: Answer | None) -> bool:
    return _comparable(old) != _comparable(new)


def _comparable(answer: Answer | None) -> object:
    if answer is None:
        return None
    told = answer.told()
    return (type(told), told.message) if isinstance(told, LockgateError) else told
