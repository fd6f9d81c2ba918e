"""Calls that may hang: whoever asks is answered in time, and no hanging call is repeated for ever."""

import threading
import time
from collections.abc import Iterator

import pytest

from lockgate.registries.wandb.calls import BoundedCalls

SOON = 0.2
LATER = 20.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds calls until it is set; every test lets go of what it holds."""
    event = threading.Event()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name == "test-calls":
            thread.join(LATER)
            assert not thread.is_alive()


@pytest.fixture
def calls() -> BoundedCalls:
    return BoundedCalls("test-calls", 4)


def until(seconds: float) -> float:
    return time.monotonic() + seconds


def test_every_item_is_answered_once(calls):
    asked: list[int] = []

    def double(item: int) -> int:
        asked.append(item)
        return 2 * item

    assert calls.each(range(50), double, width=3, until=until(LATER)) == {n: 2 * n for n in range(50)}
    assert sorted(asked) == list(range(50))


def test_no_items_are_no_calls(calls):
    assert calls.each([], lambda item: item, width=3, until=until(LATER)) == {}


def test_one_that_hangs_does_not_hide_the_others(calls, gate):
    def answer(item: str) -> str:
        if item == "hangs":
            gate.wait(LATER)
        return item.upper()

    started = time.monotonic()
    answers = calls.each(["hangs", "a", "b", "c"], answer, width=2, until=until(SOON))
    assert time.monotonic() - started < LATER / 2
    assert answers == {"a": "A", "b": "B", "c": "C"}


def test_what_was_not_begun_in_time_never_is(calls, gate):
    begun: list[int] = []

    def answer(item: int) -> int:
        begun.append(item)
        gate.wait(LATER)
        return item

    assert calls.each(range(10), answer, width=2, until=until(SOON)) == {}
    gate.set()
    while any(thread.name == "test-calls" for thread in threading.enumerate()):
        threading.Event().wait(0.005)
    assert begun == [0, 1]


def test_hanging_calls_are_counted_and_bounded(calls, gate):
    def hang(item: int) -> int:
        gate.wait(LATER)
        return item

    for _ in range(5):
        assert calls.each(range(3), hang, width=3, until=until(0.02)) == {}
    assert sum(thread.name == "test-calls" for thread in threading.enumerate()) <= 4


def test_when_all_threads_hang_the_answer_is_nothing_and_comes_at_once(calls, gate):
    def hang(item: int) -> int:
        gate.wait(LATER)
        return item

    calls.each(range(4), hang, width=4, until=until(0.02))
    started = time.monotonic()
    assert calls.each([1], lambda item: item, width=1, until=until(LATER)) == {}
    assert time.monotonic() - started < LATER / 2
