"""The probes tell what a restart could mend, and the port serves probes whoever else is on it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, Gauge

from lockgate.settings import Settings
from lockgate.web.health import ANSWERS_SECONDS, DEAF_SECONDS, STUCK_SECONDS, Vitals
from lockgate.web.server import CONNECTIONS, HealthServer


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


async def ask(server: HealthServer, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(host, server.port)
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
async def server(body: Body) -> AsyncIterator[HealthServer]:
    server = HealthServer(CollectorRegistry(), body.vitals(), lambda: None)
    await server.start("127.0.0.1", 0)
    yield server
    await server.stop()


async def test_all_is_well(server: HealthServer):
    assert await ask(server, "/healthz") == (200, "ok")
    assert await ask(server, "/readyz") == (200, "ok")


async def test_a_watch_that_has_ended_is_deadly(server: HealthServer, body: Body):
    body.alive = False
    assert (await ask(server, "/healthz"))[0] == 503


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


async def test_who_cannot_see_is_not_ready_and_says_what_it_does_not_see(server: HealthServer, body: Body):
    body.deaf = ["pods"]
    assert await ask(server, "/readyz") == (503, "not watched: pods")
    body.seen = False
    assert (await ask(server, "/readyz"))[0] == 503
    assert (await ask(server, "/healthz"))[0] == 200


class SlowToDraw:
    """A collector that takes its time, on whatever thread it is asked on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked = 0

    def collect(self) -> list[Gauge]:
        self.asked += 1
        self.go_on.wait(20)
        return []


async def test_scrapes_are_drawn_once_for_all_and_probes_are_answered_meanwhile(body: Body):
    registry, slow, sampled = CollectorRegistry(auto_describe=False), SlowToDraw(), []
    slow.go_on.set()
    registry.register(slow)  # type: ignore[arg-type]
    slow.go_on.clear()
    drawn_before = slow.asked
    server = HealthServer(registry, body.vitals(), lambda: sampled.append(threading.current_thread()))
    await server.start("127.0.0.1", 0)
    try:
        scrapes = [asyncio.create_task(ask(server, "/metrics")) for _ in range(8)]
        while slow.asked == drawn_before:
            await asyncio.sleep(0.01)
        assert await ask(server, "/healthz") == (200, "ok")
        slow.go_on.set()
        assert {code for code, _ in await asyncio.gather(*scrapes)} == {200}
        assert slow.asked == drawn_before + 1
        assert sampled == [threading.current_thread()]
    finally:
        slow.go_on.set()
        await server.stop()


async def test_those_who_hold_connections_open_keep_no_probe_out(server: HealthServer):
    held = []
    for _ in range(CONNECTIONS + 20):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1000)
        held.append((reader, writer))
    assert await ask(server, "/healthz") == (200, "ok")
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(held[0][0].read(), 10) == b"", "who came first has gone"
    for _, writer in held:
        writer.close()


async def test_half_a_request_is_cut_in_the_end(monkeypatch: pytest.MonkeyPatch, body: Body):
    monkeypatch.setattr("lockgate.web.server.CONNECTION_SECONDS", 0.2)
    server = HealthServer(CollectorRegistry(), body.vitals(), lambda: None)
    await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a")
    try:
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
    finally:
        writer.close()
        await server.stop()


async def test_unless_told_otherwise_both_families_are_served(body: Body):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = HealthServer(CollectorRegistry(), body.vitals(), lambda: None)
    settings = Settings(registry_base_url="https://api.wandb.example", fetch_image="image@sha256:1")
    await server.start(settings.http_host, port)
    try:
        assert await ask(server, "/healthz") == (200, "ok")
        if socket.has_dualstack_ipv6():
            assert await ask(server, "/healthz", "::1") == (200, "ok")
    finally:
        await server.stop()
