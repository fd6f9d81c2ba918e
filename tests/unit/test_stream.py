"""A stream is read before kopf: objects go to us as they come, and kopf is told their versions."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from lockgate.domain.resources import DEPLOYMENT
from lockgate.watch.hearing import Feed
from lockgate.watch.stream import Stream

FEED = Feed(DEPLOYMENT)


class Body:
    """The pieces of an answer, as the network cuts them."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Heard:
    """What came out of a stream on our side."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, str]] = []
        self.heard = 0
        self.ended: list[int | None] = []
        self.over: list[tuple[Feed, bool]] = []

    async def read(self, *pieces: bytes) -> list[dict[str, Any]]:
        """What kopf is told of these pieces, line by line."""
        stream = Stream(
            Body(*pieces),  # type: ignore[arg-type]
            FEED,
            tell=lambda resource, kind, obj: self.told.append((kind, obj["metadata"]["name"])),
            heard=self._hear,
            ended=lambda feed, code: self.ended.append(code),
            over=lambda feed, silent: self.over.append((feed, silent)),
        )
        passed = b"".join([chunk async for chunk in stream.iter_chunked(1024)])
        return [json.loads(line) for line in passed.splitlines() if line]

    def _hear(self, feed: Feed) -> None:
        self.heard += 1


def event(kind: str, name: str, version: str) -> bytes:
    obj = {"metadata": {"name": name, "namespace": "growth", "resourceVersion": version}}
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def bookmark(version: str) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_however_the_network_cuts_it_each_object_is_told_once_and_kopf_hears_its_version(size: int):
    heard = Heard()
    whole = event("ADDED", "a", "5") + event("MODIFIED", "b", "6") + event("DELETED", "a", "7")
    left = await heard.read(*[whole[at : at + size] for at in range(0, len(whole), size)])
    assert heard.told == [("ADDED", "a"), ("MODIFIED", "b"), ("DELETED", "a")]
    assert left == [bookmark("5"), bookmark("6"), bookmark("7")]
    assert heard.heard


async def test_a_bookmark_and_what_is_too_old_are_kopf_s_own_business():
    heard, old = Heard(), {"type": "ERROR", "object": {"kind": "Status", "code": 410}}
    assert await heard.read(json.dumps(bookmark("9")).encode() + b"\n", json.dumps(old).encode() + b"\n") == [
        bookmark("9"),
        old,
    ]
    assert heard.told == []
    assert heard.ended == []


async def test_an_error_ends_a_stream_like_a_cut_after_what_came_before_it():
    heard, error = Heard(), {"type": "ERROR", "object": {"kind": "Status", "code": 500}}
    with pytest.raises(aiohttp.ClientPayloadError):
        await heard.read(event("ADDED", "a", "5") + json.dumps(error).encode() + b"\n")
    assert heard.told == [("ADDED", "a")]
    assert heard.ended == [500]


@pytest.mark.parametrize("odd", [b"[1]\n", b'{"type":"ADDED","object":{"metadata":{}}}\n', b'"text"\n'])
async def test_what_is_no_object_is_left_to_kopf(odd: bytes):
    heard = Heard()
    assert await heard.read(odd) == [json.loads(odd)]
    assert heard.told == []


async def test_what_a_cut_left_unfinished_is_no_object():
    heard, whole = Heard(), event("ADDED", "a", "5")
    stream = Stream(
        Body(whole + whole[:20]),  # type: ignore[arg-type]
        FEED,
        tell=lambda resource, kind, obj: heard.told.append((kind, obj["metadata"]["name"])),
        heard=lambda feed: None,
        ended=lambda feed, code: None,
        over=lambda feed, silent: None,
    )
    passed = [chunk async for chunk in stream.iter_chunked(1024)]
    assert heard.told == [("ADDED", "a")]
    assert passed[-1] == whole[:20]


@pytest.mark.parametrize(("pieces", "silent"), [((), True), ((event("ADDED", "churn", "7"),), False)])
async def test_a_stream_that_ends_without_a_word_is_told(pieces: tuple[bytes, ...], silent: bool):
    heard = Heard()
    await heard.read(*pieces)
    assert heard.over == [(FEED, silent)]
