"""One look-up of many references: in batches, and in smaller ones where a batch is refused.

A refused batch is halved, down to single references, so that one that cannot be asked for costs
itself alone. What size worked is remembered for a while. What is not reached in time is left
out, and asked for first the next time. A batch that hangs while the registry answers others is
asked in smaller parts the next time, until the collection that hangs is asked for by itself.
"""

import math
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lockgate.domain.ports import Lookup
from lockgate.domain.version import Reference
from lockgate.errors import AccessDenied, LockgateError, Transient
from lockgate.registries.wandb.connection import Untranslated

BATCH = 50
# Single look-ups that must all fail before the rest of a refused batch is spared the server.
PROBES = 3
REMEMBER_SECONDS = 600.0
# Into so many parts is divided what hung together: each round of it takes a whole time-out.
_PARTS_OF_HUNG = 8
# What took so much of its time hung, if it had much; the client ends a little early at times.
_NEARLY_ALL, _MUCH = 0.8, 0.5
# Stands for each reference of a request in what is said of them all.
EACH = "{reference}"

Chunk = tuple[Reference, ...]
Collection = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers, which references were begun, and which parts hung."""

    answers: dict[Reference, Lookup]
    begun: frozenset[Reference]
    hung: tuple[Chunk, ...]


class BatchRefused(Untranslated):
    """Several look-ups in one request were refused; `by_size` when fewer of them might pass."""

    def __init__(self, *, by_size: bool) -> None:
        super().__init__()
        self.by_size = by_size


class BatchImpossible(Untranslated):
    """The installed client does not offer several look-ups in one request."""


class Door(Protocol):
    """The two ways to ask."""

    def batch(self, chunk: Chunk, until: float) -> dict[Reference, Lookup]:
        """Ask for many; raises a LockgateError, BatchRefused or BatchImpossible."""

    def single(self, reference: Reference) -> Lookup:
        """Ask for one; never raises."""


class Memory:
    """What was learnt of the server and lasts beyond one look-up; used by many threads."""

    def __init__(self) -> None:
        self._size = BATCH
        self._size_until = 0.0
        self._alone: dict[Reference, float] = {}
        # By collection: whoever names ever new aliases of one that hangs makes it no other.
        self._hung: dict[Collection, tuple[int, float]] = {}

    def size(self) -> int:
        """How many references may travel together: one when only singles work."""
        return self._size if time.monotonic() < self._size_until else BATCH

    def shrink(self, size: int) -> None:
        """Only so many were taken."""
        self._size, self._size_until = max(1, size), time.monotonic() + REMEMBER_SECONDS

    def travels_alone(self, reference: Reference) -> bool:
        """Whether this one spoilt a batch lately."""
        return time.monotonic() < self._alone.get(reference, -math.inf)

    def set_apart(self, reference: Reference) -> None:
        """Ask for this one by itself for a while."""
        now = time.monotonic()
        self._alone = {one: until for one, until in tuple(self._alone.items()) if until > now}
        self._alone[reference] = now + REMEMBER_SECONDS

    def most_with(self, reference: Reference) -> int:
        """How many may travel with it, itself included; 0 for what has hung by itself."""
        most, until = self._hung.get(_collection(reference), (BATCH, math.inf))
        return most if time.monotonic() < until else BATCH

    def hung(self, piece: Chunk) -> None:
        """These were asked for together and not answered in time, while the registry answers others."""
        now, collections = time.monotonic(), {_collection(one) for one in piece}
        self._hung = {one: known for one, known in tuple(self._hung.items()) if known[1] > now}
        most = math.ceil(len(collections) / _PARTS_OF_HUNG) if len(collections) > 1 else 0
        self._hung |= dict.fromkeys(collections, (most, now + REMEMBER_SECONDS))

    def heard(self, reference: Reference) -> None:
        """It was answered."""
        self._hung.pop(_collection(reference), None)


@dataclass(slots=True)
class _Tally:
    """How the parts of one chunk fared."""

    by_size: bool = False
    heard: bool = False
    batched: bool = False
    failures: int = 0
    last: LockgateError | None = None

    def refuse(self, refused: BatchRefused) -> None:
        """Several together were refused; that tells of all once one by itself has failed too."""
        self.by_size = self.by_size or refused.by_size
        self.failures += bool(self.failures)

    def count(self, reference: Reference, answer: Lookup) -> None:
        """A single look-up was answered."""
        if isinstance(answer, Transient | AccessDenied):
            self.failures += 1
            self.last = about(None, answer, instead_of=str(reference))
        else:
            self.heard = True

    @property
    def given_up(self) -> LockgateError | None:
        """What to say of the rest without asking, if so much has failed and nothing succeeded."""
        return self.last if self.failures >= PROBES and not self.heard else None


class Asking:
    """The state of one look-up; `work_off` runs in several threads, each with chunks of its own."""

    def __init__(self, door: Door, memory: Memory, until: float) -> None:
        self._door = door
        self._memory = memory
        self._until = until
        self._time = until - time.monotonic()
        self._lock = threading.Lock()
        self._answers: dict[Reference, Lookup] = {}
        self._begun: set[Reference] = set()
        self._under_way: set[Chunk] = set()

    def chunks(self, references: Iterable[Reference]) -> list[Chunk]:
        """The references in parts of one registry each, in about the order given."""
        parts: list[list[Reference]] = []
        together: dict[tuple[str, int], list[Reference]] = {}
        for reference in references:
            most = 1 if self._memory.travels_alone(reference) else self._memory.most_with(reference)
            part = together.get((reference.registry, most), [])
            if not part:
                parts.append(part)
            part.append(reference)
            together[reference.registry, most] = part if len(part) < most else []
        return [tuple(part) for part in parts]

    def work_off(self, chunk: Chunk) -> bool:
        """Ask for a chunk; nothing of it is begun when the time is over."""
        tally, pending = _Tally(), [chunk]
        while pending and time.monotonic() < self._until:
            if tally.given_up is not None:
                self._tell((one for piece in pending for one in piece), tally.given_up)
                break
            # Down to one by itself at first; then what is largest, which tells most.
            piece = max(pending, key=len) if tally.failures or tally.heard else pending[-1]
            pending.remove(piece)
            pending += reversed(self._ask(piece, tally))
        return True

    def outcome(self) -> Outcome:
        """What came of it so far."""
        with self._lock:
            silent = {one for one in self._begun if isinstance(self._answers.get(one), Transient | None)}
            hung = tuple(piece for piece in self._under_way if silent.issuperset(piece))
            return Outcome(dict(self._answers), frozenset(self._begun), hung)

    def _ask(self, piece: Chunk, tally: _Tally) -> list[Chunk]:
        """Ask for a piece; returns what is to be asked for in smaller ones."""
        size = self._memory.size()
        if len(piece) > size:
            return [piece[start : start + size] for start in range(0, len(piece), size)]
        self._begin(piece)
        alone = size == 1 or tally.by_size or self._memory.travels_alone(piece[0])
        if len(piece) == 1 and alone:
            self._ask_singly(piece[0], tally)
            return []
        return self._ask_together(piece, tally)

    def _ask_together(self, piece: Chunk, tally: _Tally) -> list[Chunk]:
        left = self._until - time.monotonic()
        with self._lock:
            if left > _MUCH * self._time:
                self._under_way.add(piece)
        try:
            return self._read_together(piece, tally)
        finally:
            if self._until - time.monotonic() > (1 - _NEARLY_ALL) * left:
                with self._lock:
                    self._under_way.discard(piece)

    def _read_together(self, piece: Chunk, tally: _Tally) -> list[Chunk]:
        try:
            answers = self._door.batch(piece, self._until)
        except BatchImpossible:
            self._memory.shrink(1)
            return [piece]
        except BatchRefused as refused:
            tally.refuse(refused)
            if len(piece) == 1:
                self._memory.set_apart(piece[0])
                return [piece]
            half = (len(piece) + 1) // 2
            return [piece[:half], piece[half:]]
        except LockgateError as error:
            self._tell(piece, error)
            return []
        if tally.by_size and not tally.batched:
            self._memory.shrink(len(piece))
        tally.heard = tally.batched = True
        for reference in piece:
            self._memory.heard(reference)
        self._take(answers)
        return []

    def _ask_singly(self, reference: Reference, tally: _Tally) -> None:
        answer = self._door.single(reference)
        self._take({reference: answer})
        tally.count(reference, answer)
        if tally.by_size and tally.heard and not tally.batched:
            self._memory.shrink(1)

    def _tell(self, references: Iterable[Reference], error: LockgateError) -> None:
        self._take({one: about(one, error, instead_of=EACH) for one in references})

    def _begin(self, piece: Sequence[Reference]) -> None:
        with self._lock:
            self._begun.update(piece)

    def _take(self, answers: dict[Reference, Lookup]) -> None:
        with self._lock:
            self._answers |= answers


def _collection(reference: Reference) -> Collection:
    return reference.registry, reference.collection


def about(reference: Reference | None, error: LockgateError, *, instead_of: str) -> LockgateError:
    """The same error told of one reference: what others ask for is nobody else's business."""
    message = error.message.replace(instead_of, EACH if reference is None else str(reference))
    return type(error)(message, error.after) if isinstance(error, Transient) else type(error)(message)
