"""Sweeps: each feed by itself, on time, and no pass where something cannot be seen."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.fakes.builders import deployment_object, runtime_object

from lockgate.domain.resources import HTTP_ROUTE, MODEL_DEPLOYMENT, MODEL_RUNTIME, POD, Key, Object, Resource
from lockgate.errors import ClusterUnavailable, Forbidden, Refused
from lockgate.kube.answers import Page
from lockgate.watch.handlers import Intake
from lockgate.watch.hearing import Feed, Hearing, feeds_of
from lockgate.watch.listing import Listing
from lockgate.watch.store import Store
from lockgate.watch.sweep import Sweeper

KEY = ("growth", "churn")


class World:
    """Lists, a clock and whoever listens; all in the test's hand."""

    def __init__(self, *namespaces: str, watched: bool = True) -> None:
        self.now = 1000.0
        self.version: int | str = 100
        self.items: dict[Resource, list[Object]] = {MODEL_RUNTIME: [runtime_object()]}
        self.trouble: dict[tuple[Resource, str], Callable[[], Exception]] = {}
        self.listed: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.woken: list[Key] = []
        self.entered: list[str] = []
        self.entry_age = 1000.0
        self.missed: list[tuple[str, int]] = []
        self.seen: dict[str, bool] = {}
        self.store = Store()
        self.hearing = Hearing(feeds_of(namespaces), clock=lambda: self.now)
        self.intake = Intake(self.store, self.wake, lambda key: None)
        self.sweeper = Sweeper(
            self,
            self.store,
            self.intake,
            self.hearing,
            self,
            self,
            self.wake,
            interval=600,
            clock=lambda: self.now,
        )
        if watched:
            self.watch_begins()

    def wake(self, key: Key, urgent: bool = False) -> None:
        self.woken.append(key)

    async def pages(self, resource: Resource, namespace: str = "") -> AsyncIterator[Page]:
        self.listed.append((resource.plural, namespace))
        if (resource, namespace) in self.trouble:
            raise self.trouble[resource, namespace]()
        found = self.items.get(resource, [])
        here = [obj for obj in found if namespace in ("", obj["metadata"].get("namespace", ""))]
        yield Page(here, str(self.version), None)

    async def latest_version(self, resource: Resource, namespace: str = "") -> str:
        self.asked.append(resource.plural)
        if (resource, namespace) in self.trouble:
            raise self.trouble[resource, namespace]()
        return str(self.version)

    def enter_anew(self, why: str) -> None:
        self.entered.append(why)

    def entered_seconds(self) -> float:
        return self.entry_age

    def watch_missed(self, kind: str, number: int) -> None:
        self.missed.append((kind, number))

    def namespace_seen(self, namespace: str, seen: bool) -> None:
        self.seen[namespace] = seen

    def hear(self) -> None:
        for feed in self.hearing.feeds:
            self.hearing.heard(feed)

    def watch_begins(self) -> None:
        for feed in self.hearing.feeds:
            self.hearing.listed(feed)

    async def turn(self, seconds: float = 0.0) -> list[str]:
        """Time passes, the watch is heard of; returns what was listed."""
        self.now += seconds
        self.hear()
        self.listed.clear()
        await self.sweeper.turn()
        return [plural for plural, _ in self.listed]


def pod(version: int, name: str = "p") -> Object:
    labels = {"lockgate.dev/model-deployment": "churn"}
    metadata = {"namespace": "growth", "name": name, "uid": name, "labels": labels}
    return {"metadata": metadata | {"resourceVersion": str(version)}}


async def test_everything_is_listed_once_and_again_at_the_interval():
    world = World()
    assert len(await world.turn()) == 5
    assert world.sweeper.opened.is_set()
    assert await world.turn(599) == []
    assert len(await world.turn(2)) == 5


async def test_at_rest_a_silent_stream_costs_the_answer_to_one_question_and_no_list():
    world = World()
    await world.turn()
    pods = next(feed for feed in world.hearing.feeds if feed.resource is POD)
    for _ in range(5):
        world.asked.clear()
        world.hearing.opened(pods, "100")
        world.hearing.over(pods, True)
        assert await world.turn(5) == []
        assert await world.turn(0.5) == []
        assert world.asked == ["pods"]


async def test_a_silence_that_nobody_can_explain_is_followed_by_a_list():
    world = World()
    await world.turn()
    pods = next(feed for feed in world.hearing.feeds if feed.resource is POD)
    world.trouble[POD, ""] = lambda: ClusterUnavailable("away")
    for _ in range(2):
        world.hearing.opened(pods, "100")
        world.hearing.over(pods, True)
        await world.turn(5)
    assert world.asked == ["pods"]
    assert [plural for plural, _ in world.listed] == ["pods"]


async def test_the_first_list_comes_after_that_of_the_watch_and_waits_only_so_long_for_it():
    world = World(watched=False)
    assert await world.turn() == []
    pods = next(feed for feed in world.hearing.feeds if feed.resource is POD)
    world.hearing.listed(pods)
    assert await world.turn(1) == ["pods"]
    assert len(await world.turn(3)) == 4


async def test_a_kind_that_is_listed_anew_by_the_watch_is_swept_after_and_no_other():
    world = World()
    await world.turn()
    world.now += 5
    world.hearing.listed(next(feed for feed in world.hearing.feeds if feed.resource is POD))
    assert await world.turn(1) == ["pods"]
    assert await world.turn(1) == []


def listed_by_the_watch(world: World, resource: Resource, *objects: Object, version: int | None) -> None:
    """The watch lists a kind: what it names is taken in, then the list as a whole."""
    feed = Feed(resource)
    listing = Listing(feed, world.hearing.listed(feed), version=version)
    for obj in objects:
        world.intake.take(resource, None, obj)
        listing.named.add((obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
    world.sweeper.take_list(listing)


async def test_what_the_watch_has_listed_as_a_whole_is_seen_and_listed_no_second_time():
    world = World(watched=False)
    for feed in world.hearing.feeds:
        held = {MODEL_DEPLOYMENT: deployment_object(), MODEL_RUNTIME: runtime_object()}.get(feed.resource)
        assert not world.sweeper.opened.is_set()
        listed_by_the_watch(world, feed.resource, *filter(None, [held]), version=100)
    assert world.sweeper.opened.is_set()
    assert world.sweeper.sees("growth")
    assert KEY in world.woken
    assert await world.turn() == []
    assert await world.turn(599) == []
    assert len(await world.turn(2)) == 5


async def test_what_a_list_of_the_watch_does_not_name_is_gone_and_wakes_its_owner():
    world = World()
    world.items |= {MODEL_DEPLOYMENT: [deployment_object()], POD: [pod(90, "gone"), pod(91, "there")]}
    await world.turn()
    world.woken.clear()
    listed_by_the_watch(world, POD, pod(91, "there"), version=100)
    assert not world.store.holds(POD, ("growth", "gone"))
    assert world.store.holds(POD, ("growth", "there"))
    assert world.woken == [KEY]


async def test_what_was_made_while_the_watch_listed_stays():
    world = World()
    world.items[POD] = [pod(90, "old")]
    await world.turn()
    # Our own creation was answered before the list, which began earlier, was taken.
    world.intake.take(POD, None, pod(120, "made"))
    world.now += 1
    listed_by_the_watch(world, POD, version=110)
    assert world.store.holds(POD, ("growth", "made"))
    assert await world.turn(1) == ["pods"], "which tells what the list could not"


@pytest.mark.parametrize("doubt", [{"version": None}, {"version": 99}, {"version": 110, "is_doubtful": True}])
async def test_a_list_of_the_watch_that_lags_or_cannot_be_read_takes_nothing_away(doubt: dict[str, Any]):
    world = World()
    world.items[POD] = [pod(100)]
    await world.turn()
    feed = Feed(POD)
    world.now += 1
    world.sweeper.take_list(Listing(feed, world.hearing.listed(feed), **doubt))
    assert world.store.holds(POD, ("growth", "p"))
    assert await world.turn(1) == ["pods"]


async def test_what_the_watch_lists_just_now_is_waited_for_as_long_as_it_comes_further():
    world = World(watched=False)
    pods = Feed(POD)
    for feed in world.hearing.feeds:
        world.hearing.listed(feed)
        world.hearing.reads(feed)
        if feed != pods:
            world.hearing.failed(feed)
    assert "pods" not in await world.turn()
    for _ in range(5):
        world.hearing.reads(pods)
        assert await world.turn(2) == []
    assert await world.turn(2) == ["pods"]


async def test_a_kind_that_went_silent_and_is_heard_again_is_swept():
    world = World()
    await world.turn()
    feed = next(feed for feed in world.hearing.feeds if feed.resource is POD)
    world.hearing.failed(feed)
    world.now += 1
    assert await world.turn(1) == [], "a stream that was cut goes on where it was"
    world.hearing.failed(feed)
    assert await world.turn(5) == ["pods"]


async def test_what_the_watch_does_not_hear_is_listed_instead_every_few_seconds():
    world = World()
    await world.turn()
    deaf = world.hearing.deaf_after + 1
    world.now += deaf
    world.items[POD] = [pod(101)]
    world.listed.clear()
    await world.sweeper.turn()
    assert ("pods", "") in world.listed
    assert world.store.holds(POD, ("growth", "p"))
    world.listed.clear()
    world.now += 4
    await world.sweeper.turn()
    assert ("pods", "") in world.listed


async def test_a_watch_that_hears_nothing_though_lists_are_answered_is_entered_anew():
    world = World()
    await world.turn()
    world.now += world.hearing.deaf_after + 20
    await world.sweeper.turn()
    assert world.entered
    world.entered.clear()
    world.entry_age = 1.0
    world.now += 5
    await world.sweeper.turn()
    assert world.entered == [], "the new entry has its time"


async def test_a_watch_that_is_forbidden_is_not_entered_again_and_again():
    world = World()
    await world.turn()
    for feed in world.hearing.feeds:
        world.hearing.failed(feed, 403)
    world.now += world.hearing.deaf_after + 20
    await world.sweeper.turn()
    assert world.entered == []


async def test_a_forbidden_namespace_is_not_seen_and_stops_no_other():
    world = World("growth", "gone")
    world.trouble[POD, "gone"] = lambda: Forbidden("no")
    world.items[MODEL_DEPLOYMENT] = [deployment_object(), deployment_object(namespace="gone", uid="g")]
    await world.turn()
    assert world.sweeper.sees("growth")
    assert not world.sweeper.sees("gone")
    assert world.sweeper.opened.is_set()
    assert world.seen == {"growth": True}
    del world.trouble[POD, "gone"]
    world.woken.clear()
    await world.turn(11)
    assert world.sweeper.sees("gone")
    assert world.seen["gone"]
    assert ("gone", "churn") in world.woken


async def test_a_namespace_that_is_closed_later_is_no_longer_worked_on_until_it_is_open():
    world = World("growth", "other")
    await world.turn()
    world.trouble[POD, "growth"] = lambda: Forbidden("no")
    await world.turn(700)
    assert not world.sweeper.sees("growth")
    assert world.sweeper.sees("other")
    assert world.seen == {"growth": False, "other": True}


async def test_an_api_server_that_is_away_takes_no_sight_away():
    world = World()
    await world.turn()
    for feed in world.hearing.feeds:
        world.trouble[feed.resource, ""] = lambda: ClusterUnavailable("away")
    await world.turn(700)
    assert world.sweeper.sees("growth")
    assert world.sweeper.answered_seconds() == 700


async def test_a_defect_in_one_list_ends_no_other():
    world = World()
    world.trouble[MODEL_RUNTIME, ""] = lambda: KeyError("metadata")
    assert len(await world.turn()) == 5
    assert not world.sweeper.opened.is_set()
    world.trouble.clear()
    await world.turn(11)
    assert world.sweeper.opened.is_set()


async def test_what_a_sweep_finds_and_the_watch_tells_late_is_no_miss():
    world = World()
    await world.turn()
    world.items[POD] = [pod(101)]
    await world.turn(601)
    world.sweeper.untold.heard(POD, "ADDED", pod(101))
    await world.turn(11)
    assert world.missed == []
    assert world.entered == []


async def test_what_a_sweep_finds_and_the_watch_never_tells_is_counted_and_the_watch_entered_anew():
    world = World()
    world.items[POD] = [pod(101, "vanishes")]
    await world.turn()
    world.version, world.items[POD] = 102, [pod(102)]
    await world.turn(601)
    assert world.missed == []
    await world.turn(11)
    assert world.missed == [("pods", 2)]
    assert len(world.entered) == 1
    assert not world.store.holds(POD, ("growth", "vanishes"))


async def test_what_vanished_in_a_gap_of_the_watch_is_no_miss():
    world = World()
    world.items[POD] = [pod(101, "vanishes")]
    await world.turn()
    world.items[POD] = []
    world.now += 5
    world.hearing.listed(next(feed for feed in world.hearing.feeds if feed.resource is POD))
    await world.turn(1)
    await world.turn(20)
    assert world.missed == []
    assert not world.store.holds(POD, ("growth", "vanishes"))


async def test_a_deployment_made_anew_while_a_sweep_lists_stays():
    world = World()
    world.items[MODEL_DEPLOYMENT] = [deployment_object()]
    await world.turn()
    anew = deployment_object(uid="another")
    anew["metadata"]["resourceVersion"] = "160"

    class MadeMeanwhile(list[Any]):
        """The list was answered when the old one was gone; then the watch tells of the new one."""

        def __iter__(self) -> Any:
            world.intake.take(MODEL_DEPLOYMENT, "ADDED", anew)
            return iter(())

    world.items[MODEL_DEPLOYMENT] = MadeMeanwhile()
    await world.turn(601)
    assert world.store.get(MODEL_DEPLOYMENT, KEY)["metadata"]["uid"] == "another"


def put_back(world: World) -> None:
    older = deployment_object(generation=7)
    older["metadata"]["resourceVersion"] = "900123"
    world.version = 900_200
    world.items |= {MODEL_DEPLOYMENT: [older], POD: [pod(500_000)]}


async def seen_at_a_million() -> World:
    world = World()
    world.version = 1_000_000
    newer = deployment_object(generation=9)
    newer["metadata"]["resourceVersion"] = "999999"
    world.items |= {MODEL_DEPLOYMENT: [newer], POD: [pod(999_000, "later"), pod(500_000)]}
    await world.turn()
    world.woken.clear()
    return world


def generation(world: World) -> int:
    return int(world.store.get(MODEL_DEPLOYMENT, KEY)["metadata"]["generation"])


async def test_a_cluster_put_back_to_an_earlier_state_is_believed_for_all_kinds_once_it_stays_there():
    world = await seen_at_a_million()
    put_back(world)
    await world.turn(601)
    assert generation(world) == 9, "a list alone is not enough"
    for _ in range(5):
        await world.turn(2)
    assert generation(world) == 7
    assert KEY in world.woken
    assert not world.store.holds(POD, ("growth", "later"))
    assert world.entered == ["versions began anew"]


async def test_a_list_that_lags_behind_for_seconds_brings_nothing_back():
    world = await seen_at_a_million()
    items, version = dict(world.items), world.version
    put_back(world)
    await world.turn(601)
    await world.turn(4)
    world.items, world.version = items, version
    for _ in range(10):
        await world.turn(2)
    assert generation(world) == 9
    assert world.store.holds(POD, ("growth", "later"))
    assert not world.entered


async def test_lists_that_lag_on_while_newer_things_are_heard_bring_nothing_back():
    world = await seen_at_a_million()
    put_back(world)
    for number in range(30):
        for name in (KEY[1], "other"):
            newer = deployment_object(name=name, uid=f"uid-{name}", generation=10 + number)
            newer["metadata"]["resourceVersion"] = str(1_000_001 + number)
            world.intake.take(MODEL_DEPLOYMENT, "MODIFIED", newer)
        world.intake.take(POD, "MODIFIED", pod(1_000_001 + number, "later"))
        world.watch_begins()  # after its own list ours is due
        await world.turn(2)
    assert generation(world) == 39
    assert not world.entered


async def test_a_server_that_goes_to_and_fro_does_not_have_everything_begun_anew_each_time():
    world = await seen_at_a_million()
    items, version = dict(world.items), world.version
    for number in range(60):
        world.watch_begins()
        if number % 10 == 0:
            world.items, world.version = items, version
            world.intake.take(POD, "MODIFIED", pod(1_000_000 + number, "later"))
        else:
            put_back(world)
        await world.turn(2 if number else 601)
    assert len(world.entered) <= 1


@pytest.mark.parametrize("version", ["", "abc", "²"])
async def test_a_list_whose_version_is_no_number_is_taken_as_it_is(version: str):
    world = World()
    await world.turn()
    world.version = version
    world.items[POD] = [pod(101)]
    await world.turn(601)
    assert world.store.holds(POD, ("growth", "p"))


class TestAKindThatAClusterMayLack:
    async def test_it_closes_no_namespace_and_is_seen_by_itself(self):
        world = World("growth")
        world.hearing.add(feeds_of(("growth",), [HTTP_ROUTE]))
        world.trouble[HTTP_ROUTE, "growth"] = lambda: Forbidden("no")
        world.watch_begins()
        await world.turn()
        assert world.sweeper.sees("growth")
        assert not world.sweeper.sees_kind(HTTP_ROUTE, "growth")
        world.trouble.clear()
        await world.turn(11)
        assert world.sweeper.sees_kind(HTTP_ROUTE, "growth")
        assert not world.sweeper.sees_kind(HTTP_ROUTE, "risk")

    @pytest.mark.parametrize("trouble", [Forbidden("no"), Refused("no such kind")], ids=lambda e: e.reason)
    async def test_it_is_out_of_sight_once_it_may_be_listed_no_more(self, trouble):
        world = World()
        world.hearing.add(feeds_of((), [HTTP_ROUTE]))
        world.watch_begins()
        await world.turn()
        assert world.sweeper.sees_kind(HTTP_ROUTE, "growth")
        world.trouble[HTTP_ROUTE, ""] = lambda: trouble
        await world.turn(601)
        assert not world.sweeper.sees_kind(HTTP_ROUTE, "growth")
        assert world.sweeper.sees("growth")

    async def test_an_api_server_that_is_away_takes_it_out_of_sight_no_more_than_others(self):
        world = World()
        world.hearing.add(feeds_of((), [HTTP_ROUTE]))
        world.watch_begins()
        await world.turn()
        world.trouble[HTTP_ROUTE, ""] = lambda: ClusterUnavailable("away")
        await world.turn(601)
        assert world.sweeper.sees_kind(HTTP_ROUTE, "growth")

    async def test_when_it_comes_everybody_looks_again(self):
        world = World()
        world.items[MODEL_DEPLOYMENT] = [deployment_object()]
        await world.turn()
        world.woken.clear()
        world.hearing.add(feeds_of((), [HTTP_ROUTE]))
        world.watch_begins()
        await world.turn()
        assert world.woken == [KEY]

    async def test_work_begins_when_it_was_listed_or_refused_and_waits_no_longer_than_it_is_told(self):
        world = World()
        world.hearing.add(feeds_of((), [HTTP_ROUTE]))
        world.trouble[HTTP_ROUTE, ""] = lambda: Forbidden("no")
        await world.sweeper.has_looked(0.01)
        assert not world.sweeper._looked.is_set()
        world.watch_begins()
        await world.turn()
        await world.sweeper.has_looked(60)
        assert world.sweeper._looked.is_set()
