"""The client that crowds are made of, against a server on loopback and on a clock of the test's own."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import PATIENCE_SECONDS

from lockgate_sandbox import crowds, visits
from lockgate_sandbox.crowds import Count, Crowd, Target

# Four a second come, whatever else happens: as many as come in the time that tests have.
MOST_COUNTS = int(PATIENCE_SECONDS / visits.TELL_SECONDS)


class Server(ThreadingHTTPServer):
    """Answers with what it was told to, and notes what it was asked."""

    daemon_threads = True

    def __init__(self, status: int, answer: str) -> None:
        self.reply = status, answer
        self.connections = 0
        self.asked: list[dict[str, str]] = []
        self.bodies: set[str] = set()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v2/models/churn/infer"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        self.server.asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
        self.server.bodies.add(self.rfile.read(int(self.headers["Content-Length"])).decode())
        status, answer = self.server.reply
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(200, '{"model_version": "v1"}') as running:
        yield running
        running.shutdown()


@contextmanager
def visiting(target: Target) -> Iterator[Iterator[Count]]:
    """The counts of a client that runs."""
    with subprocess.Popen(
        [sys.executable, str(Path(visits.__file__)), target.told()], stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        try:
            yield (Count.by(json.loads(line)) for line in islice(client.stdout, MOST_COUNTS))
        finally:
            client.kill()


def first(counts: Iterator[Count], requests: int) -> Count:
    """The first count of more than so many requests."""
    for count in counts:
        if count.requests > requests:
            return count
    raise AssertionError(f"it never counted more than {requests} requests")


def test_answers_are_counted_by_version_and_asked_for_as_the_target_says(server: Server) -> None:
    target = Target(server.url, "churn.example", {"Cookie": "arm=b", "x-user": "7"}, rate=200.0, body="{}")
    with visiting(target) as counts:
        count = first(counts, 20)
    assert (count.failed, count.last_failure) == (0, "")
    assert count.versions == {"v1": count.requests}
    assert 0 < count.p50 <= count.p99
    seen = server.asked[0]
    assert (seen["path"], seen["host"], seen["cookie"], seen["x-user"]) == (
        "/v2/models/churn/infer",
        "churn.example",
        "arm=b",
        "7",
    )
    assert server.bodies == {"{}"}


def test_connections_are_kept_or_opened_anew_as_the_target_says(server: Server) -> None:
    target = Target(server.url, rate=200.0, in_flight=3)
    with visiting(target) as counts:
        first(counts, 30)
    assert server.connections <= 3
    server.connections = 0
    with visiting(dataclasses.replace(target, keep_alive=False)) as counts:
        count = first(counts, 30)
    # Those under way are not counted yet.
    assert count.requests <= server.connections


@pytest.mark.parametrize(
    ("status", "answer", "failure"),
    [
        (503, "no healthy upstream", "HTTP 503 no healthy upstream"),
        (404, "", "HTTP 404"),
        (200, "{}", "KeyError('model_version')"),
        (200, "<html>", "JSONDecodeError('Expecting value: line 1 column 1 (char 0)')"),
        (500, "x" * 1000, "HTTP 500 " + "x" * (visits.FAILURE_LENGTH - 9)),
    ],
)
def test_whatever_is_no_answer_of_a_model_is_a_failure_and_told(
    server: Server, status: int, answer: str, failure: str
) -> None:
    server.reply = status, answer
    with visiting(Target(server.url, rate=100.0)) as counts:
        count = first(counts, 2)
        assert (count.failed, count.versions, count.last_failure) == (count.requests, {}, failure)
        server.reply = 200, '{"model_version": "v2"}'
        recovered = next(count for count in counts if count.versions and not count.last_second.failed)
    assert recovered.last_failure == failure
    assert recovered.last_second.versions == {"v2": recovered.last_second.requests}


def test_nobody_there_is_a_failure_like_any_other() -> None:
    with Server(200, "") as gone:
        gone.shutdown()
    with visiting(Target(gone.url, rate=100.0)) as counts:
        count = first(counts, 2)
    assert (count.failed, count.versions) == (count.requests, {})
    assert "ConnectionRefused" in count.last_failure


class Clock:
    """Time that passes only while somebody sleeps, or when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(visits, "time", made)
    return made


def test_the_pace_is_kept_and_a_standstill_is_followed_by_no_rush(clock: Clock) -> None:
    pace, begun = visits.Pace(40), clock.now
    for _ in range(80):
        clock.now += 0.01  # what a request takes, less than the time between two
        pace.wait()
    assert clock.now - begun == pytest.approx(2, abs=0.02)
    clock.now += 10
    stood_until = clock.now
    for _ in range(41):
        pace.wait()
    assert clock.now - stood_until == pytest.approx(1, abs=0.03)


def test_the_last_second_forgets_what_the_total_keeps(clock: Clock) -> None:
    count = visits.Count()
    for milliseconds in range(1, 101):
        count.add("v1", "", milliseconds / 1000)
    count.add("", "HTTP 503", 4.0)
    told = Count.by(json.loads(count.line()))
    assert (told.requests, told.failed, told.versions) == (101, 1, {"v1": 100})
    assert (told.p50, told.p99) == pytest.approx((51, 100), abs=0.11)
    assert told.last_second.requests == 101
    clock.now += 1.1
    count.add("v2", "", 0.002)
    told = Count.by(json.loads(count.line()))
    assert (told.requests, told.failed, told.last_failure) == (102, 1, "HTTP 503")
    lately = told.last_second
    assert (lately.requests, lately.failed, lately.versions) == (1, 0, {"v2": 1})
    assert lately.p99 == pytest.approx(2, abs=0.11)


def scripted(monkeypatch: pytest.MonkeyPatch, *versions: dict[str, int]) -> Crowd:
    """A crowd that counts this, one after the other, and then the last for ever."""
    lately = crowds.Tally(0, 0, {}, 0, 0)
    counts = [Count(sum(seen.values()), 0, seen, 1, 1, "", lately, 0.0) for seen in versions]
    monkeypatch.setattr(Crowd, "count", lambda _: counts.pop(0) if len(counts) > 1 else counts[0])
    monkeypatch.setattr("lockgate_sandbox.waiting._LOOK_SECONDS", 0)
    return Crowd(world=None, url="http://none", name="some")  # type: ignore[arg-type]


def test_shares_are_of_answers_that_come_from_now_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first count may be of before the question; shares begin at the next.
    crowd = scripted(
        monkeypatch, {"v1": 500}, {"v1": 500}, {"v1": 510}, {"v1": 560, "v2": 40}, {"v1": 600, "v2": 60}
    )
    assert crowd.shares(150) == {"v1": 0.6, "v2": 0.4}
