"""Whoever edits specs without end has the registry asked no more often than it will bear."""

import asyncio

import pytest
from tests.fakes.builders import version
from tests.unit.test_inspections import KEY, Site, until
from tests.unit.test_lookups import PRODUCTION, A, Asked

from lockgate.errors import RegistryUnavailable, Unanswered


async def edit(asked):
    """A new spec wants an answer to a question that is asked from now on."""
    with pytest.raises(Unanswered):
        asked.lookups.look_up(PRODUCTION, A, after=asked.lookups.turn)


async def test_questions_beside_the_polls_are_let_out_at_a_pace(monkeypatch):
    monkeypatch.setattr("lockgate.resolve.lookups._BATCHES_AT_ONCE", 3.0)
    monkeypatch.setattr("lockgate.resolve.lookups._BATCHES_PER_SECOND", 0.001)
    asked = Asked()
    asked.follow(A)
    for number in range(1, 4):
        await edit(asked)
        await until(lambda number=number: len(asked.registry.look_ups) == number)
        await until(lambda: not asked.lookups._under_way)
    await edit(asked)
    await asyncio.sleep(0.2)
    assert len(asked.registry.look_ups) == 3, "the fourth waits for its turn"
    await asked.poll()
    assert len(asked.registry.look_ups) == 4, "and a poll for nobody"
    await asked.lookups.close()


async def test_a_manifest_that_failed_is_not_read_again_in_the_row_of_everybody_who_waits():
    site = Site()
    site.answers[version(1).uri] = RegistryUnavailable("no answer")
    for number in range(20):
        site.is_waited_for(version(1), (f"team-{number}", "churn"))
    await until(lambda: len(site.woken) >= 20)
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert site.reads[version(1).uri] == 1
    assert KEY not in site.woken
