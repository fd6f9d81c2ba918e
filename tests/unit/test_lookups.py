"""Look-ups: no pass waits, one question for many, and an outage is told only when it lasts."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.fakes.builders import version
from tests.fakes.registry import FakeRegistry

from lockgate.domain.resources import Key
from lockgate.domain.version import Alias, Reference, Version
from lockgate.errors import AliasNotFound, InternalError, RegistryUnavailable, Unanswered
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups
from lockgate.telemetry.metrics import Metrics

PRODUCTION = Reference(registry="model", collection="churn", wanted=Alias("production"))
STAGING = Reference(registry="model", collection="churn", wanted=Alias("staging"))
A, B, C = ("growth", "a"), ("growth", "b"), ("ads", "c")
DOWN = RegistryUnavailable("the registry did not answer")


class Asked:
    """Look-ups over a registry in memory, where `production` is v1, and who was woken."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.registry.point("production", version(1))
        self.metrics = Metrics(CollectorRegistry())
        self.followers = Followers()
        self.woken: list[Key] = []
        self.lookups = Lookups(self.registry, self.metrics, self.followers, self.woken.append)

    def follow(self, *keys: Key, reference: Reference = PRODUCTION) -> None:
        for key in keys:
            self.followers.follow(key, reference)

    async def ask(self, key: Key = A, reference: Reference = PRODUCTION, after: int | None = None) -> Version:
        """What the passes of one deployment are told in the end, each begun when it is woken."""
        return await self.in_the_end(lambda: self.lookups.look_up(reference, key, after=after))

    async def in_the_end(self, question: Callable[[], Any]) -> Any:
        async with asyncio.timeout(10):
            while True:
                self.woken.clear()
                try:
                    return question()
                except Unanswered:
                    while not self.woken:
                        await asyncio.sleep(0.001)

    async def poll(self) -> list[Key]:
        """Who is woken by one poll, and by the manifest that it may have read."""
        self.woken.clear()
        await self.lookups.poll()
        await until(lambda: not self.lookups._inspections._tasks)
        return sorted(self.woken)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    asked = Asked()
    yield asked
    await asked.lookups.close()


class HeldRegistry(FakeRegistry):
    """Answers nothing until `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def look_up(self, references):
        answers = super().look_up(references)
        self.go.wait(10)
        return answers


async def test_no_pass_waits_for_the_registry_and_the_answer_wakes_whoever_asked(asked):
    held = asked.registry = asked.lookups._registry = HeldRegistry()
    held.point("production", version(1))
    asked.follow(A)
    for _ in range(3):
        with pytest.raises(Unanswered):
            asked.lookups.look_up(PRODUCTION, A)
    await until(lambda: held.look_ups)
    assert asked.woken == []
    held.go.set()
    await until(lambda: asked.woken == [A])
    assert asked.lookups.look_up(PRODUCTION, A).number == "v1"
    assert held.look_ups == ["model/churn:production"]


async def test_fifty_first_look_ups_of_one_alias_ask_once(asked):
    keys = [("growth", str(number)) for number in range(50)]
    asked.follow(*keys)
    for key in keys:
        with pytest.raises(Unanswered):
            asked.lookups.look_up(PRODUCTION, key)
    await until(lambda: len(asked.woken) >= 50)
    assert {asked.lookups.look_up(PRODUCTION, key).number for key in keys} == {"v1"}
    assert asked.registry.look_ups == ["model/churn:production"]
    assert sorted(asked.woken) == sorted(keys)


async def test_a_poll_wakes_whose_answer_changed_and_drops_what_nobody_follows(asked):
    asked.follow(A, B)
    asked.follow(C, reference=STAGING)
    asked.registry.point("staging", version(1))
    await asked.poll()
    assert await asked.poll() == []
    asked.registry.point("production", version(2))
    assert await asked.poll() == [A, B]
    assert (await asked.ask()).number == "v2"
    for key in (A, B):
        asked.followers.forget(key)
    await asked.poll()
    asked.registry.look_ups.clear()
    asked.follow(A)
    await asked.ask()
    assert asked.registry.look_ups == ["model/churn:production"]


async def test_whoever_asks_anew_wakes_all_who_follow_what_has_moved(asked):
    asked.follow(A, B)
    await asked.poll()
    asked.registry.point("production", version(2))
    asked.follow(C)
    asked.woken.clear()
    with pytest.raises(Unanswered):
        asked.lookups.look_up(PRODUCTION, C, after=asked.lookups.turn)
    await until(lambda: asked.woken)
    assert sorted(asked.woken) == sorted([A, B, C])


async def test_a_new_spec_is_told_nothing_that_was_asked_before_it(asked):
    asked.follow(A)
    await asked.ask()
    asked.registry.point("production", version(2))
    assert (await asked.ask()).number == "v1"
    assert (await asked.ask(after=asked.lookups.turn)).number == "v2"


async def test_a_question_under_way_when_a_spec_is_written_does_not_answer_it(asked):
    held = asked.registry = asked.lookups._registry = HeldRegistry()
    held.point("production", version(1))
    asked.follow(A)
    with pytest.raises(Unanswered):
        asked.lookups.look_up(PRODUCTION, A)
    await until(lambda: held.look_ups)
    turn = asked.lookups.turn
    held.point("production", version(2))
    asked.follow(B)
    with pytest.raises(Unanswered):
        asked.lookups.look_up(PRODUCTION, B, after=turn)
    held.go.set()
    assert (await asked.ask(B, after=turn)).number == "v2"
    assert len(held.look_ups) == 2


async def test_a_new_spec_is_told_of_an_outage_rather_than_of_what_was_known(asked):
    asked.follow(A)
    await asked.ask()
    asked.registry.down = DOWN
    turn = asked.lookups.turn
    for _ in range(3):
        with pytest.raises(RegistryUnavailable):
            await asked.ask(after=turn)
    asked.registry.down = None
    assert await asked.poll() == [A]
    assert (await asked.ask(after=turn)).number == "v1"


async def test_an_outage_is_told_from_the_second_failed_poll_on_and_ends_with_the_first_answer(asked):
    asked.follow(A)
    await asked.ask()
    asked.registry.down = DOWN
    assert await asked.poll() == []
    assert (await asked.ask()).number == "v1"
    assert await asked.poll() == [A]
    with pytest.raises(RegistryUnavailable):
        await asked.ask()
    asked.registry.down = None
    assert await asked.poll() == [A]
    assert (await asked.ask()).number == "v1"


async def test_questions_beside_the_polls_prove_no_outage_to_others(asked):
    asked.follow(A, B)
    await asked.ask(A)
    asked.registry.down = DOWN
    for _ in range(3):
        with pytest.raises(RegistryUnavailable):
            await asked.ask(B, after=asked.lookups.turn)
    assert (await asked.ask(A)).number == "v1"


async def test_what_a_poll_did_not_reach_counts_as_no_failure_and_comes_first_the_next_time(asked):
    references = [
        Reference(registry="model", collection="churn", wanted=Alias(f"a{number}")) for number in range(10)
    ]
    for number, reference in enumerate(references):
        asked.registry.point(str(reference.wanted), version(number))
        asked.follow((f"n{number}", "x"), reference=reference)
    await asked.poll()
    whole, asked_for = asked.registry.look_up, []

    def four(wanted):
        asked_for.append([str(one.wanted) for one in wanted])
        return whole(wanted[:4])

    asked.registry.look_up = four
    for _ in range(5):
        assert await asked.poll() == []
    reached = [selector for one in asked_for for selector in one[:4]]
    assert min(reached.count(str(reference.wanted)) for reference in references) == 2


async def test_absence_is_told_at_once(asked):
    asked.follow(A)
    await asked.ask()
    asked.registry.answers.clear()
    assert await asked.poll() == [A]
    with pytest.raises(AliasNotFound):
        await asked.ask()


async def test_a_defect_is_told_as_one_and_not_as_an_outage(asked):
    def broken(references):
        raise KeyError("surprise")

    asked.registry.look_up = broken
    asked.follow(A)
    with pytest.raises(InternalError, match="KeyError"):
        await asked.ask()


async def test_all_that_is_followed_is_asked_together_before_the_work_begins(asked):
    asked.registry.point("staging", version(2))
    asked.follow(A, B)
    asked.follow(C, reference=STAGING)
    await asked.lookups.prime(10)
    assert sorted(asked.registry.look_ups) == ["model/churn:production", "model/churn:staging"]
    assert asked.lookups.look_up(PRODUCTION, A).number == "v1"
    assert asked.lookups.look_up(STAGING, C).number == "v2"


async def test_a_registry_that_hangs_at_the_start_holds_nothing_up(asked):
    held = asked.registry = asked.lookups._registry = HeldRegistry()
    asked.follow(A)
    async with asyncio.timeout(10):
        await asked.lookups.prime(0.01)
    with pytest.raises(Unanswered):
        asked.lookups.look_up(PRODUCTION, A)
    assert len(held.look_ups) == 1
    held.go.set()


async def test_a_process_is_young_until_it_has_heard_of_the_registry(asked):
    asked.follow(A)
    asked.registry.down = DOWN
    await asked.poll()
    assert asked.lookups.is_young
    asked.registry.down = None
    await asked.poll()
    assert not asked.lookups.is_young


async def test_an_older_answer_that_comes_late_does_not_replace_a_newer_one(asked):
    slow, release = threading.Event(), threading.Event()
    whole = asked.registry.look_up

    def first_is_slow(references):
        answers = whole(references)
        if not slow.is_set():
            slow.set()
            release.wait(10)
        return answers

    asked.follow(A)
    asked.registry.look_up = first_is_slow
    polling = asyncio.create_task(asked.lookups.poll())
    await until(slow.is_set)
    asked.registry.point("production", version(2))
    assert (await asked.ask(after=asked.lookups.turn)).number == "v2"
    release.set()
    await polling
    assert (await asked.ask()).number == "v2"


async def test_a_manifest_is_read_once_while_its_version_is_in_use_and_then_forgotten(asked):
    asked.follow(A)
    found = await asked.ask()
    for _ in range(2):
        await asked.in_the_end(lambda: asked.lookups.inspect(found, A))
    await asked.poll()
    await asked.in_the_end(lambda: asked.lookups.inspect(version(1), A))
    assert asked.registry.inspections == [version(1).uri]
    asked.registry.point("production", version(2))
    await asked.poll()
    await asked.poll()
    await asked.in_the_end(lambda: asked.lookups.inspect(version(1), A))
    assert asked.registry.inspections == [version(1).uri, version(2).uri, version(1).uri]


async def test_the_manifest_of_a_version_that_an_alias_moved_to_is_there_before_anybody_is_woken(asked):
    asked.follow(A, B)
    await asked.poll()
    asked.registry.point("production", version(2))
    assert await asked.poll() == [A, B]
    found = asked.lookups.look_up(PRODUCTION, A)
    assert asked.lookups.inspect(found, A) == asked.lookups.inspect(found, B)
    assert asked.registry.inspections == [version(2).uri]


async def test_a_move_to_a_version_that_is_still_uploaded_is_told_at_once_and_nothing_is_read(asked):
    asked.follow(A)
    await asked.poll()
    asked.registry.point("production", replace(version(2), ready=False))
    assert await asked.poll() == [A]
    assert asked.registry.inspections == []


async def test_an_edit_is_told_what_is_known_while_the_registry_is_asked_and_woken_if_it_has_moved(asked):
    asked.follow(A)
    await asked.ask()
    asked.registry.point("production", version(2))
    told = asked.lookups.look_up(PRODUCTION, A, after=asked.lookups.turn, meanwhile=True)
    assert told.number == "v1"
    asked.woken.clear()
    await until(lambda: asked.woken)
    assert asked.lookups.look_up(PRODUCTION, A).number == "v2"


async def test_an_edit_amid_an_outage_is_told_what_is_known(asked):
    asked.follow(A)
    await asked.ask()
    asked.registry.down = DOWN
    turn = asked.lookups.turn
    for _ in range(2):
        assert asked.lookups.look_up(PRODUCTION, A, after=turn, meanwhile=True).number == "v1"
        await until(lambda: asked.lookups.turn > turn)


async def test_an_outage_forgets_no_manifest(asked):
    asked.follow(A)
    found = await asked.ask()
    await asked.in_the_end(lambda: asked.lookups.inspect(found, A))
    asked.registry.down = DOWN
    for _ in range(3):
        await asked.poll()
    asked.registry.down = None
    await asked.in_the_end(lambda: asked.lookups.inspect(version(1), A))
    assert asked.registry.inspections == [version(1).uri]


async def test_an_outage_is_counted_as_one(asked):
    asked.follow(A)
    await asked.ask()
    asked.registry.down = DOWN
    await asked.poll()

    def counted(outcome: str) -> float:
        labels = {"source": "default", "operation": "look_up", "outcome": outcome}
        return asked.metrics.registry.get_sample_value("lockgate_registry_requests_total", labels) or 0.0

    assert (counted("ok"), counted("RegistryUnavailable")) == (1.0, 1.0)


async def test_a_registry_that_does_not_let_go_holds_up_the_end_for_two_seconds_at_most(asked):
    hangs = threading.Event()
    asked.registry.close = lambda: hangs.wait(60)
    async with asyncio.timeout(10):
        await asked.lookups.close()
    hangs.set()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)
