"""The proxy does what it is told, on a server that says what it was asked."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.faults.behaviours import (
    Answer,
    Cut,
    CutStream,
    Drop,
    EndStream,
    Hang,
    Hold,
    Match,
    Mute,
    Stale,
    Swallow,
    Swap,
    Truncate,
    html,
)
from tests.faults.proxy import Proxy
from tests.faults.versions import shifted_body
from tests.waiting import PATIENCE_SECONDS

PODS = "/api/v1/namespaces/growth/pods"


class _Server(BaseHTTPRequestHandler):
    asked: list[str]
    versions = 0
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if "watch=true" in self.path:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(4):
                line = b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"%d"}}}\n' % number
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")
            return
        type(self).versions += 1
        body = b'{"metadata":{"resourceVersion":"%d"},"items":[]}' % self.versions
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    _Server.asked, _Server.versions = [], 0
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as made:
        made.daemon_threads = True
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def proxy(server: ThreadingHTTPServer) -> Iterator[Proxy]:
    with Proxy(f"http://127.0.0.1:{server.server_port}") as made:
        yield made


def get(proxy: Proxy, path: str = PODS) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def watched(proxy: Proxy) -> list[bytes]:
    return get(proxy, PODS + "?watch=true")[1].splitlines()


def test_a_call_is_named_as_the_api_server_names_it(proxy: Proxy):
    get(proxy, PODS + "/p1/status")
    get(proxy)
    assert [str(call) for call in proxy.calls] == ["get pods/status growth/p1", "list pods growth"]


def test_an_answer_of_a_test_reaches_the_caller_and_nobody_else(proxy: Proxy):
    proxy.fault(Match(verb="list"), Answer(503), times=1)
    assert get(proxy)[0] == 503
    assert _Server.asked == []
    assert get(proxy)[0] == 200
    proxy.fault(Match(resource="pods"), html(), times=1)
    assert get(proxy)[1].startswith(b"<html>")


def test_a_fault_skips_the_calls_before_the_one_it_is_meant_for(proxy: Proxy):
    fault = proxy.fault(Match(), Answer(500), times=1, skip=2)
    assert [get(proxy)[0] for _ in range(4)] == [200, 200, 500, 200]
    assert fault.met == 1


@pytest.mark.parametrize(("behaviour", "asked"), [(Cut(), 0), (Swallow(), 1), (Truncate(), 1)])
def test_a_reset_comes_before_or_after_the_server_was_asked(proxy: Proxy, behaviour, asked):
    proxy.fault(Match(), behaviour, times=1)
    with pytest.raises((OSError, http.client.HTTPException)):
        get(proxy)
    assert len(_Server.asked) == asked


@pytest.mark.parametrize(("behaviour", "asked"), [(Hang(), 0), (Hold(), 1)])
def test_an_answer_waits_until_its_fault_is_cleared(proxy: Proxy, behaviour, asked):
    fault = proxy.fault(Match(), behaviour, times=1)
    ended = threading.Event()

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            get(proxy)
        ended.set()

    threading.Thread(target=ask, daemon=True).start()
    assert fault.landed.wait(PATIENCE_SECONDS)
    assert len(_Server.asked) == asked
    assert not ended.is_set()
    proxy.clear()
    assert ended.wait(10)


def test_a_closed_door_refuses_and_an_opened_one_lets_in(proxy: Proxy):
    proxy.close_door()
    with pytest.raises(ConnectionRefusedError):
        get(proxy)
    proxy.open_door()
    assert get(proxy)[0] == 200


def test_a_lagging_server_repeats_what_it_said_before(proxy: Proxy):
    first = get(proxy)
    get(proxy)
    proxy.fault(Match(verb="list"), Stale(back=2), times=1)
    assert get(proxy) == first


def test_a_watch_goes_through_line_by_line_and_can_be_ended_cut_dropped_and_swapped(proxy: Proxy):
    whole = watched(proxy)
    assert len(whole) == 4
    proxy.fault(Match(verb="watch"), EndStream(410), times=1)
    (error,) = watched(proxy)
    assert b'"code": 410' in error
    proxy.fault(Match(verb="watch"), CutStream(in_mid_line=True), times=1)
    with pytest.raises((OSError, http.client.HTTPException)):
        watched(proxy)
    for behaviour, left in (
        (Drop(every=2), [whole[0], whole[2]]),
        (Swap(), [whole[1], whole[0], whole[3], whole[2]]),
    ):
        fault = proxy.fault(Match(verb="watch"), behaviour)
        assert watched(proxy) == left
        proxy.faults.clear(fault)


def test_a_watch_that_is_muted_does_not_even_end(proxy: Proxy):
    proxy.fault(Match(verb="watch"), Mute())
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("GET", f"{PODS}?watch=true")
    answer = connection.getresponse()
    connection.sock.settimeout(1)
    with pytest.raises(TimeoutError):
        answer.read()
    connection.close()


def test_versions_move_in_objects_lists_and_events_alike():
    for body in (
        b'{"metadata":{"resourceVersion":"7"}}',
        b'{"items":[{"metadata":{"resourceVersion":"7"}}]}',
        b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"7"}}}',
    ):
        assert b'"resourceVersion": "5"' in shifted_body(body, -2)
    patch = b'[{"op":"replace","path":"/metadata/resourceVersion","value":"7"},{"op":"add","path":"/status"}]'
    assert b'"value": "5"' in shifted_body(patch, -2)
    assert shifted_body(b"<html>", -2) == b"<html>"
    assert b'"1"' in shifted_body(b'{"metadata":{"resourceVersion":"1"}}', -2)
