"""Where garbage is looked for: not in what has lasted, and young garbage still goes."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from lockgate.heap import Heap


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Knot:
    """What no reference count frees."""

    def __init__(self) -> None:
        self.itself = self


def test_what_has_lasted_is_looked_through_no_more():
    known = [{"name": str(number)} for number in range(50_000)]
    heap = Heap(is_quiet=lambda: True)
    assert heap.set_aside()
    assert gc.get_freeze_count() >= len(known)
    assert len(gc.get_objects()) < len(known) / 10


def test_a_heap_is_set_aside_again_only_when_it_has_grown_much():
    heap = Heap(is_quiet=lambda: True)
    assert heap.set_aside()
    assert not heap.set_aside()
    grown = [[number] for number in range(2_000_000)]
    assert heap.set_aside()
    del grown
    assert not heap.set_aside()


@pytest.mark.parametrize("is_quiet", [True, False])
def test_young_garbage_is_freed_before_the_rest_is_set_aside(is_quiet: bool):
    knot = Knot()
    found = weakref.ref(knot)
    del knot
    assert Heap(is_quiet=lambda: is_quiet).set_aside()
    assert found() is None


def test_garbage_goes_of_itself_between_two_looks():
    Heap(is_quiet=lambda: True).set_aside()
    knot = Knot()
    found = weakref.ref(knot)
    del knot
    kept = []
    for number in range(10**7):
        if found() is None:
            break
        kept.append([number])
    assert found() is None
