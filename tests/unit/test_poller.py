"""The poller asks for what is followed, and wakes whose answer changed; at rest it looks at nobody."""

import asyncio

from prometheus_client import CollectorRegistry
from tests.fakes.builders import version
from tests.fakes.registry import FakeRegistry

from lockgate.domain.model import ModelReference
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.poller import Poller
from lockgate.telemetry.metrics import Metrics

PRODUCTION = ModelReference(registry="model", collection="churn", selector="production")
STAGING = ModelReference(registry="model", collection="churn", selector="staging")
A, B, C = ("growth", "a"), ("growth", "b"), ("growth", "c")


class Polled:
    """A poller over a registry in memory, with two aliases on v1."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.registry.point("production", version(1))
        self.registry.point("staging", version(1))
        self.followers = Followers()
        self.woken: list[tuple[str, str]] = []
        lookups = Lookups(self.registry, Metrics(CollectorRegistry()))
        self.poller = Poller(lookups, self.followers, self.woken.append, interval=0.01)

    async def poll(self) -> list[tuple[str, str]]:
        self.woken.clear()
        await self.poller.poll_once()
        return sorted(self.woken)


def test_a_deployment_follows_one_reference_at_a_time():
    followers = Followers()
    followers.follow(A, PRODUCTION)
    followers.follow(A, PRODUCTION)
    followers.follow(B, PRODUCTION)
    followers.follow(A, STAGING)
    assert (set(followers.of(PRODUCTION)), set(followers.of(STAGING))) == ({B}, {A})
    followers.forget(B)
    followers.forget(B)
    assert followers.references() == {STAGING}
    assert followers.of(PRODUCTION) == ()


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


async def test_a_defect_in_one_poll_does_not_end_the_polling():
    polled = Polled()
    polled.followers.follow(A, PRODUCTION)
    waking = asyncio.Event()

    def broken(key: tuple[str, str]) -> None:
        if polled.registry.answers["production"].version == "v1":
            raise KeyError("surprise")
        waking.set()

    polled.poller._wake = broken
    running = asyncio.create_task(polled.poller.run())
    while not polled.registry.look_ups:
        await asyncio.sleep(0)
    polled.registry.point("production", version(2))
    await asyncio.wait_for(waking.wait(), timeout=5)
    running.cancel()
