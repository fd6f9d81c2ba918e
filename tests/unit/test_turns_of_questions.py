"""Namespaces take turns at a service, which is asked by few at once and so often a second."""

import asyncio
from functools import partial

from tests.fakes.virtual_time import virtually

from lockgate.resolve.turns import AT_ONCE, AT_ONCE_PER_NAMESPACE, Turns


class Asking:
    """Questions that take `seconds` each, and whose they were in the order in which they were begun."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.turns = Turns(least_seconds=0.2)
        self.begun: list[str] = []
        self.ended = 0

    def want(self, namespace: str, number: int = 1) -> None:
        for each in range(number):
            self.turns.queue(namespace, (namespace, each), partial(self._work, namespace))

    async def _work(self, namespace: str) -> None:
        self.begun.append(namespace)
        await asyncio.sleep(self.seconds)
        self.ended += 1


@virtually
async def test_few_are_asked_at_once_and_of_one_namespace_fewer():
    asking = Asking(seconds=100)
    asking.want("ads", 50)
    await asyncio.sleep(1)
    assert asking.begun == ["ads"] * AT_ONCE_PER_NAMESPACE
    for namespace in ("growth", "search", "maps"):
        asking.want(namespace)
    await asyncio.sleep(1)
    assert asking.begun[AT_ONCE_PER_NAMESPACE:] == ["growth", "search"], "and no more than so many in all"
    assert len(asking.begun) == AT_ONCE
    await asyncio.sleep(10_000)
    assert len(asking.begun) == asking.ended == 53, "and all in the end"


@virtually
async def test_however_many_questions_some_namespaces_have_another_gets_its_turn():
    asking = Asking(seconds=1)
    for namespace in ("ads", "search", "maps"):
        asking.want(namespace, 50)
    await asyncio.sleep(5.5)
    asking.want("growth")
    await asyncio.sleep(1)
    assert "growth" in asking.begun
    await asyncio.sleep(60)
    assert len(asking.begun) == asking.ended == 151
    asking.begun.sort()
    assert asking.begun.count("maps") == 50


@virtually
async def test_however_fast_a_service_answers_it_is_asked_so_often_a_second_and_no_more():
    asking = Asking(seconds=0)
    asking.want("ads", 100)
    await asyncio.sleep(1.95)
    assert asking.ended == 20
    await asyncio.sleep(10)
    assert asking.ended == 100


@virtually
async def test_what_is_dropped_is_not_begun_and_its_place_is_another_s():
    asking = Asking(seconds=100)
    asking.want("ads", 4)
    await asyncio.sleep(1)
    for number in (0, 3):
        asking.turns.drop("ads", ("ads", number))
    asking.turns.drop("ads", "unknown")
    await asyncio.sleep(1)
    assert len(asking.begun) == 3
    await asyncio.sleep(300)
    assert (len(asking.begun), asking.ended) == (3, 2)
