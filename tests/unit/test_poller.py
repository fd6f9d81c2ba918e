"""The poller asks for what is followed, less often while the registry is silent; it never ends."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from tests.fakes.builders import version
from tests.fakes.registry import FakeRegistry

from lockgate.domain.version import Alias, Reference
from lockgate.errors import RegistryUnavailable
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.poller import Poller
from lockgate.telemetry.metrics import Metrics

PRODUCTION = Reference(registry="model", collection="churn", wanted=Alias("production"))
STAGING = Reference(registry="model", collection="churn", wanted=Alias("staging"))
A, B, C = ("growth", "a"), ("growth", "b"), ("growth", "c")


class Polled:
    """A poller over a registry in memory, with two aliases on v1."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.registry.point("production", version(1))
        self.registry.point("staging", version(1))
        self.followers = Followers()
        self.woken: list[tuple[str, str]] = []
        self.lookups = Lookups(
            self.registry, Metrics(CollectorRegistry()), self.followers, lambda key: self.wake(key)
        )
        self.poller = Poller(self.lookups, interval=0.01)

    def wake(self, key: tuple[str, str]) -> None:
        self.woken.append(key)

    async def poll(self) -> list[tuple[str, str]]:
        self.woken.clear()
        await self.poller.poll_once()
        async with asyncio.timeout(10):
            while self.lookups._inspections._tasks:
                await asyncio.sleep(0.001)
        return sorted(self.woken)


async def test_a_move_wakes_those_who_follow_the_alias_and_nobody_else():
    polled = Polled()
    for key, reference in ((A, PRODUCTION), (B, PRODUCTION), (C, STAGING)):
        polled.followers.follow(key, reference)
    await polled.poll()
    assert await polled.poll() == []
    polled.registry.point("production", version(2))
    assert await polled.poll() == [A, B]
    assert await polled.poll() == []


async def test_each_alias_is_asked_once_and_only_while_somebody_follows_it():
    polled = Polled()
    for key in (A, B):
        polled.followers.follow(key, PRODUCTION)
    await polled.poll()
    assert polled.registry.look_ups == ["model/churn:production"]
    for key in (A, B):
        polled.followers.forget(key)
    await polled.poll()
    assert polled.registry.look_ups == ["model/churn:production"]


async def test_a_registry_that_is_silent_is_asked_less_and_less_often_until_it_answers():
    polled = Polled()
    polled.followers.follow(A, PRODUCTION)
    polled.registry.down = RegistryUnavailable("the registry did not answer")
    pauses = []
    for _ in range(6):
        await polled.poll()
        pauses.append(polled.poller.pause)
    assert pauses == pytest.approx([0.02, 0.04, 0.08, 0.1, 0.1, 0.1])
    polled.registry.down = None
    await polled.poll()
    assert polled.poller.pause == pytest.approx(0.01)


async def test_a_defect_in_one_poll_does_not_end_the_polling():
    polled = Polled()
    polled.followers.follow(A, PRODUCTION)
    failed, woken = asyncio.Event(), asyncio.Event()

    def broken_once(key: tuple[str, str]) -> None:
        if not failed.is_set():
            failed.set()
            raise KeyError("surprise")
        woken.set()

    polled.wake = broken_once
    running = asyncio.create_task(polled.poller.run())
    await asyncio.wait_for(failed.wait(), timeout=5)
    polled.registry.point("production", version(2))
    await asyncio.wait_for(woken.wait(), timeout=5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
