"""The door to ECS signs as AWS does, asks by keys that are mounted or lent, and tells nobody of them."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from tests.fakes.ecs import target

from lockgate.aws.door import EcsDoor
from lockgate.aws.errors import BackendDenied, BackendUnavailable
from lockgate.aws.signing import Keys, signed
from lockgate.aws.targets import Target
from lockgate.errors import (
    Conflict,
    LockgateError,
    Refused,
)
from lockgate_sandbox.fake_ecs.account import Account
from lockgate_sandbox.fake_ecs.server import Server

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FILE = f"[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = {SECRET}\n"
SERVICES = {"cluster": "models", "services": ["growth_churn"]}


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server(Account(), "127.0.0.1", 0)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join(10)


@pytest.fixture
async def door() -> AsyncIterator[EcsDoor]:
    opened = EcsDoor(lambda: datetime.now(UTC))
    yield opened
    await opened.close()


def with_file(server: Server, directory: Any, text: str = FILE, **changes: Any) -> Target:
    (directory / "credentials").write_text(text)
    return target(endpoint=server.url, credentials_file=directory / "credentials", **changes)


async def refusal(door: EcsDoor, at: Target, operation: str = "DescribeServices") -> LockgateError:
    with pytest.raises(LockgateError) as said:
        await door.ask(at, operation, SERVICES)
    for hidden in (SECRET, "AKIAEXAMPLE", "lent-secret", "127.0.0.1", "credentials/"):
        assert hidden not in said.value.message
    return said.value


@pytest.mark.parametrize("token", ["", "a+session/token=="])
def test_a_request_is_signed_as_the_client_of_aws_signs_it(token, monkeypatch):
    now, body = datetime(2026, 1, 5, 9, 0, 1, tzinfo=UTC), b'{"cluster": "models"}'
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: now)
    headers = {
        "host": "ecs.eu-central-1.amazonaws.com",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AmazonEC2ContainerServiceV20141113.DescribeServices",
    }
    url = "https://ecs.eu-central-1.amazonaws.com/"
    theirs = AWSRequest(method="POST", url=url, data=body, headers=headers)
    SigV4Auth(BotoCredentials("AKIA", SECRET, token or None), "ecs", "eu-central-1").add_auth(theirs)
    ours = signed(
        headers, body, keys=Keys("AKIA", SECRET, token), service="ecs", region="eu-central-1", now=now
    )
    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours["x-amz-date"] == theirs.headers["X-Amz-Date"]


async def test_the_answer_is_that_of_ecs(server, door, tmp_path):
    found = await door.ask(with_file(server, tmp_path), "DescribeServices", SERVICES)
    assert found["failures"][0]["reason"] == "MISSING"


async def test_keys_are_lent_for_a_web_identity_once_and_for_as_long_as_they_last(server, door, tmp_path):
    (tmp_path / "token").write_text("a-web-identity")
    at = target(
        endpoint=server.url,
        identity_endpoint=server.url,
        credentials_file=None,
        role="arn:aws:iam::1:role/lockgate",
        token_file=tmp_path / "token",
    )
    await door.ask(at, "DescribeServices", SERVICES)
    (tmp_path / "token").unlink()
    await door.ask(at, "DescribeServices", SERVICES)


async def test_a_file_of_credentials_is_read_again_at_each_request(server, door, tmp_path):
    at = with_file(server, tmp_path, "[default]\n")
    assert isinstance(await refusal(door, at), BackendDenied)
    (tmp_path / "credentials").write_text(FILE)
    await door.ask(at, "DescribeServices", SERVICES)


async def test_a_web_identity_that_is_not_there_is_told_without_its_path(server, door, tmp_path):
    at = target(
        endpoint=server.url,
        identity_endpoint=server.url,
        credentials_file=None,
        role="arn:aws:iam::1:role/lockgate",
        token_file=tmp_path / "none",
    )
    said = await refusal(door, at)
    assert isinstance(said, BackendDenied)
    assert str(tmp_path) not in said.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", BackendUnavailable),
        ("ServerException", BackendUnavailable),
        ("AccessDeniedException", BackendDenied),
        ("UnrecognizedClientException", BackendDenied),
        ("InvalidParameterException", Refused),
    ],
)
async def test_an_error_of_aws_becomes_one_of_ours(server, door, tmp_path, code, kind):
    server.account.refuse("", code, "as it is")
    assert type(await refusal(door, with_file(server, tmp_path))) is kind


async def test_what_is_gone_meanwhile_is_looked_at_again(server, door, tmp_path):
    assert isinstance(
        await refusal(door, with_file(server, tmp_path), "StopServiceDeployment"), (Refused, Conflict)
    )


async def test_nobody_who_listens_is_an_outage(door, tmp_path):
    (tmp_path / "credentials").write_text(FILE)
    at = target(endpoint="http://127.0.0.1:9", credentials_file=tmp_path / "credentials")
    assert isinstance(await refusal(door, at), BackendUnavailable)


@contextlib.asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(raw)
        await writer.drain()
        writer.close()

    served = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with served:
        yield f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"[" * 5000, b"\xff"])
async def test_what_is_no_answer_of_ecs_is_an_outage(door, tmp_path, body):
    (tmp_path / "credentials").write_text(FILE)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
    async with answering(raw) as url:
        at = target(endpoint=url, credentials_file=tmp_path / "credentials")
        assert isinstance(await refusal(door, at), BackendUnavailable)


async def test_the_hint_of_a_server_that_throttles_is_kept(door, tmp_path):
    (tmp_path / "credentials").write_text(FILE)
    raw = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with answering(raw) as url:
        at = target(endpoint=url, credentials_file=tmp_path / "credentials")
        said = await refusal(door, at)
    assert isinstance(said, BackendUnavailable)
    assert said.after == 7


async def test_a_target_that_never_answers_is_given_up_in_its_time(door, tmp_path):
    (tmp_path / "credentials").write_text(FILE)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    served = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with served:
        url = f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}"
        at = target(endpoint=url, credentials_file=tmp_path / "credentials", timeout_seconds=0.3)
        began = time.monotonic()
        assert isinstance(await refusal(door, at), BackendUnavailable)
        assert time.monotonic() - began < 5
        await door.close()


def test_keys_are_not_shown_with_what_holds_them():
    assert SECRET not in repr(Keys("AKIA", SECRET, "token"))
    assert "token" not in repr(Keys("AKIA", SECRET, "token"))


async def test_a_test_moves_the_world_of_the_stand_in_by_its_own_address(server, door, tmp_path):
    import urllib.request

    def told(**asked: Any) -> Any:
        request = urllib.request.Request(f"{server.url}/admin", data=json.dumps(asked).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    before = await asyncio.to_thread(told)
    after = await asyncio.to_thread(told, advance=60, refuse={"DescribeServices": "ThrottlingException"})
    assert after["now"] - before["now"] == 60
    assert isinstance(await refusal(door, with_file(server, tmp_path)), BackendUnavailable)
