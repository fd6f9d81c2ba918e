"""What went wrong elsewhere is put into this operator, two bugs for each story, and each of them is found.

By the promises of random histories, by the invariants and the judge that are told of every write, or, where
no write tells of it, by the test that is named. The stories are in docs/faults.md, with who finds them.
"""

import asyncio
import logging
import re

import pytest
import structlog
from tests.faults.seeded.bug import OPERATOR, Bug, Seed, planted
from tests.faults.seeded.judged import Broken
from tests.faults.seeded.lives import LIVES
from tests.faults.seeded.stories_of_ears import EARS
from tests.faults.seeded.stories_of_ours import OURS
from tests.faults.seeded.stories_of_rollouts import ROLLOUTS
from tests.faults.seeded.stories_of_writes import WRITES
from tests.fetch.test_manifest_and_proof import TestProof as Proofs
from tests.unit import test_hearing, test_lookups, test_queue, test_supervisor
from tests.unit.test_simulated_traffic import SEED, live

from lockgate.plan.carried import pods_for

SEEDS = (*ROLLOUTS, *WRITES, *EARS, *OURS)
# Eighteen of others, and ten of what is ours.
STORIES = 28
# The bug that writes tell of, among those of which histories do.
OUTAGE = "an outage of the registry scales to nothing"
BY_WRITES = (*WRITES, *(seed for seed in OURS if seed.bug.name == OUTAGE))
BY_HISTORIES = tuple(seed for seed in (*ROLLOUTS, *OURS) if seed not in BY_WRITES)
# So many histories are lived through at most until one finds a bug.
HISTORIES = 150
TABLE = (OPERATOR.parent / "docs" / "faults.md").read_text()
ROWS = {int(number): row for number, row in re.findall(r"^\| S(\d+) \| (.*) \|$", TABLE, re.MULTILINE)}


def name(seed: Seed) -> str:
    return seed.bug.name


@pytest.fixture(autouse=True)
def quiet():
    """A broken operator has much to say of itself."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(wrapper_class=before)


def broken_promise(first: int) -> str:
    """What the first history to break a promise says of it."""
    for number in range(first, first + HISTORIES):
        try:
            live(SEED * 10**6 + number)
        except (AssertionError, ValueError) as error:
            return str(error).splitlines()[0]
    return "nothing"


def test_each_story_is_told_by_two_bugs_under_names_of_their_own():
    told = [seed.story for seed in SEEDS]
    assert {story: told.count(story) for story in set(told)} == dict.fromkeys(range(1, STORIES + 1), 2)
    assert len(set(map(name, SEEDS))) == len(SEEDS)


@pytest.mark.parametrize("seed", BY_HISTORIES, ids=name)
def test_a_promise_of_rollouts_is_broken_by(seed):
    with planted(seed.bug):
        assert seed.found in broken_promise(seed.at)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_no_write_of_a_sound_operator_breaks_anything_in(life):
    assert asyncio.run(life()).judge.writes > 30


@pytest.mark.parametrize("seed", BY_WRITES, ids=name)
def test_a_write_is_told_that_breaks_what_is_promised_by(seed):
    with planted(seed.bug), pytest.raises(Broken, match=seed.found):
        asyncio.run(LIVES[seed.at]())


@pytest.fixture
async def asked():
    asked = test_lookups.Asked()
    yield asked
    await asked.lookups.close()


@pytest.mark.parametrize("seed", EARS, ids=name)
async def test_the_named_test_fails_by(seed, monkeypatch, tmp_path, asked):
    tests = {
        "test_an_older_answer_that_comes_late_does_not_replace_a_newer_one": lambda test: test(asked),
        "test_whatever_ends_an_entry_the_watch_is_entered_again": lambda test: test(monkeypatch, OSError()),
        "test_a_feed_is_deaf_some_time_after_it_was_last_heard": lambda test: test(test_hearing.Clock()),
        "test_a_wake_during_work_gives_one_more_pass_afterwards": lambda test: test(),
        "test_other_bytes_of_the_same_size_are_found": lambda test: test(tmp_path),
    }
    homes = (test_hearing, test_lookups, test_queue, test_supervisor, Proofs())
    test = next(filter(None, (getattr(home, seed.found, None) for home in homes)))

    async def outcome() -> None:
        if (under_way := tests[seed.found](test)) is not None:
            await under_way

    with planted(seed.bug), pytest.raises((AssertionError, TimeoutError, pytest.fail.Exception)):
        await outcome()


@pytest.mark.parametrize("seed", SEEDS, ids=name)
def test_the_table_of_stories_names(seed):
    row = ROWS[seed.story]
    assert seed.bug.name in row
    assert seed.found in row


def test_a_bug_that_changes_no_function_is_none():
    nothing = Bug("nothing", "lockgate/plan/carried.py", "Pure.\n\nA weight", "Pure.\n\nA  weight")
    with pytest.raises(ValueError, match="does anything else"), planted(nothing):
        pass


def test_a_bug_is_gone_once_it_was_looked_for():
    seed = next(each for each in ROLLOUTS if each.bug.name.startswith("pods are counted down"))
    with planted(seed.bug):
        assert pods_for(3, 50) == 1
    assert pods_for(3, 50) == 2
