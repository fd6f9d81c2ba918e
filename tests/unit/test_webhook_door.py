"""The door to a service believes a plain yes or no and nothing else, whatever the service does to it."""

import asyncio
import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.json_values import anything_in_json
from tests.fakes.services import QUESTION, answers, read_request, service_behind_tls

from lockgate.webhooks.door import NoAnswer, ask
from lockgate.webhooks.question import LARGEST_ANSWER, Answer, read_answer

SECRET = "s3cr3t-t0ken"
YES = b'{"allowed": true}'
SHORT_SECONDS = 0.4


async def refusal(directory, handle, **fields) -> str:
    async with service_behind_tls(directory, handle, **fields) as service:
        with pytest.raises(NoAnswer) as said:
            await ask(service, QUESTION)
    told = str(said.value)
    assert "127.0.0.1" not in told
    assert SECRET not in told
    assert told.isprintable()
    return told


async def test_a_service_is_asked_by_one_post_of_ours_and_by_its_token(tmp_path):
    asked = []

    (tmp_path / "token").write_text(f"{SECRET}\n")

    async def once(reader, writer):
        asked.append(await read_request(reader))
        body = b'{"allowed": false, "reason": "it favours the tall"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    async with service_behind_tls(tmp_path, once, token_file=tmp_path / "token") as service:
        assert await ask(service, QUESTION) == Answer(allowed=False, reason="it favours the tall")
        (tmp_path / "token").write_text("renewed")
        await ask(service, QUESTION)
    (line, headers, body), (_, renewed, _) = asked
    assert (line, headers["content-type"]) == ("POST /ask HTTP/1.1", "application/json")
    assert (headers["authorization"], renewed["authorization"]) == (f"Bearer {SECRET}", "Bearer renewed")
    assert json.loads(body) == {
        "apiVersion": "gates.lockgate.dev/v1alpha1",
        "kind": "GateReview",
        "gate": "fairness",
        "modelDeployment": {"namespace": "growth", "name": "churn"},
        "candidate": {
            "source": "default",
            "uri": "wandb://o/p/c:v2",
            "version": "v2",
            "claim": "wandb-md5:02",
        },
        "stable": {"source": "eu", "uri": "wandb://o/p/c:v1", "version": "v1", "claim": None},
    }


async def test_a_service_that_drips_its_answer_holds_nobody_longer_than_its_time(tmp_path):
    def without_end(begins, goes_on):
        async def handle(reader, writer):
            await read_request(reader)
            writer.write(begins)
            while True:
                writer.write(goes_on)
                await writer.drain()
                await asyncio.sleep(0.02)

        return handle

    async def say_nothing(reader, writer):
        await reader.read()

    drip = without_end(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ")
    drip_headers = without_end(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")
    promise = without_end(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")
    for handle in (drip, drip_headers, say_nothing, promise):
        began = time.monotonic()
        told = await refusal(tmp_path, handle, timeout_seconds=SHORT_SECONDS)
        assert told == "it did not answer within 0.4 s", handle.__name__
        assert time.monotonic() - began < 3, handle.__name__


@pytest.mark.parametrize("length", ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
async def test_of_an_answer_without_end_little_is_read(tmp_path, length):
    sent = 0

    async def flood(reader, writer):
        nonlocal sent
        await read_request(reader)
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode())
        part = b" " * 2**16
        while sent < 2**30:
            writer.write(b"10000\r\n%b\r\n" % part if "chunked" in length else part)
            await writer.drain()
            sent += len(part)

    assert await refusal(tmp_path, flood) == "its answer has more than 16 KiB"
    assert sent < 2**26, "the rest was never taken"


@pytest.mark.parametrize(
    ("status", "body", "headers", "told"),
    [
        ("302 Found", YES, ["Location: http://169.254.169.254/latest"], "sends elsewhere (status 302)"),
        ("307 Temporary Redirect", YES, ["Location: /other"], "sends elsewhere (status 307)"),
        ("500 Internal Server Error", YES, [], "answered with status 500"),
        ("201 Created", YES, [], "answered with status 201"),
        ("200 OK", b"<html>sign in</html>", [], "is no JSON"),
        ("200 OK", b"[" * 10_000, [], "is no JSON"),
        ("200 OK", b"\xff\xfe" + "{}".encode("utf-16le"), [], "is no JSON"),
        ("200 OK", b'{"allowed": "true"}', [], "no field allowed that is true or false"),
        ("200 OK", b'{"allowed": 1}', [], "no field allowed that is true or false"),
        ("200 OK", b'{"Allowed": true}', [], "no field allowed that is true or false"),
        ("200 OK", b"true", [], "no field allowed that is true or false"),
        ("200 OK", b'[{"allowed": true}]', [], "no field allowed that is true or false"),
        ("200 OK", b'{"allowed": false, "allowed": true}', [], "is no JSON"),
        ("200 OK", b'{"allowed": true, "reason": ["a"]}', [], "the reason in its answer is no text"),
        ("200 OK", b'{"allowed": true, "n": ' + b"9" * 5000 + b"}", [], "is no JSON"),
        ("200 OK", b"", [], "is no JSON"),
        ("200 OK", b"\x1f\x8b" + b"0" * 50, ["Content-Encoding: gzip"], "is no JSON"),
        ("200 OK\r\nContent-Length: 5", YES, [], "it did not answer ("),
    ],
)
async def test_what_is_not_just_an_answer_is_none(tmp_path, status, body, headers, told):
    assert told in await refusal(tmp_path, answers(status, body, *headers))


async def test_a_redirect_is_followed_by_nobody(tmp_path):
    asked = []

    async def handle(reader, writer):
        asked.append((await read_request(reader))[0])
        writer.write(b"HTTP/1.1 308 Permanent Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    await refusal(tmp_path, handle)
    assert asked == ["POST /ask HTTP/1.1"]


async def test_a_stranger_with_a_certificate_of_his_own_is_sent_nothing(tmp_path):
    asked = []

    async def handle(reader, writer):
        asked.append(await reader.read())

    (tmp_path / "token").write_text(SECRET)
    told = await refusal(tmp_path, handle, trusted=False, token_file=tmp_path / "token")
    assert told.startswith("no connection to it can be trusted")
    assert asked == []


async def test_a_service_of_another_name_is_a_stranger_and_so_is_one_that_only_its_own_authority_knows(
    tmp_path,
):
    assert "can be trusted" in await refusal(tmp_path, answers("200 OK", YES), host="other.example.com")
    assert "can be trusted" in await refusal(tmp_path, answers("200 OK", YES), ca_file=None)


async def test_no_proxy_of_the_environment_is_used(tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with service_behind_tls(tmp_path, answers("200 OK", YES)) as service:
        assert (await ask(service, QUESTION)).allowed


@pytest.mark.parametrize("token", [None, "", "two\nlines", "bell\a", "ümlaut"])
async def test_a_token_that_is_none_is_sent_to_nobody(tmp_path, token):
    if token is not None:
        (tmp_path / "token").write_text(token)
    told = await refusal(tmp_path, answers("200 OK", YES), token_file=tmp_path / "token")
    assert told.startswith("the token for it")


async def test_an_authority_that_cannot_be_read_lets_nobody_be_asked(tmp_path):
    async with service_behind_tls(tmp_path, answers("200 OK", YES)) as service:
        (tmp_path / "ca.crt").write_text("none")
        with pytest.raises(NoAnswer, match="the authority for it cannot be read"):
            await ask(service, QUESTION)


async def test_nobody_at_the_address_is_told_without_the_address(tmp_path):
    async with service_behind_tls(tmp_path, answers("200 OK", YES)) as service:
        pass
    with pytest.raises(NoAnswer, match="it did not answer") as said:
        await ask(service, QUESTION)
    assert "127.0.0.1" not in str(said.value)


def test_a_reason_steers_no_terminal_and_fills_no_page():
    raw = json.dumps({"allowed": False, "reason": "\x1b[2Jno\u202e\r\n" + "x" * 10_000}).encode()
    said = read_answer(200, raw).reason
    assert said.isprintable()
    assert len(said) <= 300
    for empty in (None, "", " \n"):
        raw = json.dumps({"allowed": False, "reason": empty}).encode()
        assert read_answer(200, raw).reason == "it gave no reason"


@given(st.binary(max_size=200) | anything_in_json.map(lambda found: json.dumps(found).encode()))
def test_any_answer_is_yes_or_no_by_its_own_word_or_is_none(raw):
    with contextlib.suppress(ValueError):
        found = read_answer(200, raw)
        assert json.loads(raw)["allowed"] is found.allowed


def test_one_byte_too_many_is_too_many():
    fits = b'{"allowed": true}'.ljust(LARGEST_ANSWER)
    assert read_answer(200, fits).allowed
    with pytest.raises(ValueError, match="more than 16 KiB"):
        read_answer(200, fits + b" ")
