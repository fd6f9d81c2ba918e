"""Real kopf against an API server that fails: whatever it does, it is watched again and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tests.fakes.builders import deployment_object, runtime_object
from tests.watch.scripted import ScriptedApiServer, html, refusal
from tests.watch.station import Station
from tests.watch.waiting import until

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, MODEL_RUNTIME, POD

KEY = ("growth", "churn")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter pauses, in the proportions of the real ones."""
    monkeypatch.setattr("lockgate.watch.hearing._PAUSE_AND_DELAY_SECONDS", 3.0)
    monkeypatch.setattr("lockgate.watch.wire._PAUSES_SECONDS", (0.1, 0.2, 0.5))


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApiServer]:
    server = await ScriptedApiServer().start()
    await server.put(MODEL_RUNTIME, runtime_object())
    await server.put(MODEL_DEPLOYMENT, deployment_object())
    yield server
    await server.stop()


def pod(name: str = "churn-1", **labels: str) -> dict:
    ours = {"app.kubernetes.io/managed-by": "lockgate", "lockgate.dev/model-deployment": "churn"}
    return {"metadata": {"namespace": "growth", "name": name, "uid": f"uid-{name}", "labels": ours | labels}}


async def is_seen_again(station: Station, api: ScriptedApiServer) -> None:
    """Something new of every kind of trouble is told by the watch, not only found by a sweep."""
    await until("everything is watched", station.is_whole)
    for resource, obj in ((POD, pod("news")), (MODEL_DEPLOYMENT, deployment_object(name="news", uid="n"))):
        await api.put(resource, obj)
        place = ("growth", "news")
        await until(
            f"the new {resource.kind} is seen", lambda r=resource, p=place: station.store.holds(r, p), 15
        )


async def test_a_quiet_watch_is_heard_again_and_again(api: ScriptedApiServer):
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        for feed in station.hearing.feeds:
            opened = api.requests.count((feed.path, True))
            await until(
                f"{feed} is opened again and again",
                lambda feed=feed, opened=opened: api.requests.count((feed.path, True)) > opened + 2,
            )
            assert not station.hearing.deaf()
        assert station.watch.entries == 1
        lists = [path for path, watch in api.requests if not watch and path.endswith("/pods")]
        assert len(lists) <= 2, "that of the watch, and before it one of our own if it was late"


@pytest.mark.parametrize("code", [429, 500])
async def test_an_error_in_a_stream_is_a_cut_and_no_end(api: ScriptedApiServer, code: int):
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        api.stream_error["pods"] = code
        await until(
            "pods alone are not heard", lambda: [feed.resource for feed in station.hearing.deaf()] == [POD]
        )
        api.stream_error.clear()
        await is_seen_again(station, api)


@pytest.mark.parametrize("code", [401, 403, 404, 429, 503])
async def test_a_kind_that_is_refused_for_a_while_stops_no_other_and_comes_back(
    api: ScriptedApiServer, code: int
):
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        api.fault = lambda request: refusal(code) if request.path.endswith("/pods") else None
        await until(
            "pods alone are not heard", lambda: [feed.resource for feed in station.hearing.deaf()] == [POD]
        )
        await api.put(DEPLOYMENT, pod("beside"))
        await until(
            "a Deployment is seen meanwhile", lambda: station.store.holds(DEPLOYMENT, ("growth", "beside"))
        )
        api.fault = lambda request: None
        await is_seen_again(station, api)


async def test_a_page_of_a_proxy_in_place_of_every_answer_is_outlived(api: ScriptedApiServer):
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        api.fault = lambda request: html()
        await until("nothing is heard", lambda: len(station.hearing.deaf()) == len(station.hearing.feeds))
        api.fault = lambda request: None
        await is_seen_again(station, api)


async def test_a_line_that_is_no_json_is_outlived(api: ScriptedApiServer):
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        api.garbage.add("pods")
        await until("the watch was entered again", lambda: station.watch.entries > 1)
        api.garbage.clear()
        await is_seen_again(station, api)


async def test_what_is_too_old_is_listed_anew(api: ScriptedApiServer):
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        await api.put(POD, pod("vanishes"))
        await until("it is seen", lambda: station.store.holds(POD, ("growth", "vanishes")))
        api.stream_error["pods"] = 410
        await api.drop(POD, "growth", "vanishes", tell=False)
        await asyncio.sleep(3)
        api.stream_error.clear()
        await until("it is seen to be gone", lambda: not station.store.holds(POD, ("growth", "vanishes")))
        await is_seen_again(station, api)


async def test_a_server_that_is_away_is_found_again_with_all_that_happened(api: ScriptedApiServer):
    async with Station(api) as station:
        await api.put(POD, pod("vanishes"))
        await until("it is seen", lambda: station.store.holds(POD, ("growth", "vanishes")))
        await until("everything is watched", station.is_whole)
        await api.stop()
        await until("some kind is not watched anywhere", lambda: station.hearing.deaf_kinds())
        await api.drop(POD, "growth", "vanishes", tell=False)
        await api.put(POD, pod("appears"), tell=False)
        await asyncio.sleep(3)
        await api.start()
        await until("what appeared is seen", lambda: station.store.holds(POD, ("growth", "appears")), 15)
        await until("what vanished is gone", lambda: not station.store.holds(POD, ("growth", "vanishes")), 15)
        await is_seen_again(station, api)


async def test_streams_that_fall_silent_are_dead(api: ScriptedApiServer):
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        api.silent.set()
        await until("some kind is not watched anywhere", lambda: station.hearing.deaf_kinds())
        await api.put(POD, pod("appears"))
        await until("a sweep sees it instead", lambda: station.store.holds(POD, ("growth", "appears")), 15)
        api.silent.clear()
        await is_seen_again(station, api)


async def test_a_server_that_accepts_and_never_answers_is_asked_again(
    api: ScriptedApiServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lockgate.watch.wire.HEADERS_SECONDS", 1.0)
    guests: list[asyncio.StreamWriter] = []

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guests.append(writer)

    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        await api.stop()
        hole = await asyncio.start_server(accept, "127.0.0.1", api.port)
        await until("some kind is not watched anywhere", lambda: station.hearing.deaf_kinds())
        hole.close()
        for guest in guests:
            guest.close()
        await api.start()
        await is_seen_again(station, api)


async def test_a_kind_that_is_made_later_is_watched_then(
    api: ScriptedApiServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lockgate.watch.sweep._ENTER_ANEW_SECONDS", 3.0)
    monkeypatch.setattr("lockgate.watch.sweep._RETRY_REFUSED_SECONDS", 1.0)
    monkeypatch.setattr("lockgate.watch.sweep.LATE_SECONDS", 1.0)
    api.absent.add("modeldeployments")
    async with Station(api) as station:
        await until("the others are watched", lambda: len(station.hearing.deaf()) == 1)
        assert not station.sweeper.opened.is_set()
        api.absent.clear()
        await is_seen_again(station, api)


async def test_a_kind_that_is_taken_away_and_made_again_is_watched_again(
    api: ScriptedApiServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lockgate.watch.sweep._ENTER_ANEW_SECONDS", 3.0)
    monkeypatch.setattr("lockgate.watch.sweep._RETRY_REFUSED_SECONDS", 1.0)
    monkeypatch.setattr("lockgate.watch.sweep.LATE_SECONDS", 1.0)
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        api.absent.add("modeldeployments")
        await until(
            "that kind alone is not heard",
            lambda: [feed.resource for feed in station.hearing.deaf()] == [MODEL_DEPLOYMENT],
        )
        api.absent.clear()
        await is_seen_again(station, api)


async def test_a_namespace_that_is_closed_to_us_stops_no_other(api: ScriptedApiServer):
    def closed(request: web.Request) -> web.Response | None:
        return refusal(403) if "/namespaces/gone/" in request.path else None

    api.fault = closed
    async with Station(api, ("growth", "gone")) as station:
        await until("the open one is seen", station.sweeper.opened.is_set)
        assert station.sweeper.sees("growth")
        assert not station.sweeper.sees("gone")
        await until("every kind is watched somewhere", lambda: not station.hearing.deaf_kinds())
        await api.put(POD, pod("news"))
        await until("its news are seen", lambda: station.store.holds(POD, ("growth", "news")))
        assert station.watch.entries == 1
        assert station.metrics.registry.get_sample_value(
            "lockgate_namespace_watchable", {"namespace": "growth"}
        )
        late = deployment_object(namespace="gone", uid="other")
        await api.put(MODEL_DEPLOYMENT, late)
        api.fault = lambda request: None
        await until("the closed one is open", lambda: station.sweeper.sees("gone"), 40)
        assert ("gone", "churn") in station.woken


async def test_a_watch_that_tells_nothing_while_lists_do_is_found_out_and_entered_anew(
    api: ScriptedApiServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lockgate.watch.untold.LATE_SECONDS", 1.0)
    async with Station(api, sweep=2.0) as station:
        await until("everything is watched", station.is_whole)
        await asyncio.sleep(3)
        api.deaf.add("pods")
        await api.put(POD, pod("untold"))

        def missed() -> float | None:
            return station.metrics.registry.get_sample_value("lockgate_watch_missed_total", {"kind": "pods"})

        await until("it is counted", missed)
        assert station.store.holds(POD, ("growth", "untold"))
        await until("the watch was entered again", lambda: station.watch.entries > 1)


async def test_a_cluster_that_was_restored_to_an_earlier_state_is_believed(api: ScriptedApiServer):
    api.version = 1_000_000
    await api.put(MODEL_DEPLOYMENT, deployment_object(generation=9))
    async with Station(api) as station:
        await until("everything is watched", station.is_whole)
        await api.stop()
        await asyncio.sleep(4)
        api.restore(900_000)
        await api.put(MODEL_DEPLOYMENT, deployment_object(generation=7), tell=False)
        station.woken.clear()
        await api.start()

        def generation() -> int:
            found = station.store.get(MODEL_DEPLOYMENT, KEY)
            return 0 if found is None else int(found["metadata"]["generation"])

        await until("the older one is taken", lambda: generation() == 7)
        assert KEY in station.woken
        await until("the watch was entered again", lambda: station.watch.entries > 1)
        await is_seen_again(station, api)
