"""A list of the watch is read before kopf: its objects come to us, and kopf finds none."""

import json
from typing import Any

import pytest

from lockgate.domain.resources import DEPLOYMENT, Object, Resource
from lockgate.watch.hearing import Feed
from lockgate.watch.listing import Listing, ListPage

FEED = Feed(DEPLOYMENT)


class Desk:
    """Where what was read goes, in the test's hand."""

    def __init__(self) -> None:
        self.came: list[Any] = []
        self.waiting = 0
        self.most = 0
        self.pages: list[tuple[Feed, bool]] = []

    def hand_over(self, resource: Resource, event_type: str | None, obj: Object) -> None:
        assert (resource, event_type) == (DEPLOYMENT, None)
        self.came.append(obj)
        self.waiting += 1
        self.most = max(self.most, self.waiting)

    def hand_over_list(self, listing: Listing) -> None:
        self.came.append(listing)

    async def taken(self) -> None:
        self.waiting = 0

    async def read(self, listing: Listing, raw: bytes) -> Any:
        """What kopf gets of a page."""

        class Body:
            async def read(self) -> bytes:
                return raw

        body: Any = Body()
        page = ListPage(body, listing, post=self, taken=lambda feed, last: self.pages.append((feed, last)))
        return await page.read()


def page(*names: Any, version: str = "7", following: str = "", **fields: Any) -> bytes:
    items = [{"metadata": {"namespace": "growth", "name": n, "resourceVersion": "5"}} for n in names]
    metadata = {"resourceVersion": version, "continue": following}
    return json.dumps({"kind": "DeploymentList", "metadata": metadata, "items": items} | fields).encode()


async def test_objects_are_handed_over_and_kopf_gets_the_page_without_them():
    desk, listing = Desk(), Listing(FEED, 1.0)
    assert json.loads(await desk.read(listing, page("a", "b", following="more"))) == json.loads(
        page(following="more")
    )
    assert [obj["metadata"]["name"] for obj in desk.came] == ["a", "b"]
    assert desk.came[0]["kind"] == "Deployment", "which the items of a list do not say"
    assert desk.came[0]["apiVersion"] == "apps/v1"
    assert desk.pages == [(FEED, False)]


async def test_a_list_is_told_after_the_last_of_its_pages_and_their_objects():
    desk, listing = Desk(), Listing(FEED, 1.0)
    await desk.read(listing, page("a", following="more"))
    await desk.read(listing, page("b"))
    assert desk.came[-1] is listing
    assert listing.named == {("growth", "a"), ("growth", "b")}
    assert (listing.version, listing.is_doubtful) == (7, False)
    assert desk.pages == [(FEED, False), (FEED, True)]


async def test_a_few_objects_at_a_time_are_under_way():
    desk = Desk()
    await desk.read(Listing(FEED, 1.0), page(*map(str, range(100))))
    assert len(desk.came) == 101
    assert desk.most == 20


@pytest.mark.parametrize("raw", [b"<html>", b"[]", page("a")[:-3], b'{"items": 3}'])
async def test_what_is_no_list_is_left_to_kopf_and_makes_the_list_doubtful(raw: bytes):
    desk, listing = Desk(), Listing(FEED, 1.0)
    assert await desk.read(listing, raw) == raw
    assert listing.is_doubtful
    assert listing not in desk.came


@pytest.mark.parametrize(
    "odd",
    [
        page("a", 3),
        page("a", version="none"),
        page("a", items=["text", {"metadata": {"name": "a", "resourceVersion": "5"}}]),
    ],
)
async def test_a_list_with_something_odd_in_it_is_doubtful_and_its_objects_are_taken(odd: bytes):
    desk, listing = Desk(), Listing(FEED, 1.0)
    await desk.read(listing, odd)
    assert [obj["metadata"]["name"] for obj in desk.came[:-1]] == ["a"]
    assert listing.is_doubtful


async def test_pages_of_two_versions_are_no_list():
    desk, listing = Desk(), Listing(FEED, 1.0)
    await desk.read(listing, page("a", following="more"))
    await desk.read(listing, page("b", version="8"))
    assert listing.is_doubtful
