"""Kinds that a cluster may lack: found when they come, and never believed absent for want of an answer."""

import asyncio

import pytest

from lockgate.domain.resources import HTTP_ROUTE, POD, Resource
from lockgate.errors import ClusterUnavailable
from lockgate.watch import discovery
from lockgate.watch.discovery import Discovery


class Api:
    """What the API server says of a kind: yes, no, or nothing."""

    def __init__(self) -> None:
        self.serves: bool | None = False
        self.asked = 0
        self.found: list[Resource] = []
        self.discovery = Discovery([HTTP_ROUTE], self._serves, self.found.append)

    async def _serves(self, resource: Resource) -> bool:
        self.asked += 1
        if self.serves is None:
            raise ClusterUnavailable("no answer")
        return self.serves


@pytest.fixture
def api() -> Api:
    return Api()


async def test_a_kind_that_comes_later_is_found_once_and_not_asked_for_again(api):
    await api.discovery.look()
    assert (api.found, api.discovery.lacks(HTTP_ROUTE)) == ([], True)
    api.serves = True
    for _ in range(3):
        await api.discovery.look()
    assert (api.found, api.discovery.lacks(HTTP_ROUTE), api.asked) == ([HTTP_ROUTE], False, 2)


async def test_no_answer_does_not_say_that_the_kind_is_lacking(api):
    api.serves = None
    await api.discovery.look()
    assert not api.discovery.lacks(HTTP_ROUTE)
    api.serves = False
    await api.discovery.look()
    assert api.discovery.lacks(HTTP_ROUTE)


async def test_of_a_kind_that_nobody_wants_nothing_is_said(api):
    await api.discovery.look()
    assert not api.discovery.lacks(POD)


async def test_it_is_looked_for_by_itself_again_and_again(api, monkeypatch):
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.0)
    running = asyncio.create_task(api.discovery.run())
    async with asyncio.timeout(10):
        while api.asked < 3:
            await asyncio.sleep(0)
        api.serves = True
        while not api.found:
            await asyncio.sleep(0)
    running.cancel()


def test_a_kind_is_found_within_a_minute():
    assert discovery.LOOK_SECONDS <= 60
