"""The budget follows what the API server says of itself, and lets in first what matters most."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest
from tests.fakes.virtual_time import in_virtual_time

from lockgate.kube.budget import (
    AT_ONCE,
    AT_ONCE_IN_A_CROWD,
    LONGEST_HINT_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Budget,
    Lane,
)
from lockgate.kube.errand import PRESENT_ERRAND, Errand
from lockgate.kube.session import REQUEST_SECONDS


def now() -> float:
    return asyncio.get_running_loop().time()


class Server:
    """What stands behind the budget: answers so, after so long, and remembers when it was asked."""

    def __init__(self, budget: Budget, *, code: int | None = 200, seconds: float = 0.01) -> None:
        self.budget, self.code, self.seconds = budget, code, seconds
        self.after: float | None = None
        self.asked: list[float] = []
        self.most = self.present = 0

    async def ask(self, lane: Lane = Lane.CHILD, seconds: float | None = None) -> None:
        began = await self.budget.enter(lane)
        try:
            self.asked.append(now())
            self.present += 1
            self.most = max(self.most, self.present)
            await asyncio.sleep(seconds or self.seconds)
            if self.code is None:
                self.budget.unanswered(began)
            else:
                self.budget.answered(self.code, self.after, began)
        finally:
            self.present -= 1
            self.budget.leave()

    async def ask_often(self, number: int) -> None:
        await asyncio.gather(*(self.ask() for _ in range(number)))


def play(scene: Callable[[Budget, Server], Awaitable[None]], rate: float = 1e6) -> None:
    async def begin() -> None:
        budget = Budget(rate=rate)
        await scene(budget, Server(budget))

    in_virtual_time(begin())


def test_a_healthy_server_is_asked_as_often_as_the_ceiling_lets_and_no_more():
    async def scene(budget: Budget, server: Server) -> None:
        await server.ask_often(2000)
        assert (2000 - 40) / 400 <= now() < 2000 / 400 * 1.1
        assert server.most <= AT_ONCE

    play(scene, rate=400)


def test_the_longest_hint_of_the_server_holds_for_all_and_has_an_end():
    async def scene(budget: Budget, server: Server) -> None:
        server.code, server.after = 429, 7.0
        await server.ask()
        server.code = 200
        said = now()
        await asyncio.gather(server.ask(), server.ask(Lane.EVENT))
        assert min(server.asked[1:]) == pytest.approx(said + 7)
        server.code, server.after = 503, 1e9
        await server.ask()
        server.code, said = 200, now()
        await asyncio.wait([asyncio.ensure_future(server.ask(Lane.EVENT))])
        assert server.asked[-1] == pytest.approx(said + LONGEST_HINT_SECONDS)

    play(scene)


def test_a_server_that_is_away_is_asked_rarely_and_found_within_seconds_of_its_return():
    async def scene(budget: Budget, server: Server) -> None:
        async def passes() -> None:
            while True:
                with contextlib.suppress(TimeoutError):
                    await server.ask()

        server.code = None
        running = [asyncio.create_task(passes()) for _ in range(200)]
        await asyncio.sleep(600)
        assert len(server.asked) < 600 / LONGEST_PAUSE_SECONDS * 1.5 + 50
        server.code, back, before = 200, now(), len(server.asked)
        await asyncio.sleep(LONGEST_PAUSE_SECONDS + 3)
        assert server.asked[before] - back <= LONGEST_PAUSE_SECONDS
        assert budget.at_once == AT_ONCE
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    play(scene)


def test_what_fails_together_counts_once():
    async def scene(budget: Budget, server: Server) -> None:
        server.code = None
        await server.ask_often(AT_ONCE)
        assert budget.at_once == AT_ONCE // 2

    play(scene)


def test_a_server_that_throttles_is_asked_less_at_once_until_it_takes_more():
    async def scene(budget: Budget, server: Server) -> None:
        server.code = 429
        for _ in range(10):
            await server.ask()
            await asyncio.sleep(1)
        assert budget.at_once == 1
        server.code = 200
        await server.ask_often(300)
        assert budget.at_once == AT_ONCE

    play(scene)


def test_a_server_that_answers_nearly_all_slowly_is_asked_less_at_once():
    async def scene(budget: Budget, server: Server) -> None:
        server.seconds = 3.0
        for _ in range(300):
            await server.ask()
        assert budget.at_once == 1

    play(scene)


async def ask_by_so_many(budget: Budget, number: int, seconds: Callable[[int], float]) -> None:
    """So many ask one after the other for two seconds; each takes as long as those present make it."""
    present, until = 0, now() + 2

    async def ask() -> None:
        nonlocal present
        while now() < until:
            began = await budget.enter(Lane.CHILD)
            present += 1
            await asyncio.sleep(seconds(present))
            present -= 1
            budget.answered(200, None, began)
            budget.leave("", began)

    await asyncio.gather(*(ask() for _ in range(number)))


def test_a_server_in_which_requests_wait_for_one_another_is_asked_less_at_once_while_they_do():
    async def scene(budget: Budget, _: Server) -> None:
        await ask_by_so_many(budget, 1, lambda present: 0.004 * present)
        await ask_by_so_many(budget, 24, lambda present: 0.004 * present)
        assert budget.at_once == AT_ONCE_IN_A_CROWD
        await ask_by_so_many(budget, 1, lambda present: 0.004 * present)
        assert budget.at_once == AT_ONCE

    play(scene)


def test_a_server_that_is_far_away_is_asked_as_much_at_once_as_may_be():
    async def scene(budget: Budget, _: Server) -> None:
        await ask_by_so_many(budget, 24, lambda present: 0.05 + 0.001 * present)
        assert budget.at_once == AT_ONCE

    play(scene)


@pytest.mark.parametrize("code", [403, 409, 422, 500])
def test_what_is_said_of_one_object_slows_nothing_else(code):
    async def scene(budget: Budget, server: Server) -> None:
        server.code = code
        await server.ask_often(200)
        assert budget.at_once == AT_ONCE

    play(scene)


def test_one_slow_admission_webhook_among_others_slows_nothing_else():
    async def scene(budget: Budget, server: Server) -> None:
        for number in range(400):
            await server.ask(seconds=10 if number % 3 == 0 else 0.01)
        assert budget.at_once == AT_ONCE

    play(scene)


def test_what_waits_goes_by_urgency_then_children_then_statuses_then_events():
    async def scene(budget: Budget, server: Server) -> None:
        went: list[str] = []

        async def ask(name: str, lane: Lane, errand: Errand | None = None) -> None:
            PRESENT_ERRAND.set(errand)
            await budget.enter(lane)
            went.append(name)
            await asyncio.sleep(0.01)
            budget.leave()

        for _ in range(AT_ONCE):
            await budget.enter(Lane.CHILD)
        late = Errand()
        waiting = [
            asyncio.create_task(ask("event", Lane.EVENT)),
            asyncio.create_task(ask("status", Lane.STATUS)),
            asyncio.create_task(ask("first child", Lane.CHILD)),
            asyncio.create_task(ask("second child", Lane.CHILD)),
            asyncio.create_task(ask("a person's status", Lane.STATUS, Errand(urgent=True))),
            asyncio.create_task(ask("hurried meanwhile", Lane.STATUS, late)),
        ]
        await asyncio.sleep(1)
        late.hurry()
        for _ in range(AT_ONCE):
            budget.leave()
            await asyncio.sleep(0.1)
        await asyncio.gather(*waiting)
        assert went == [
            "a person's status", "hurried meanwhile", "first child", "second child", "status", "event",
        ]  # fmt: skip

    play(scene)


@pytest.mark.parametrize(("lane", "rooms"), [(Lane.CHILD, 0), (Lane.STATUS, 1), (Lane.EVENT, 1)])
def test_whose_pods_have_all_that_they_need_makes_room_for_others(lane, rooms):
    async def scene(budget: Budget, server: Server) -> None:
        made = []
        errand = Errand()
        errand.take(lambda: made.append(1))
        PRESENT_ERRAND.set(errand)
        for _ in range(2):
            await budget.enter(lane)
            budget.leave()
        assert len(made) == rooms

    play(scene)


def test_who_waits_for_a_namespace_that_hangs_makes_room_for_others():
    async def scene(budget: Budget, server: Server) -> None:
        made = []

        async def ask(whose: str, seconds: float) -> None:
            errand = Errand()
            errand.take(lambda: made.append(whose))
            PRESENT_ERRAND.set(errand)
            began = await budget.enter(Lane.CHILD, whose)
            await asyncio.sleep(seconds)
            budget.answered(200, None, began, whose=whose)
            budget.leave(whose, began)

        await ask("quick", 0.01)
        hanging = [asyncio.create_task(ask("hangs", 12)) for _ in range(100)]
        await asyncio.sleep(2)
        await ask("quick", 0.01)
        assert set(made) == {"hangs"}
        assert len(made) > 50
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    play(scene)


def test_whoever_waits_in_vain_is_told_after_a_minute_and_an_event_waits_on():
    async def scene(budget: Budget, server: Server) -> None:
        for _ in range(AT_ONCE):
            await budget.enter(Lane.CHILD)
        event = asyncio.create_task(budget.enter(Lane.EVENT))
        with pytest.raises(TimeoutError):
            await budget.enter(Lane.STATUS)
        assert now() == pytest.approx(60)
        assert not event.done()
        budget.leave()
        await event

    play(scene)


def test_whoever_is_cancelled_takes_no_turn_and_loses_none():
    async def scene(budget: Budget, server: Server) -> None:
        chance = random.Random(7)
        tasks = []
        for _ in range(3000):
            tasks.append(asyncio.create_task(server.ask(chance.choice(list(Lane)))))
            await asyncio.sleep(chance.choice([0, 0, 0.0005]))
            chance.choice(tasks[-40:]).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert server.most <= AT_ONCE
        assert server.present == 0
        before = len(server.asked)
        await asyncio.wait_for(server.ask_often(AT_ONCE), timeout=1)
        assert len(set(server.asked[before:])) == 1, "all places are free"

    play(scene)


def test_a_server_that_swallowed_what_it_was_asked_is_found_within_seconds_of_its_return():
    """Requests that wait in vain for their end keep no other from finding that it is back."""

    async def scene(budget: Budget, server: Server) -> None:
        async def passes() -> None:
            while True:
                with contextlib.suppress(TimeoutError):
                    await server.ask()

        running = [asyncio.create_task(passes()) for _ in range(50)]
        await asyncio.sleep(1)
        for pause in (40, 41, 43, 47, 53, 59):
            server.code, server.seconds = None, REQUEST_SECONDS
            await asyncio.sleep(pause)
            server.code, server.seconds, server.present = 200, 0.01, 0
            back, before = now(), len(server.asked)
            await asyncio.sleep(LONGEST_PAUSE_SECONDS + 0.1)
            assert server.asked[before] - back <= LONGEST_PAUSE_SECONDS
            await asyncio.sleep(3)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    play(scene)


def test_who_waits_for_the_return_of_a_server_that_was_away_is_told_once():
    async def scene(_: Budget, __: Server) -> None:
        told: list[float] = []
        budget = Budget(rate=1e6, returned=lambda: told.append(now()))
        server = Server(budget)
        await server.ask_often(20)
        assert not told
        server.code = 503
        for _ in range(4):
            await server.ask()
        server.code = 200
        await server.ask_often(20)
        assert len(told) == 1

    play(scene)
