"""One namespace whose writes hang, behind a webhook that is away, holds up nobody else's."""

import asyncio

import pytest
from tests.fakes.virtual_time import in_virtual_time

from lockgate.kube.budget import AT_ONCE, MOST_PARKED, PLACES_OF_SLOW, Budget, Lane
from lockgate.kube.pace import SLOW_SECONDS

HANGING_SECONDS = 10.0
UNTIL = 240.0


def now() -> float:
    return asyncio.get_running_loop().time()


class Scene:
    """Requests of namespaces, each answered after so long; how long they took from the wish on."""

    def __init__(self) -> None:
        self.budget = Budget(rate=400)
        self.took: dict[str, list[float]] = {}
        self.present: dict[str, int] = {}
        self.most_late: dict[str, int] = {}

    async def ask(self, whose: str, seconds: float, *, answers: bool = True) -> None:
        wished = now()
        try:
            began = await self.budget.enter(Lane.CHILD, whose)
        except TimeoutError:
            self.took.setdefault(whose, []).append(now() - wished)
            return
        self.present[whose] = self.present.get(whose, 0) + 1
        if now() > UNTIL / 2:
            self.most_late[whose] = max(self.most_late.get(whose, 0), self.present[whose])
        await asyncio.sleep(seconds)
        self.present[whose] -= 1
        if answers:
            self.budget.answered(500, None, began, whose=whose)
        else:
            self.budget.unanswered(began, whose)
        self.budget.leave(whose, began)
        self.took.setdefault(whose, []).append(now() - wished)

    async def ask_for_ever(self, whose: str, seconds: float, *, answers: bool = True) -> None:
        while now() < UNTIL:
            await self.ask(whose, seconds, answers=answers)
            await asyncio.sleep(0.5)


async def fifty_hang(scene: Scene, *, answers: bool) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(scene.ask_for_ever("good", 0.02))
        await asyncio.sleep(5)
        for _ in range(50):
            group.create_task(scene.ask_for_ever("evil", HANGING_SECONDS, answers=answers))


def check_that_the_good_were_served(scene: Scene) -> None:
    took = sorted(scene.took["good"])
    assert took[-1] <= 2 * SLOW_SECONDS, "before anybody could know"
    assert took[len(took) * 9 // 10] < 1
    assert scene.most_late["evil"] <= PLACES_OF_SLOW


async def several_hang(scene: Scene, *, hanging: int, good: int) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(good):
            group.create_task(scene.ask_for_ever("good" if not number else f"good-{number}", 0.02))
        await asyncio.sleep(5)
        for number in range(50 * hanging):
            evil = f"evil-{number % hanging}"
            group.create_task(scene.ask_for_ever(evil, HANGING_SECONDS, answers=False))


@pytest.mark.parametrize(("hanging", "good"), [(2, 1), (3, 1), (5, 6), (7, 20)])
def test_several_namespaces_that_hang_delay_nobody_else(hanging, good):
    scene = Scene()
    in_virtual_time(several_hang(scene, hanging=hanging, good=good))
    took = sorted(scene.took["good"])
    assert took[-1] <= 3 * SLOW_SECONDS, "before anybody could know, one takes the place of another"
    assert took[len(took) * 9 // 10] < 0.1


def test_fifty_whose_writes_are_answered_late_delay_nobody_else():
    scene = Scene()
    in_virtual_time(fifty_hang(scene, answers=True))
    check_that_the_good_were_served(scene)


def test_fifty_whose_writes_are_never_answered_delay_nobody_else():
    scene = Scene()
    in_virtual_time(fifty_hang(scene, answers=False))
    check_that_the_good_were_served(scene)


def test_a_server_that_is_slow_for_all_is_asked_less():
    async def slow_for_all(scene: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(60):
                group.create_task(scene.ask_for_ever(f"team-{number % 20}", 5.0))

    scene = Scene()
    in_virtual_time(slow_for_all(scene))
    assert scene.budget.at_once < AT_ONCE / 2


def test_a_namespace_that_answers_again_has_all_places_again():
    async def hangs_and_recovers(scene: Scene) -> None:
        await asyncio.gather(*(scene.ask("evil", HANGING_SECONDS) for _ in range(20)))
        await scene.ask("good", 0.02)
        await asyncio.gather(*(scene.ask("evil", 0.02) for _ in range(40)))
        began = now()
        await asyncio.gather(*(scene.ask("evil", 0.5) for _ in range(AT_ONCE)))
        assert now() - began < 1

    in_virtual_time(hangs_and_recovers(Scene()))


def test_of_a_thousand_that_would_hang_all_but_a_few_are_sent_away_at_once():
    async def thousand(scene: Scene) -> None:
        await asyncio.gather(*(scene.ask("evil", HANGING_SECONDS) for _ in range(20)))
        await scene.ask("good", 0.02)
        scene.took.clear()
        held = [asyncio.create_task(scene.ask("evil", HANGING_SECONDS)) for _ in range(1000)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(scene.took["evil"]) == 1000 - PLACES_OF_SLOW - MOST_PARKED
        await asyncio.gather(*held)

    in_virtual_time(thousand(Scene()))


def test_a_fleet_of_one_namespace_is_never_sent_away_for_a_server_that_is_slow():
    async def one_namespace(scene: Scene) -> None:
        await asyncio.gather(*(scene.ask("all", HANGING_SECONDS) for _ in range(50)))
        assert min(scene.took["all"]) >= HANGING_SECONDS

    in_virtual_time(one_namespace(Scene()))


def test_whoever_waits_for_a_place_that_is_held_for_long_is_let_in_before_those_who_hold_it():
    async def all_at_once(scene: Scene) -> None:
        await scene.ask("good", 0.02)
        evil = [asyncio.create_task(scene.ask("evil", HANGING_SECONDS)) for _ in range(2 * AT_ONCE)]
        await asyncio.sleep(0)
        await asyncio.gather(*(scene.ask("good", 0.02) for _ in range(AT_ONCE)))
        assert max(scene.took["good"]) <= 2 * SLOW_SECONDS
        assert scene.present["evil"] == AT_ONCE, "they are lent no place of others"
        await asyncio.gather(*evil, return_exceptions=True)
        assert len(scene.took["evil"]) == 2 * AT_ONCE

    in_virtual_time(all_at_once(Scene()))
