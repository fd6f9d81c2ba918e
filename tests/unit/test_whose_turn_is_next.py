"""The budget under whatever comes: namespaces that hang, a server that goes, throttles and comes back."""

import asyncio
import random

import pytest
from tests.fakes.virtual_time import in_virtual_time

from lockgate.kube.budget import MOST_ON_THEIR_WAY, Budget, Lane
from lockgate.kube.session import REQUEST_SECONDS

ENDS = 200.0
# So long after the server's return its own signs are forgotten.
RECOVERED_SECONDS = 20.0
LONGEST_SECONDS = 6.0


class World:
    """A server as good as it just is, and namespaces some of which hang."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.budget = Budget(rate=400)
        self.good = [f"good-{number}" for number in range(self.rng.randint(1, 12))]
        evil = self.rng.randint(0, max(3, len(self.good)))
        self.evil = [f"evil-{number}" for number in range(evil)]
        self.hanging: set[str] = set()
        self.state, self.since = "well", 0.0
        self.present = self.most = 0
        self.waited: list[float] = []

    async def ask(self, whose: str) -> None:
        wished = now()
        try:
            began = await self.budget.enter(self.rng.choice(list(Lane)), whose)
        except TimeoutError:
            began = None
        if not whose.startswith("evil") and self.state == "well" and wished > self.since + RECOVERED_SECONDS:
            self.waited.append(now() - wished)
        if began is None:
            return
        self.present += 1
        self.most = max(self.most, self.present)
        try:
            await self.answer(whose, began)
        finally:
            self.present -= 1
            self.budget.leave(whose, began)

    async def answer(self, whose: str, began: float) -> None:
        rng = self.rng
        if self.state == "gone" or (whose in self.hanging and rng.random() < 0.5):
            is_refused = self.state == "gone" and rng.random() < 0.5
            await asyncio.sleep(0.001 if is_refused else REQUEST_SECONDS)
            self.budget.unanswered(began, whose)
            return
        await asyncio.sleep(rng.choice([5, 9]) if whose in self.hanging else 0.001 * max(4, self.present))
        code = 429 if self.state == "throttles" else rng.choice([200, 200, 200, 409, 404])
        self.budget.answered(code, rng.choice([None, 1.0]) if code == 429 else None, began, whose=whose)

    async def client(self, whose: str) -> None:
        while now() < ENDS:
            # Some who wait lose patience, as passes do that are overtaken.
            patience = self.rng.choice([None, None, 30.0, 0.5]) if whose in self.hanging else None
            try:
                async with asyncio.timeout(patience):
                    await self.ask(whose)
            except TimeoutError:
                pass
            await asyncio.sleep(self.rng.random() * 2)

    async def fate(self) -> None:
        while now() < ENDS:
            await asyncio.sleep(self.rng.randint(10, 50))
            if self.rng.random() < 0.6:
                self.hanging = set(self.evil[: self.rng.randint(0, len(self.evil))])
                continue
            self.state, self.since = self.rng.choice(["gone", "throttles"]), now()
            await asyncio.sleep(self.rng.randint(5, 40))
            self.state, self.since = "well", now()

    async def live(self) -> None:
        async with asyncio.TaskGroup() as group:
            for whose in (*self.good, *self.evil, ""):
                for _ in range(self.rng.randint(1, 40 if whose in self.evil else 4)):
                    group.create_task(self.client(whose))
            group.create_task(self.fate())


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_hangs_or_goes_the_others_are_let_in_soon_and_in_the_end_every_place_is_free(seed):
    async def scene() -> None:
        world = World(seed)
        await world.live()
        assert max(world.waited) < LONGEST_SECONDS
        assert world.most <= MOST_ON_THEIR_WAY
        began = now()
        await asyncio.gather(*(world.ask("late") for _ in range(5)))
        assert now() - began < 1
        assert world.present == 0

    in_virtual_time(scene())
