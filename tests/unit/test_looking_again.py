"""How soon a state is left whose end nobody tells, and how often the log hears of one that lasts."""

import asyncio

import pytest
from structlog.testing import capture_logs
from tests.unit.test_workers import RESYNC, ends_with, look

from lockgate.errors import (
    AliasNotFound,
    ArtifactRejected,
    ClusterUnavailable,
    Forbidden,
    InternalError,
    NotOwned,
    Refused,
)
from lockgate.reconciler import PassResult
from lockgate.work.queue import SOON_SECONDS
from lockgate.work.workers import LONGEST_UNTOLD_SECONDS, RECHECK_SECONDS

MANY = 20


@pytest.mark.parametrize("failure", [NotOwned("somebody's"), Refused("by a policy")], ids=repr)
async def test_what_nobody_tells_the_end_of_is_looked_at_at_an_interval(failure):
    queue, _ = await look(lambda: PassResult(failure=failure))
    assert queue.delays == [RECHECK_SECONDS]


async def test_what_an_event_tells_the_end_of_is_looked_at_slowly():
    queue, _ = await look(lambda: PassResult(failure=ArtifactRejected("it has references")))
    assert queue.delays == [RESYNC]


async def test_what_is_forbidden_for_long_is_tried_again_within_half_a_minute():
    queue, _ = await look(ends_with(Forbidden("a quota")), passes=MANY)
    assert max(queue.delays) <= LONGEST_UNTOLD_SECONDS


@pytest.mark.parametrize("failure", [ClusterUnavailable("500"), Forbidden("no right")], ids=repr)
async def test_what_the_api_server_refuses_for_long_is_tried_soon_enough_for_whoever_waits(failure):
    queue, _ = await look(ends_with(failure), passes=MANY)
    assert max(queue.delays) <= SOON_SECONDS


async def test_whoever_backs_off_is_looked_at_when_the_api_server_is_back():
    queue, _ = await look(ends_with(ClusterUnavailable("away")), passes=MANY)
    assert len(queue) == 0
    queue.wake_failed()
    await asyncio.wait_for(queue.take(), 10)


@pytest.mark.parametrize(
    "failure", [AliasNotFound("no such alias"), NotOwned("a"), Forbidden("b"), InternalError("c")], ids=repr
)
async def test_what_lasts_is_logged_once_however_often_it_is_looked_at(failure):
    with capture_logs() as logs:
        await look(ends_with(failure), passes=MANY)
    told = [entry for entry in logs if entry["log_level"] != "debug"]
    assert [entry["message"] for entry in told] == [failure.message]


async def test_what_comes_back_after_all_was_well_is_logged_again():
    failures = iter([AliasNotFound("gone"), None, AliasNotFound("gone"), AliasNotFound("gone elsewhere")])
    with capture_logs() as logs:
        await look(lambda: PassResult(failure=next(failures)), passes=4)
    assert [entry["message"] for entry in logs if entry["log_level"] != "debug"] == [
        "gone",
        "gone",
        "gone elsewhere",
    ]
