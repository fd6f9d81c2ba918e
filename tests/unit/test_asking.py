"""A refused batch is halved; what one reference spoils is asked for by itself; the rest has its answer."""

import time
from collections.abc import Callable

import pytest

from lockgate.domain.ports import Lookup
from lockgate.domain.version import Alias, Reference
from lockgate.errors import AliasNotFound, RegistryUnavailable
from lockgate.registries.wandb import asking
from lockgate.registries.wandb.asking import (
    BATCH,
    EACH,
    Asking,
    BatchImpossible,
    BatchRefused,
    Chunk,
    Memory,
    Outcome,
)


def alias(number: int, registry: str = "model") -> Reference:
    return Reference(registry=registry, collection=f"c{number:04}", wanted=Alias("production"))


class FakeDoor:
    """Answers what it knows; `refuses` says of a batch whether it is, and how."""

    def __init__(self, refuses: Callable[[Chunk], BatchRefused | BatchImpossible | None]) -> None:
        self.refuses = refuses
        self.batches: list[int] = []
        self.singles: list[Reference] = []
        self.broken: set[Reference] = set()

    def batch(self, chunk: Chunk, until: float) -> dict[Reference, Lookup]:
        self.batches.append(len(chunk))
        refusal = self.refuses(chunk)
        if refusal is not None:
            raise refusal
        return {one: AliasNotFound(f"{one} is not there") for one in chunk}

    def single(self, reference: Reference) -> Lookup:
        self.singles.append(reference)
        if reference in self.broken:
            return RegistryUnavailable(f"could not look up {reference}: the registry answered with an error")
        return AliasNotFound(f"{reference} is not there")


def ask(door: FakeDoor, memory: Memory, references: list[Reference]) -> dict[Reference, Lookup]:
    asking = Asking(door, memory, time.monotonic() + 60)
    for chunk in asking.chunks(references):
        asking.work_off(chunk)
    return asking.outcome().answers


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_references_travel_fifty_at_a_time_and_each_registry_by_itself(memory):
    door = FakeDoor(lambda chunk: None)
    wanted = [alias(n) for n in range(120)] + [alias(n, "dataset") for n in range(3)]
    assert ask(door, memory, wanted).keys() == set(wanted)
    assert sorted(door.batches) == [3, 20, BATCH, BATCH]
    assert door.singles == []


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 12, 25, 49])
def test_batches_that_are_too_large_are_halved_and_the_size_that_works_is_remembered(memory, limit):
    door = FakeDoor(lambda chunk: BatchRefused(by_size=True) if len(chunk) > limit else None)
    wanted = [alias(n) for n in range(100)]
    assert ask(door, memory, wanted).keys() == set(wanted)
    door.batches.clear()
    door.singles.clear()
    ask(door, memory, wanted)
    assert max(door.batches, default=1) <= limit
    assert len(door.batches) + len(door.singles) <= -(-100 // max(1, limit // 2)) + 4


def test_one_that_spoils_every_batch_costs_itself_alone_and_is_asked_by_itself_from_then_on(memory):
    poison = alias(17)
    door = FakeDoor(lambda chunk: BatchRefused(by_size=False) if poison in chunk else None)
    door.broken = {poison}
    wanted = [alias(n) for n in range(100)]
    answers = ask(door, memory, wanted)
    assert [one for one, answer in answers.items() if not isinstance(answer, AliasNotFound)] == [poison]
    assert answers.keys() == set(wanted)
    assert len(door.batches) + len(door.singles) < 20
    door.batches.clear()
    door.singles.clear()
    ask(door, memory, wanted)
    assert (len(door.batches), door.singles) == (2, [poison])


def test_three_that_come_first_and_spoil_every_batch_do_not_condemn_the_rest(memory):
    poison = {alias(n) for n in range(3)}
    door = FakeDoor(lambda chunk: BatchRefused(by_size=False) if poison & set(chunk) else None)
    door.broken = poison
    answers = ask(door, memory, [alias(n) for n in range(50)])
    assert {one for one, answer in answers.items() if not isinstance(answer, AliasNotFound)} == poison


def test_where_everything_is_refused_the_server_is_spared_and_each_is_told_of_itself_alone(memory):
    door = FakeDoor(lambda chunk: BatchRefused(by_size=True))
    wanted = [alias(n) for n in range(50)]
    door.broken = set(wanted)
    answers = ask(door, memory, wanted)
    assert answers.keys() == set(wanted)
    assert len(door.batches) + len(door.singles) < 12
    for one, answer in answers.items():
        assert isinstance(answer, RegistryUnavailable)
        assert {other for other in wanted if str(other) in answer.message} == {one}


def test_a_client_that_offers_no_batches_is_asked_for_one_after_the_other(memory):
    door = FakeDoor(lambda chunk: BatchImpossible())
    wanted = [alias(n) for n in range(60)]
    assert ask(door, memory, wanted).keys() == set(wanted)
    assert sorted(door.singles, key=str) == wanted
    assert len(door.batches) == 1


def test_what_is_not_reached_in_time_is_not_begun(memory):
    door = FakeDoor(lambda chunk: None)
    asking = Asking(door, memory, time.monotonic() - 1)
    for chunk in asking.chunks([alias(n) for n in range(60)]):
        asking.work_off(chunk)
    assert asking.outcome() == Outcome({}, frozenset(), ())
    assert door.batches == []


def test_whoever_is_first_in_the_row_is_asked_for_first_however_few_travel_together(memory):
    wanted = [alias(0, "small"), *(alias(n) for n in range(120)), alias(1, "small")]
    chunks = Asking(FakeDoor(lambda chunk: None), memory, time.monotonic() + 60).chunks(wanted)
    assert chunks[0] == (alias(0, "small"), alias(1, "small"))
    assert [len(chunk) for chunk in chunks] == [2, BATCH, BATCH, 20]


class Clock:
    """Time that goes on only while somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(asking, "time", made)
    return made


class HangingDoor:
    """Batches with one of these in them are never answered; for the others it takes no time."""

    def __init__(self, clock: Clock, *hanging: Reference) -> None:
        self.clock = clock
        self.hanging = set(hanging)
        self.batches: list[Chunk] = []

    def batch(self, chunk: Chunk, until: float) -> dict[Reference, Lookup]:
        self.batches.append(chunk)
        if self.hanging & set(chunk):
            self.clock.now = until
            raise RegistryUnavailable(f"the registry did not answer for {EACH}")
        return {one: AliasNotFound(f"{one} is not there") for one in chunk}

    def single(self, reference: Reference) -> Lookup:
        raise AssertionError("nothing was refused")


def ask_and_learn(door: HangingDoor, memory: Memory, references: list[Reference]) -> set[Reference]:
    """As a look-up does it, each part for itself; returns what was answered."""
    heard: set[Reference] = set()
    for chunk in Asking(door, memory, 0.0).chunks(references):
        asking = Asking(door, memory, door.clock.now + 20)
        asking.work_off(chunk)
        outcome = asking.outcome()
        heard |= {one for one, answer in outcome.answers.items() if isinstance(answer, AliasNotFound)}
        for piece in outcome.hung:
            memory.hung(piece)
    return heard


def test_a_collection_that_hangs_costs_the_others_two_look_ups_and_is_asked_by_itself_from_then_on(
    memory, clock
):
    references = [alias(n) for n in range(BATCH)]
    bad = references[7]
    door = HangingDoor(clock, bad)
    assert ask_and_learn(door, memory, references) == set()
    assert len(ask_and_learn(door, memory, references)) > BATCH / 2
    assert ask_and_learn(door, memory, references) == set(references) - {bad}
    assert [memory.most_with(one) for one in references if memory.most_with(one) < BATCH] == [0]
    door.batches.clear()
    assert ask_and_learn(door, memory, references) == set(references) - {bad}
    assert sorted(map(len, door.batches)) == [1, BATCH - 1]


def test_another_alias_of_a_collection_that_hangs_travels_with_nobody(memory, clock):
    memory.hung((alias(1),))
    other = Reference(registry="model", collection=alias(1).collection, wanted=Alias("newest"))
    chunks = Asking(HangingDoor(clock), memory, clock.now + 60).chunks([alias(0), other, alias(2)])
    assert chunks == [(alias(0), alias(2)), (other,)]


def test_a_collection_that_answers_again_travels_with_the_others_again(memory, clock):
    memory.hung((alias(1),))
    ask_and_learn(HangingDoor(clock), memory, [alias(0), alias(1)])
    assert memory.most_with(alias(1)) == BATCH


def test_what_had_little_time_left_did_not_hang(memory, clock):
    asking = Asking(HangingDoor(clock, alias(0)), memory, clock.now + 20)
    clock.now += 11
    asking.work_off((alias(0), alias(1)))
    assert asking.outcome().hung == ()
