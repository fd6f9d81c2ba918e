"""A part of the operator runs for ever: whatever ends it, it is begun anew, and counted."""

import asyncio
from collections.abc import Callable

import pytest

from lockgate.work.tasks import attempt, keep


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockgate.work.tasks.RESTART_SECONDS", 0.0)


def fails() -> None:
    raise KeyError("a defect")


@pytest.mark.parametrize("ends", [fails, lambda: None], ids=["by a defect", "of itself"])
async def test_a_part_that_ends_is_begun_anew_and_counted(ends: Callable[[], None]):
    begun, enough, restarted = 0, asyncio.Event(), []

    async def part() -> None:
        nonlocal begun
        begun += 1
        if begun > 3:
            enough.set()
            await asyncio.Event().wait()
        ends()

    tasks = asyncio.create_task(keep("sweeper", part, restarted.append)), asyncio.create_task(enough.wait())
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert restarted == ["sweeper"] * 3


async def test_what_only_helps_keeps_nothing_from_beginning():
    async def defect() -> None:
        fails()

    await attempt("asking ahead", defect())
