"""A kill at any request to ECS, before it or after it: the end is that of an undisturbed run."""

import random
from typing import Any

import pytest
from tests.fakes.ecs import WRITES, EcsRig, Killed, canary

from lockgate_sandbox.fake_ecs.tasks import Fate


class Story:
    """A first version, a canary that somebody lets go on, and one that ECS takes back."""

    def __init__(self) -> None:
        self.rig = EcsRig()
        self.rig.ask_for(canary(10))
        self.rig.account.fates["v3"] = Fate.CRASHES
        self.approved = False

    async def beat(self) -> None:
        try:
            await self.rig.look()
        except Killed:
            self.rig.restart()
        self.rig.wait(seconds=10)
        self.rig.account.advance(10)

    async def until(self, condition: Any) -> None:
        for _ in range(150):
            if condition():
                return
            await self.beat()
        raise AssertionError(f"never came: {self.rig.there()} {self.rig.status.get('conditions')}")

    async def live(self) -> Any:
        rig = self.rig
        await rig.point(1)
        await self.until(lambda: (rig.status.get("stable") or {}).get("version") == "v1")
        await rig.point(2)
        await self.until(lambda: rig.shares.get("candidate") == 10)
        for _ in range(6):
            await self.beat()
            assert rig.shares.get("candidate") == 10, "nobody has approved yet"
        rig.request(f"approve {rig.status['candidate']['release']} by ada")
        await self.until(lambda: (rig.status.get("stable") or {}).get("version") == "v2")
        await rig.point(3)
        await self.until(lambda: any(e["version"] == "v3" for e in rig.status.get("history", [])))
        for _ in range(10):
            await self.beat()
        outcomes = [(entry["version"], entry["outcome"]) for entry in rig.status["history"]]
        return rig.there(), outcomes, rig.shares


class KilledAtAWrite(Story):
    """One kill, at one of the requests that change something."""

    def __init__(self, write: int, *, before: bool) -> None:
        super().__init__()
        door, real, seen = self.rig.door, self.rig.door.ask, 0
        self.landed = False

        async def ask(target: Any, operation: str, arguments: Any) -> Any:
            nonlocal seen
            if operation.startswith(WRITES):
                seen += 1
                if seen - 1 == write:
                    self.landed = True
                    if not before:
                        await real(target, operation, arguments)
                    raise Killed
            return await real(target, operation, arguments)

        door.ask = ask  # type: ignore[method-assign]


class KilledAtRandom(Story):
    """Many kills, at any request."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        drawn, real = random.Random(seed), self.rig.door.ask
        self.killed = 0

        async def ask(target: Any, operation: str, arguments: Any) -> Any:
            at = drawn.random()
            if at < 0.03:
                self.killed += 1
                raise Killed
            answer = await real(target, operation, arguments)
            if at < 0.06:
                self.killed += 1
                raise Killed
            return answer

        self.rig.door.ask = ask  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def undisturbed() -> Any:
    import asyncio

    story = Story()
    end = asyncio.run(story.live())
    return end, len(story.rig.door.writes)


def test_the_story_goes_through_every_kind_of_request_that_a_rollout_makes(undisturbed):
    (there, outcomes, shares), writes = undisturbed
    assert writes >= 10
    assert there["deployments"] == [("v1", "SUCCESSFUL"), ("v2", "SUCCESSFUL"), ("v3", "ROLLBACK_SUCCESSFUL")]
    assert outcomes == [("v3", "Aborted"), ("v2", "Promoted"), ("v1", "Promoted")]
    assert shares == {"stable": 100}


@pytest.mark.parametrize("before", [True, False], ids=["before it is sent", "after it is done"])
async def test_a_kill_at_any_request_that_changes_something_changes_nothing_of_the_end(undisturbed, before):
    end, writes = undisturbed
    for write in range(writes):
        story = KilledAtAWrite(write, before=before)
        assert await story.live() == end, f"killed at write {write}"
        assert story.landed


@pytest.mark.parametrize("seed", range(4))
async def test_kills_at_any_requests_change_nothing_of_the_end(undisturbed, seed):
    story = KilledAtRandom(seed)
    assert await story.live() == undisturbed[0]
    assert story.killed > 5
