"""The probes tell what a restart could mend, and are answered whoever else is on their port or the other."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from lockgate.settings import Settings, SettingsError
from lockgate.web.health import ANSWERS_SECONDS, DEAF_SECONDS, STUCK_SECONDS, Vitals
from lockgate.web.listener import CONNECTIONS, Listener
from lockgate.web.server import WebServer

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Body:
    """What the probes ask about, all well."""

    def __init__(self) -> None:
        self.alive = True
        self.blind = 0.0
        self.answered = 1.0
        self.stuck = 0.0
        self.seen = True
        self.deaf: list[str] = []

    def vitals(self) -> Vitals:
        return Vitals(
            watch_alive=lambda: self.alive,
            blind_seconds=lambda: self.blind,
            answered_seconds=lambda: self.answered,
            stuck_seconds=lambda: self.stuck,
            is_seen=lambda: self.seen,
            deaf_kinds=lambda: self.deaf,
        )


def settings(**given: Any) -> Settings:
    known = {"registry_base_url": "https://api.wandb.example", "fetch_image": "image@sha256:1"}
    return Settings(**known | {"http_host": "127.0.0.1", "http_port": 0, "probe_port": 0} | given)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


def server_of(body: Body) -> WebServer:
    return WebServer(lambda: b"", body.vitals(), lambda: None)


async def ask(listener: Listener, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(host, listener.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()
    finally:
        writer.close()


@pytest.fixture
def body() -> Body:
    return Body()


@pytest.fixture
async def server(body: Body) -> AsyncIterator[WebServer]:
    server = server_of(body)
    await server.start(settings())
    yield server
    await server.stop()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else has."""
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        yield somebody.getsockname()[1]


async def test_all_is_well(server: WebServer):
    assert await ask(server.probes, "/healthz") == (200, "ok")
    assert await ask(server.probes, "/readyz") == (200, "ok")


async def test_a_watch_that_has_ended_is_deadly(server: WebServer, body: Body):
    body.alive = False
    assert (await ask(server.probes, "/healthz"))[0] == 503


async def test_a_watch_that_hears_nothing_is_deadly_only_while_the_api_server_answers(body: Body):
    body.blind = DEAF_SECONDS + 1
    assert body.vitals().deadly()
    body.answered = ANSWERS_SECONDS + 1
    assert not body.vitals().deadly(), "a restart brings no API server back"
    body.answered, body.blind = 1.0, DEAF_SECONDS - 1
    assert not body.vitals().deadly()


async def test_passes_that_do_not_end_while_keys_wait_are_deadly(body: Body):
    body.stuck = STUCK_SECONDS + 1
    assert body.vitals().deadly()
    body.stuck = STUCK_SECONDS - 1
    assert not body.vitals().deadly()


async def test_who_cannot_see_is_not_ready_and_says_what_it_does_not_see(server: WebServer, body: Body):
    body.deaf = ["pods"]
    assert await ask(server.probes, "/readyz") == (503, "not watched: pods")
    body.seen = False
    assert (await ask(server.probes, "/readyz"))[0] == 503
    assert (await ask(server.probes, "/healthz"))[0] == 200


async def test_each_port_answers_its_own_pages_alone(server: WebServer):
    assert (await ask(server.metrics, "/metrics"))[0] == 200
    for path in ("/healthz", "/readyz", "/"):
        assert (await ask(server.metrics, path))[0] == 404
    for path in ("/metrics", "/"):
        assert (await ask(server.probes, path))[0] == 404


class SlowToDraw:
    """A collector that takes its time, on whatever thread it is asked on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked = 0

    def __call__(self) -> bytes:
        self.asked += 1
        self.go_on.wait(20)
        return b"drawn"


async def test_scrapes_are_drawn_once_for_all_and_probes_are_answered_meanwhile(body: Body):
    slow, sampled = SlowToDraw(), []
    server = WebServer(slow, body.vitals(), lambda: sampled.append(threading.current_thread()))
    await server.start(settings())
    try:
        scrapes = [asyncio.create_task(ask(server.metrics, "/metrics")) for _ in range(8)]
        while not slow.asked:
            await asyncio.sleep(0.01)
        assert await ask(server.probes, "/healthz") == (200, "ok")
        slow.go_on.set()
        assert set(await asyncio.gather(*scrapes)) == {(200, "drawn")}
        assert slow.asked == 1
        assert sampled == [threading.current_thread()]
    finally:
        slow.go_on.set()
        await server.stop()


async def hold(listener: Listener, how_many: int) -> list[Connection]:
    """As many as may be slow to ask: each with a part of a request."""
    held = []
    for _ in range(how_many):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1000)
        held.append((reader, writer))
    return held


def let_go(held: list[Connection]) -> None:
    for _, writer in held:
        writer.close()


async def is_cut(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 10) == b""
    return True


@pytest.mark.parametrize("how_many", [CONNECTIONS, CONNECTIONS + 20], ids=["as many as fit", "more"])
async def test_a_port_of_metrics_that_is_full_leaves_the_probes_answered_at_once(
    server: WebServer, how_many: int
):
    held = await hold(server.metrics, how_many)
    async with asyncio.timeout(2):
        assert await ask(server.probes, "/healthz") == (200, "ok")
        assert await ask(server.probes, "/readyz") == (200, "ok")
    let_go(held)


async def test_who_crowds_the_port_of_metrics_cuts_no_probe_that_is_being_asked(server: WebServer):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.probes.port)
    writer.write(b"GET /healthz HTTP/1.1\r\n")
    held = await hold(server.metrics, CONNECTIONS + 20)
    assert await is_cut(held[0][0]), "the port of metrics was crowded"
    writer.write(b"Host: x\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 200")
    writer.close()
    let_go(held)


@pytest.mark.parametrize(("port", "path"), [("metrics", "/metrics"), ("probes", "/healthz")])
async def test_those_who_hold_connections_open_keep_nobody_out_of_their_own_port(
    server: WebServer, port: str, path: str
):
    listener: Listener = getattr(server, port)
    held = await hold(listener, CONNECTIONS + 20)
    assert (await ask(listener, path))[0] == 200
    assert await is_cut(held[0][0]), "who came first has gone"
    let_go(held)


async def test_those_who_come_all_at_once_are_no_more_than_fit(server: WebServer):
    port = server.metrics.port
    crowd = await asyncio.gather(
        *(asyncio.open_connection("127.0.0.1", port) for _ in range(3 * CONNECTIONS))
    )
    waiting = [asyncio.create_task(is_cut(reader)) for reader, _ in crowd]
    _, left = await asyncio.wait(waiting, timeout=1)
    assert 0 < len(left) <= CONNECTIONS
    let_go(crowd)
    await asyncio.wait(waiting)


@pytest.mark.parametrize("port", ["metrics", "probes"])
async def test_half_a_request_is_cut_in_the_end(
    monkeypatch: pytest.MonkeyPatch, server: WebServer, port: str
):
    monkeypatch.setattr("lockgate.web.listener.CONNECTION_SECONDS", 0.2)
    held = await hold(getattr(server, port), 1)
    assert await is_cut(held[0][0])
    let_go(held)


@pytest.mark.parametrize("path", ["/metrics", "/nothing"])
async def test_a_connection_ends_with_its_answer(server: WebServer, path: str):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.metrics.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert b"Connection: close" in await reader.read()
    writer.close()


@pytest.mark.parametrize("name", ["http_port", "probe_port"])
async def test_a_port_that_is_taken_is_told_by_the_name_of_its_setting(body: Body, taken: int, name: str):
    server = server_of(body)
    with pytest.raises(SettingsError, match=f"LOCKGATE_{name.upper()} is {taken}, .*address already in use"):
        await server.start(settings(**{name: taken}))


async def test_who_cannot_have_the_one_port_leaves_the_other(body: Body, taken: int):
    server, free = server_of(body), free_port()
    with pytest.raises(SettingsError):
        await server.start(settings(http_port=free, probe_port=taken))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", free)


async def test_unless_told_otherwise_both_families_are_served(body: Body):
    server, host = server_of(body), Settings(registry_base_url="https://a", fetch_image="b").http_host
    await server.start(settings(http_host=host, http_port=free_port(), probe_port=free_port()))
    try:
        assert await ask(server.probes, "/healthz") == (200, "ok")
        if socket.has_dualstack_ipv6():
            assert await ask(server.probes, "/healthz", "::1") == (200, "ok")
    finally:
        await server.stop()
