"""The door to Prometheus believes only what Prometheus can have said, asks once, and tells no secrets."""

import asyncio
import json
import math
import socket
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.analyses import INTERVAL, moment
from tests.fakes.builders import T0
from tests.fakes.json_values import anything_in_json
from tests.fakes.prometheus import door_to, matrix, says

from lockgate.domain.analysis import Series, Span
from lockgate.errors import PrometheusUnavailable, QueryRefused
from lockgate.kube.errand import PRESENT_ERRAND, Errand
from lockgate.observe.prometheus import AT_ONCE, LARGEST_ANSWER, Prometheus
from lockgate.observe.range_answer import series_of

SPAN = Span(first=moment(1), last=moment(3), interval=INTERVAL)
SECRET = "s3cr3t-t0ken"
START = int(moment(1).timestamp())


async def test_a_query_is_asked_at_the_moments_of_the_span_and_answered_with_a_number_for_each():
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.method, request.path, dict(await request.post())))
        return web.json_response(matrix([(START, "0.5"), (START + 30, "NaN"), (START + 60.0, "+Inf")]))

    async with door_to(handler, path="/prefix/") as door:
        found = await door.series('sum(x{a="b"})', SPAN)
    assert found == Series(((moment(1), 0.5), (moment(2), None), (moment(3), None)))
    assert asked == [
        (
            "POST",
            "/prefix/api/v1/query_range",
            {
                "query": 'sum(x{a="b"})',
                "start": str(START),
                "end": str(START + 60),
                "step": "30",
                "timeout": "10s",
                "limit": "2",
            },
        )
    ]


async def test_scrapes_are_counted_within_each_interval():
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((await request.post())["query"])
        return web.json_response(matrix())

    async with door_to(handler) as door:
        assert await door.scrapes(SPAN) == Series()
    assert asked == ["max(count_over_time(up[30s]))"]


async def test_who_asks_the_same_meanwhile_gets_the_same_answer():
    asked, gate = [], asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        asked.append((await request.post())["query"])
        await gate.wait()
        return web.json_response(matrix([(START, str(len(asked)))]))

    async with door_to(handler) as door:
        waiting = [asyncio.create_task(door.series("x", SPAN)) for _ in range(5)]
        other = asyncio.create_task(door.series("y", SPAN))
        later = asyncio.create_task(door.series("x", Span(first=T0, last=T0, interval=INTERVAL)))
        while len(asked) < 3:
            await asyncio.sleep(0)
        waiting[0].cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        found = {await one for one in waiting[1:]}
        assert len(found) == 1
        await asyncio.gather(other, later)
        assert sorted(asked) == ["x", "x", "y"]
        await door.series("x", SPAN)
    assert sorted(asked) == ["x", "x", "x", "y"], "nothing is kept"


async def test_a_pass_that_waits_for_an_answer_makes_room_for_others():
    made = []

    async def handler(request: web.Request) -> web.Response:
        return web.json_response(matrix() if made else {})

    errand = Errand()
    errand.take(lambda: made.append(1))
    PRESENT_ERRAND.set(errand)
    async with door_to(handler) as door:
        assert await door.scrapes(SPAN) == Series()
    assert made == [1]


async def test_few_questions_are_on_their_way_at_once():
    present, most, gate = 0, 0, asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        nonlocal present, most
        present, most = present + 1, max(most, present + 1)
        if present == AT_ONCE:
            gate.set()
        await gate.wait()
        await asyncio.sleep(0)
        present -= 1
        return web.json_response(matrix())

    async with door_to(handler) as door:
        await asyncio.gather(*(door.series(f"x{number}", SPAN) for number in range(4 * AT_ONCE)))
    assert most == AT_ONCE


ODD = {
    "nothing": b"",
    "a page for people": b"<html>log in</html>",
    "a number": b"7",
    "a list": b"[]",
    "an empty object": b"{}",
    "deep nesting": b"[" * 100_000,
    "no data": {"status": "success"},
    "another kind of result": {"status": "success", "data": {"resultType": "vector", "result": []}},
    "a result that is no list": {"status": "success", "data": {"resultType": "matrix", "result": {}}},
    "a series that is none": {"status": "success", "data": {"resultType": "matrix", "result": [7]}},
    "a series without values": {"status": "success", "data": {"resultType": "matrix", "result": [{}]}},
    "a point of one": matrix([(START,)]),
    "a value that is no text": matrix([(START, 7)]),
    "a value that is no number": matrix([(START, "seven")]),
    "a moment beyond the calendar": matrix([(1e300, "7")]),
    "a moment that is none": matrix([("now", "7")]),
    "an error with status 200": {"status": "error", "errorType": "bad_data", "error": "x"},
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
async def test_what_prometheus_cannot_have_said_is_no_answer(body):
    async with door_to(says(body)) as door:
        with pytest.raises(PrometheusUnavailable, match="what answered is no Prometheus"):
            await door.series("x", SPAN)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (301, "it answered with status 301"),
        (401, "it wants another token, or one at all"),
        (403, "it refuses the token"),
        (404, "there is no Prometheus API at its address"),
        (405, "what is at its address takes no queries"),
        (429, "it asks for patience"),
        (500, "it answered with status 500"),
        (502, "it answered with status 502"),
        (503, "it is not ready, or the query took too long"),
    ],
)
@pytest.mark.parametrize("body", [b"<html>", {"status": "error", "errorType": "x", "error": SECRET}])
async def test_a_status_tells_why_there_is_no_answer(status, told, body):
    async with door_to(says(body, status)) as door:
        with pytest.raises(PrometheusUnavailable) as failed:
            await door.series("x", SPAN)
    assert failed.value.message == f"Prometheus gave no answer: {told}"


@pytest.mark.parametrize("status", [400, 422])
async def test_a_query_that_prometheus_refuses_is_told_with_its_words(status):
    body = {"status": "error", "errorType": "bad_data", "error": "1:5: parse error:\nunexpected <EOF>" * 99}
    async with door_to(says(body, status)) as door:
        with pytest.raises(
            QueryRefused, match=r"^Prometheus refuses the query: 1:5: parse error: unexp"
        ) as failed:
            await door.series("sum(", SPAN)
    assert len(failed.value.message) < 600


async def test_a_status_of_a_refused_query_without_its_words_is_no_refusal():
    async with door_to(says(b"<html>Bad Request</html>", 400)) as door:
        with pytest.raises(PrometheusUnavailable, match="status 400"):
            await door.series("x", SPAN)


async def test_more_than_one_series_is_no_number():
    async with door_to(says(matrix([(START, "1")], [(START, "2")]))) as door:
        with pytest.raises(QueryRefused, match=r"more than one series; put them together"):
            await door.series("x", SPAN)


async def test_a_histogram_is_no_number():
    one = {"metric": {}, "histograms": [[START, {"count": "1"}]]}
    body = {"status": "success", "data": {"resultType": "matrix", "result": [one]}}
    async with door_to(says(body)) as door:
        with pytest.raises(QueryRefused, match="a histogram"):
            await door.series("x", SPAN)


async def test_an_answer_above_the_bound_is_not_read_to_its_end():
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b" " * 2**16)
                sent += 2**16
        return response

    async with door_to(endless) as door:
        with pytest.raises(PrometheusUnavailable, match="larger than 1 MiB"):
            await door.series("x", SPAN)
    assert LARGEST_ANSWER < sent + 2**16 < 64 * LARGEST_ANSWER


async def test_a_prometheus_that_is_slow_has_a_deadline_and_is_then_left_in_peace():
    asked, gate = 0, asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await gate.wait()
        return web.json_response(matrix())

    async with door_to(handler, timeout=0.1) as door:
        with pytest.raises(PrometheusUnavailable, match=r"it did not answer \(TimeoutError\)"):
            await door.series("x", SPAN)
        with pytest.raises(PrometheusUnavailable, match="did not answer a moment ago"):
            await door.series("y", SPAN)
        assert asked == 1
        gate.set()
        door._rests_until = 0.0
        assert await door.series("x", SPAN) == Series()


async def test_those_whose_turn_does_not_come_say_so_and_blame_nobody():
    asked, gate = 0, asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await gate.wait()
        return web.json_response(matrix())

    async with door_to(handler, timeout=0.5) as door:
        first = [asyncio.create_task(door.series(f"x{number}", SPAN)) for number in range(AT_ONCE)]
        while asked < AT_ONCE:
            await asyncio.sleep(0)
        door._timeout = 0.05
        with pytest.raises(PrometheusUnavailable, match="too much is asked of it already"):
            await door.series("y", SPAN)
        gate.set()
        assert await asyncio.gather(*first) == [Series()] * AT_ONCE


async def test_a_prometheus_that_is_away_is_told_without_its_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    door = Prometheus(f"http://user:{SECRET}@127.0.0.1:{port}/{SECRET}")
    try:
        with pytest.raises(PrometheusUnavailable) as failed:
            await door.series("x", SPAN)
    finally:
        await door.close()
    assert failed.value.message == "Prometheus gave no answer: it did not answer (ClientConnectorError)"
    assert failed.value.__cause__ is None


async def test_the_token_is_read_for_each_query_and_told_to_nobody_else(tmp_path):
    token, heard = tmp_path / "token", []
    token.write_text(f"{SECRET}\n")

    def handler(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization"))
        words = {"status": "error", "errorType": "bad_data", "error": f"who is {SECRET}?"}
        return web.json_response(words, status=400)

    async with door_to(handler, token_file=token) as door:
        with pytest.raises(QueryRefused) as refused:
            await door.series("x", SPAN)
        token.write_text("another")
        with pytest.raises(QueryRefused):
            await door.series("x", SPAN)
    assert heard == [f"Bearer {SECRET}", "Bearer another"]
    assert refused.value.message == "Prometheus refuses the query: who is …?"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, r"the token for it cannot be read \(FileNotFoundError\)"),
        (b"\xff\xfe", r"the token for it cannot be read \(UnicodeDecodeError\)"),
        (b"a\r\nX-Admin: yes", "the token for it is none"),
    ],
)
async def test_a_token_that_cannot_be_used_is_told_and_nothing_is_asked(tmp_path, content, told):
    asked = []
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    def handler(request: web.Request) -> web.Response:
        asked.append(request)
        return web.json_response(matrix())

    async with door_to(handler, token_file=tmp_path / "token") as door:
        with pytest.raises(PrometheusUnavailable, match=told):
            await door.series("x", SPAN)
    assert asked == []


async def test_a_redirection_is_not_followed_with_the_token(tmp_path):
    (tmp_path / "token").write_text(SECRET)
    paths = []

    def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=302, headers={"Location": "/login"})

    async with door_to(handler, token_file=tmp_path / "token") as door:
        with pytest.raises(PrometheusUnavailable, match="status 302"):
            await door.series("x", SPAN)
    assert paths == ["/api/v1/query_range"]


async def test_each_query_is_counted_by_how_it_ended():
    told: list[str] = []
    answers = iter([says(matrix()), says({"status": "error"}, 400), says(b"", 503), says(b"<html>")])
    async with door_to(lambda request: next(answers)(request)) as door:
        door._tell = lambda outcome, seconds: told.append(outcome) if seconds >= 0 else None
        for number in range(4):
            with suppress(PrometheusUnavailable, QueryRefused):
                await door.series(f"x{number}", SPAN)
    assert told == ["answered", "refused", "unavailable", "unavailable"]


async def test_closing_ends_what_is_on_its_way():
    arrived = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with door_to(handler) as door:
        waiting = asyncio.create_task(door.series("x", SPAN))
        await arrived.wait()
        await door.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


@given(st.sampled_from([200, 400, 422, 500]), st.one_of(anything_in_json, st.binary(max_size=50)))
def test_whatever_is_answered_is_a_series_or_an_error_of_ours(status, body):
    found: object
    try:
        found = series_of(status, body if isinstance(body, bytes) else json.dumps(body).encode())
    except (PrometheusUnavailable, QueryRefused) as error:
        found = error.message
    assert isinstance(found, Series | str)


@given(st.floats(allow_nan=False, min_value=0, max_value=4e9), st.floats())
def test_a_number_is_read_as_it_is_written(seconds, number):
    found = series_of(200, json.dumps(matrix([(seconds, repr(number))])).encode())
    ((at, value),) = found.points
    assert at == datetime.fromtimestamp(seconds, UTC)
    assert value == (number if math.isfinite(number) else None)
