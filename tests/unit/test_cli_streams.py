"""A stream that is cut, too old or away is taken up again, and nothing that happened meanwhile is lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.fakes import looks

from lockgate.cli import streams
from lockgate.cli.failing import NotAllowed, Unanswered
from lockgate.cli.streams import Change, Known, News, follow
from lockgate.domain.resources import MODEL_DEPLOYMENT

GONE = ("ERROR", {"kind": "Status", "metadata": {}, "code": 410})


def at(version: int, obj: looks.Json | None = None) -> looks.Json:
    made = obj or looks.serving()
    return made | {"metadata": made["metadata"] | {"resourceVersion": str(version)}}


class ScriptedDoor:
    """Lists and streams in the order in which they are asked for; an exception in either is raised."""

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self._lists, self._watches = lists, watches
        self.asked: list[str] = []

    async def pages(self, resource: object, namespace: str, query: object) -> AsyncIterator[Any]:
        self.asked.append("list")
        answer = self._lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield answer, str(100 * len(self.asked))

    async def watch(
        self, resource: object, namespace: str, query: object, version: str
    ) -> AsyncIterator[Any]:
        self.asked.append(f"watch {version}")
        if not self._watches:
            await asyncio.Event().wait()
        for event in self._watches.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_FIRST_PAUSE", 0.0)


async def changes(door: ScriptedDoor, number: int) -> list[Change]:
    found: list[Change] = []
    async with asyncio.timeout(10):
        async for change in follow(door, MODEL_DEPLOYMENT, "growth", {}):
            found.append(change)
            if len(found) == number:
                break
    return found


async def test_a_stream_that_ends_is_taken_up_where_it_was():
    door = ScriptedDoor([[at(1)]], [[("MODIFIED", at(101))], [("BOOKMARK", at(150))], [("DELETED", at(151))]])
    told = await changes(door, 3)
    assert [change.news for change in told] == [News.RESET, News.MODIFIED, News.DELETED]
    assert door.asked == ["list", "watch 100", "watch 101", "watch 150"]


async def test_one_that_is_too_old_begins_with_a_list_again():
    door = ScriptedDoor([[at(1)], []], [[("MODIFIED", at(101)), GONE]])
    told = await changes(door, 3)
    assert [change.news for change in told] == [News.RESET, News.MODIFIED, News.RESET]
    assert door.asked == ["list", "watch 100", "list"]


async def test_one_that_says_nothing_at_all_is_not_opened_over_and_over():
    door = ScriptedDoor([[at(1)], [at(1)]], [[]])
    assert [change.news for change in await changes(door, 2)] == [News.RESET, News.RESET]
    assert door.asked == ["list", "watch 100", "list"]


async def test_while_the_api_server_is_away_that_is_told_and_tried_again():
    away = Unanswered("the API server cannot be reached")
    door = ScriptedDoor([away, [at(1)], [at(2)]], [[("MODIFIED", at(201)), away]])
    told = await changes(door, 5)
    assert [change.news for change in told] == [News.LOST, News.RESET, News.MODIFIED, News.LOST, News.RESET]
    assert told[0].why == "the API server cannot be reached"


async def test_a_refusal_ends_it():
    door = ScriptedDoor([NotAllowed("no")], [])
    with pytest.raises(NotAllowed):
        await changes(door, 1)


def test_what_is_known_follows_the_changes():
    known = Known()
    assert not known.complete
    known.take(Change(news=News.LOST, why="away"))
    assert (known.lost, known.complete) == ("away", False)
    known.take(Change(news=News.RESET, objects=(at(1), at(1, looks.serving("fraud")))))
    known.take(Change(news=News.DELETED, objects=(at(2),)))
    known.take(Change(news=News.ADDED, objects=(at(3, looks.serving("new")),)))
    assert (known.lost, known.complete) == ("", True)
    assert [name for _, name in known.objects] == ["fraud", "new"]
    known.take(Change(news=News.RESET))
    assert known.objects == {}
