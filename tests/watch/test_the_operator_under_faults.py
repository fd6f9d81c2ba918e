"""The whole operator (but for its registry) against an API server that fails: it lives, works and tells."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.fakes.builders import SOURCE, deployment_object, runtime_object
from tests.fakes.registry import FakeRegistry
from tests.watch.scripted import ScriptedApiServer, html, refusal
from tests.watch.waiting import until

from lockgate.app import App
from lockgate.domain.resources import HTTP_ROUTE, MODEL_DEPLOYMENT, MODEL_RUNTIME, Key
from lockgate.gateways.offered import NO_GATEWAYS, Gateway
from lockgate.opening import Offered
from lockgate.reconciler import Reconciler
from lockgate.settings import Settings
from lockgate.watch import discovery
from lockgate.watch.supervisor import WatchSupervisor

STREAMS = 5


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


async def probe(port: int, path: str) -> int:
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status
    return 0


@contextlib.asynccontextmanager
async def operator(
    api: ScriptedApiServer, gateways: Mapping[str, Gateway] = NO_GATEWAYS, **settings: Any
) -> AsyncIterator[tuple[asyncio.Task[None], int]]:
    """It, and the port of its probes."""
    port, stop = free_port(), asyncio.Event()
    app = App(
        Settings(
            registry_base_url="http://127.0.0.1:1",
            fetch_image="registry.example/lockgate:1",
            http_host="127.0.0.1",
            probe_port=port,
            **{"http_port": free_port()} | settings,
        ),
        api.credentials(),
        {"default": FakeRegistry()},
        {"default": SOURCE},
        Offered(gateways=gateways),
    )
    running = asyncio.create_task(app.run(stop))
    try:
        yield running, port
    finally:
        stop.set()
        await asyncio.wait({running}, timeout=20)
        assert running.done()


async def is_ready(port: int) -> bool:
    return await probe(port, "/readyz") == 200


async def until_ready(port: int) -> None:
    async with asyncio.timeout(40):
        while not await is_ready(port):
            await asyncio.sleep(0.1)


async def test_one_error_in_one_stream_leaves_every_kind_watched():
    api = await ScriptedApiServer().start()
    async with operator(api) as (_, port):
        await until("all kinds are watched", lambda: sum(api.streams.values()) == STREAMS)
        api.stream_error["pods"] = 500
        await until("the stream of pods ended in an error", lambda: api.errors_told, 60)
        api.stream_error.clear()
        await until("all kinds are watched again", lambda: sum(api.streams.values()) == STREAMS, 40)
        await until_ready(port)
    await api.stop()


OFFERED = {
    "public": Gateway(name="public", namespace="gateways", gateway="public", hostname="{name}.example")
}


async def test_a_cluster_without_the_gateway_api_is_worked_in_and_once_it_has_it_routes_are_watched(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.2)
    api = await ScriptedApiServer().start()
    api.absent.add(HTTP_ROUTE.plural)
    async with operator(api, OFFERED) as (_, port):
        await until_ready(port)
        assert api.streams[HTTP_ROUTE.plural] == 0
        api.absent.clear()
        await until("routes are watched", lambda: api.streams[HTTP_ROUTE.plural] == 1, 40)
        await until_ready(port)
        assert await probe(port, "/healthz") == 200
    await api.stop()


async def test_routes_that_may_not_be_listed_make_nobody_else_blind():
    api = await ScriptedApiServer().start()
    api.fault = lambda request: refusal(403) if request.path.endswith(HTTP_ROUTE.plural) else None
    async with operator(api, OFFERED) as (_, port):
        await until("the others are watched", lambda: sum(api.streams.values()) == STREAMS)
        await until_ready(port)
    await api.stop()


async def test_where_no_gateway_is_offered_nobody_asks_for_routes():
    api = await ScriptedApiServer().start()
    async with operator(api) as (_, port):
        await until_ready(port)
        await until("all kinds are watched", lambda: sum(api.streams.values()) == STREAMS)
    await api.stop()
    assert not [path for path, _ in api.requests if HTTP_ROUTE.group in path and "httproutes" in path]


async def test_who_is_blind_says_so_and_is_alive():
    api = await ScriptedApiServer().start()
    async with operator(api) as (running, port):
        await until_ready(port)
        await api.stop()
        async with asyncio.timeout(60):
            while await is_ready(port):
                await asyncio.sleep(0.2)
        assert await probe(port, "/healthz") == 200
        await api.start()
        await until_ready(port)
        assert not running.done()
    await api.stop()


async def test_a_watch_that_stays_deaf_while_lists_are_answered_fails_every_probe(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("lockgate.web.health.DEAF_SECONDS", 1.0)
    monkeypatch.setattr("lockgate.watch.hearing._PAUSE_AND_DELAY_SECONDS", 4.0)
    api = await ScriptedApiServer().start()
    async with operator(api) as (_, port):
        await until_ready(port)
        assert await probe(port, "/healthz") == 200
        api.fault = lambda request: refusal(403) if request.query.get("watch") else None
        async with asyncio.timeout(60):
            while await probe(port, "/healthz") == 200:
                await asyncio.sleep(0.1)
        # However often it is asked, and whatever is tried meanwhile.
        assert {await probe(port, "/healthz") for _ in range(100)} == {503}
        api.fault = lambda request: None
        await until_ready(port)
        assert await probe(port, "/healthz") == 200
    await api.stop()


async def test_a_watch_whose_thread_has_ended_fails_the_probe(monkeypatch: pytest.MonkeyPatch):
    api = await ScriptedApiServer().start()
    monkeypatch.setattr(WatchSupervisor, "_run", lambda self: None)
    async with operator(api) as (_, port):
        async with asyncio.timeout(40):
            while await probe(port, "/healthz") != 503:
                await asyncio.sleep(0.1)
    await api.stop()


async def test_passes_that_never_end_while_others_wait_fail_the_probe(monkeypatch: pytest.MonkeyPatch):
    begun: list[Key] = []

    async def hang(_: Reconciler, key: Key) -> None:
        begun.append(key)
        await asyncio.Event().wait()

    monkeypatch.setattr("lockgate.web.health.STUCK_SECONDS", 1.0)
    monkeypatch.setattr(Reconciler, "reconcile", hang)
    api = await ScriptedApiServer().start()
    for number in range(3):
        await api.put(MODEL_DEPLOYMENT, deployment_object(name=f"m{number}", uid=f"u{number}"))
    async with operator(api, workers=1) as (_, port):
        await until("a pass hangs", lambda: begun, 40)
        async with asyncio.timeout(40):
            while await probe(port, "/healthz") != 503:
                await asyncio.sleep(0.1)
        assert len(begun) == 1
    await api.stop()


async def test_a_new_process_knows_all_answers_before_its_first_pass():
    api, metric = await ScriptedApiServer().start(), "lockgate_reconcile_total"
    await api.put(MODEL_RUNTIME, runtime_object())
    for number in range(9):
        await api.put(MODEL_DEPLOYMENT, deployment_object(name=f"m{number}", uid=f"u{number}"))
    metrics = free_port()
    async with operator(api, http_port=metrics) as (_, port):

        async def passes() -> list[str]:
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"http://127.0.0.1:{metrics}/metrics") as page,
            ):
                return [line for line in (await page.text()).splitlines() if line.startswith(metric)]

        await until_ready(port)
        async with asyncio.timeout(40):
            while not (told := await passes()):
                await asyncio.sleep(0.1)
        assert not [line for line in told if "WaitingForRegistry" in line]
    await api.stop()


async def test_a_page_of_html_in_place_of_a_list_ends_nothing():
    api = ScriptedApiServer()
    api.fault = lambda request: None if request.query.get("watch") else html()
    await api.start()
    async with operator(api) as (running, port):
        await until("it has listed", lambda: any(not watch for _, watch in api.requests))
        await asyncio.sleep(1)
        assert not running.done()
        assert await probe(port, "/readyz") == 503
        api.fault = lambda request: None
        await until_ready(port)
    await api.stop()


async def test_a_version_that_is_no_number_ends_nothing():
    api = await ScriptedApiServer().start()
    odd = await api.put(MODEL_RUNTIME, runtime_object())
    odd["metadata"]["resourceVersion"] = "a12"
    async with operator(api) as (running, port):
        await until_ready(port)
        assert not running.done()
    await api.stop()


async def test_a_namespace_that_is_closed_to_us_keeps_nobody_else_waiting():
    api = ScriptedApiServer()
    api.fault = lambda request: refusal(403) if "/namespaces/gone/" in request.path else None
    await api.start()
    await api.put(MODEL_RUNTIME, runtime_object())
    await api.put(MODEL_DEPLOYMENT, deployment_object())
    async with operator(api, watch_namespaces=("growth", "gone")) as (running, port):
        await until_ready(port)
        asked = "/apis/lockgate.dev/v1alpha1/namespaces/growth/modeldeployments/churn/status"
        await until("the open one is worked on", lambda: any(asked in path for path, _ in api.requests))
        assert not running.done()
    await api.stop()


async def test_where_not_everything_can_be_seen_nothing_is_done():
    api = ScriptedApiServer()
    api.fault = lambda request: refusal(403) if request.path.endswith("/namespaces/gone/pods") else None
    await api.start()
    await api.put(MODEL_RUNTIME, runtime_object())
    await api.put(MODEL_DEPLOYMENT, deployment_object(namespace="gone", uid="g"))
    await api.put(MODEL_DEPLOYMENT, deployment_object())
    async with operator(api, watch_namespaces=("gone", "growth")) as (_, port):
        await until_ready(port)

        def told(namespace: str) -> int:
            status = f"/apis/lockgate.dev/v1alpha1/namespaces/{namespace}/modeldeployments/churn/status"
            return [path for path, _ in api.requests].count(status)

        await until("the one that can be seen is worked on again and again", lambda: told("growth") > 2, 60)
        assert told("gone") == 0
    await api.stop()


async def test_what_people_ask_for_while_the_watch_hears_nothing_is_read_before_a_pass_begins_anything():
    api, read = ScriptedApiServer(), []

    def fault(request: web.Request) -> web.Response | None:
        if "fieldSelector" in request.query:
            read.append(request.path)
        is_watch = is_deaf and "watch" in request.query and request.path.endswith("/modeldeployments")
        return refusal(500) if is_watch else None

    is_deaf, api.fault = False, fault
    await api.start()
    await api.put(MODEL_RUNTIME, runtime_object())
    await api.put(MODEL_DEPLOYMENT, deployment_object())
    status = "/apis/lockgate.dev/v1alpha1/namespaces/growth/modeldeployments/churn/status"
    async with operator(api) as (_, port):
        await until_ready(port)
        await until("it is worked on again and again", lambda: [p for p, _ in api.requests].count(status) > 2)
        assert read == [], "the watch tells"
        is_deaf = True
        await until("it is read by its name", lambda: read, 60)
    assert set(read) == {status.removesuffix("/churn/status")}
    await api.stop()


async def test_it_ends_in_good_time_while_the_api_server_is_away():
    api = await ScriptedApiServer().start()
    async with operator(api) as (running, port):
        await until_ready(port)
        await api.stop()
        await asyncio.sleep(1)
    assert running.exception() is None
