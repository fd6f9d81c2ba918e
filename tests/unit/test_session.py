"""The session believes only what the Kubernetes API can have said, and brings back no more than a bound."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.fakes.virtual_time import in_virtual_time

from lockgate.domain.resources import DEPLOYMENT, EVENT, MODEL_DEPLOYMENT
from lockgate.errors import ClusterUnavailable, Conflict, LockgateError
from lockgate.kube.answers import retry_after
from lockgate.kube.budget import AT_ONCE
from lockgate.kube.errand import PRESENT_ERRAND, Errand
from lockgate.kube.session import LARGEST_BODY, PAGE, KubeSession

KEY = ("growth", "churn")
METADATA = {"name": "churn", "namespace": "growth", "resourceVersion": "7", "uid": "u"}
OBJECT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": METADATA}
Handler = Callable[[web.Request], Any]


class Anonymous:
    """Credentials for a server on this machine."""

    def __init__(self, server: str) -> None:
        self.server = server

    def ssl_context(self) -> bool:
        return False

    def refresh(self) -> None:
        pass

    def headers(self) -> dict[str, str]:
        return {}


@asynccontextmanager
async def session_with(handler: Handler) -> AsyncIterator[KubeSession]:
    """A session with a server that answers everything so."""
    app = web.Application()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = handler(request)
        return await response if asyncio.iscoroutine(response) else response

    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    session = KubeSession(Anonymous(f"http://127.0.0.1:{runner.addresses[0][1]}"))
    try:
        yield session
    finally:
        await session.close()
        await runner.cleanup()


def says(body: Any, status: int = 200, **headers: str) -> Handler:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda request: web.Response(body=raw, status=status, headers=headers)


def test_a_turn_that_is_not_used_is_no_look_at_whether_the_api_server_is_back():
    asked: list[float] = []

    class Away:
        def request(self, *_: object, **__: object) -> None:
            asked.append(asyncio.get_running_loop().time())
            raise aiohttp.ClientConnectionError

    async def edited_meanwhile(session: KubeSession) -> float:
        errand = Errand()
        errand.hurry()
        PRESENT_ERRAND.set(errand)
        with pytest.raises(Conflict):
            await session.apply(DEPLOYMENT, OBJECT, force=True)
        return asyncio.get_running_loop().time()

    async def scene() -> None:
        session = KubeSession(Anonymous("http://127.0.0.1:1"))
        await session.close()
        session._http = Away()
        for _ in range(8):
            with suppress(ClusterUnavailable):
                await session.get(DEPLOYMENT, KEY)
        first = asyncio.create_task(edited_meanwhile(session))
        await asyncio.sleep(0)
        with pytest.raises(ClusterUnavailable):
            await session.get(DEPLOYMENT, KEY)
        assert asked[-1] == await first > asked[-2]

    in_virtual_time(scene())


async def test_what_was_edited_while_it_waited_is_not_sent():
    asked = []

    def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response(OBJECT)

    async with session_with(handler) as session:
        errand = Errand()
        PRESENT_ERRAND.set(errand)
        await session.apply(DEPLOYMENT, OBJECT, force=True)
        errand.hurry()
        with pytest.raises(Conflict):
            await session.apply(DEPLOYMENT, OBJECT, force=True)
        with pytest.raises(Conflict):
            await session.apply_status(MODEL_DEPLOYMENT, {**OBJECT, "status": {}})
    assert len(asked) == 1


async def test_every_character_arrives_in_json_that_can_be_read_as_yaml():
    sent, text = [], "\U0001f6a2 \u00e9 \u2028 \x7f \x85 \\"

    async def handler(request: web.Request) -> web.Response:
        sent.append(await request.text())
        return web.json_response(OBJECT)

    async with session_with(handler) as session:
        await session.apply(DEPLOYMENT, OBJECT | {"spec": {"text": text}}, force=True)
    assert json.loads(sent[0])["spec"]["text"] == text
    # YAML has no pairs of escapes, and takes these for the ends of lines or for damage.
    assert "\\ud83d" not in sent[0]
    assert not set("\u2028\x7f\x85") & set(sent[0])


async def every(session: KubeSession) -> list[Any]:
    return [item async for page in session.pages(MODEL_DEPLOYMENT) for item in page.items]


NOT_KUBERNETES = {
    "nothing": b"",
    "a page for people": b"<html>log in</html>",
    "a number": b"7",
    "a list": b"[]",
    "an empty object": b"{}",
    "another kind": {"kind": "Status", "metadata": {}},
    "odd metadata": {"metadata": [], "items": []},
    "deep nesting": b"[" * 100_000,
}


@pytest.mark.parametrize("body", NOT_KUBERNETES.values(), ids=NOT_KUBERNETES)
async def test_what_is_no_answer_of_the_api_is_an_outage_in_reads_writes_and_lists(body):
    async with session_with(says(body)) as session:
        for asked in (
            session.get(DEPLOYMENT, KEY),
            session.apply(DEPLOYMENT, OBJECT, force=True),
            session.apply_status(DEPLOYMENT, OBJECT | {"status": {}}),
            session.create(DEPLOYMENT, OBJECT),
            every(session),
        ):
            with pytest.raises(ClusterUnavailable):
                await asked


@pytest.mark.parametrize(
    "items",
    [
        {},
        "churn",
        [7],
        [{}],
        [{"metadata": {"name": "churn"}}],
        [{"metadata": {"name": 7, "resourceVersion": "7"}}],
    ],
    ids=repr,
)
async def test_a_list_whose_items_are_no_objects_is_an_outage(items):
    page = {"kind": "ModelDeploymentList", "metadata": {"resourceVersion": "9"}, "items": items}
    async with session_with(says(page)) as session:
        with pytest.raises(ClusterUnavailable):
            await every(session)


async def test_a_list_without_a_version_is_an_outage_and_an_empty_one_is_none():
    async with session_with(says({"kind": "ModelDeploymentList", "metadata": {}, "items": []})) as session:
        with pytest.raises(ClusterUnavailable):
            await every(session)
    empty = {"kind": "ModelDeploymentList", "metadata": {"resourceVersion": "9"}, "items": None}
    async with session_with(says(empty)) as session:
        assert await every(session) == []


async def test_another_object_than_the_one_asked_for_is_an_outage():
    other = OBJECT | {"metadata": METADATA | {"name": "other"}}
    async with session_with(says(other)) as session:
        with pytest.raises(ClusterUnavailable):
            await session.get(DEPLOYMENT, KEY)


async def test_only_the_api_server_itself_can_say_that_an_object_is_absent():
    async with session_with(says({"kind": "Status", "code": 404}, 404)) as session:
        assert await session.get(DEPLOYMENT, KEY) is None
    async with session_with(says(b"<html>no such site</html>", 404)) as session:
        with pytest.raises(LockgateError):
            await session.get(DEPLOYMENT, KEY)


async def test_a_redirect_is_not_followed():
    asked = []

    def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with session_with(handler) as session:
        with pytest.raises(LockgateError):
            await session.get(DEPLOYMENT, KEY)
    assert "/elsewhere" not in asked


async def test_a_page_with_too_much_in_it_is_asked_for_again_in_smaller_ones():
    objects = [
        {"metadata": METADATA | {"name": f"m{number}"}, "fat": "x" * (LARGEST_BODY // 40)}
        for number in range(130)
    ]
    limits = []

    def handler(request: web.Request) -> web.Response:
        begin, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        limits.append(limit)
        metadata = {"resourceVersion": "9"}
        if begin + limit < len(objects):
            metadata["continue"] = str(begin + limit)
        page = {"kind": "ModelDeploymentList", "metadata": metadata, "items": objects[begin : begin + limit]}
        return web.json_response(page)

    async with session_with(handler) as session:
        names = [item["metadata"]["name"] for item in await every(session)]
    assert names == [f"m{number}" for number in range(130)]
    assert limits[0] == PAGE
    assert limits[-1] < 40


async def test_an_answer_without_end_is_refused():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(OSError):
            for _ in range(LARGEST_BODY // 2**16 * 4):
                await response.write(b" " * 2**16)
        return response

    async with session_with(handler) as session:
        with pytest.raises(ClusterUnavailable, match="larger"):
            await session.get(DEPLOYMENT, KEY)


async def test_a_request_whose_pass_was_cancelled_while_it_waited_is_never_sent():
    asked: list[str] = []
    going = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        await going.wait()
        return web.json_response(OBJECT)

    async with session_with(handler) as session:
        sent = [asyncio.create_task(session.get(DEPLOYMENT, KEY)) for _ in range(30)]
        async with asyncio.timeout(10):
            while len(asked) < AT_ONCE:
                await asyncio.sleep(0.01)
        for task in sent[AT_ONCE:]:
            task.cancel()
        going.set()
        await asyncio.gather(*sent, return_exceptions=True)
    assert len(asked) == AT_ONCE


async def test_children_go_before_statuses_and_events_last():
    asked: list[str] = []
    going = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path.rsplit("/", 1)[1])
        await going.wait()
        return web.json_response({"metadata": METADATA})

    async with session_with(handler) as session:
        first = [asyncio.create_task(session.get(DEPLOYMENT, KEY)) for _ in range(AT_ONCE)]
        async with asyncio.timeout(10):
            while len(asked) < AT_ONCE:
                await asyncio.sleep(0.01)
        asked.clear()
        obj = {"metadata": METADATA, "kind": "Any", "status": {}}
        later = [
            asyncio.create_task(session.create(EVENT, obj)),
            asyncio.create_task(session.apply_status(MODEL_DEPLOYMENT, obj)),
            asyncio.create_task(session.apply(DEPLOYMENT, obj, force=True)),
        ]
        await asyncio.sleep(0)
        # One place is free from now on.
        session._budget._limit = 1.0
        going.set()
        await asyncio.gather(*first, *later)
    assert asked == ["churn", "status", "events"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "9" * 5000}, 60.0),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:09 GMT"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:09 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 9.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:09 GMT"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:09 GMT"}, 60.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00", "Date": "Wed, 21 Oct 2026 07:28:09 GMT"}, None),
    ],
    ids=str,
)
def test_a_hint_when_to_come_again_is_read_in_both_forms_and_has_a_bound(headers, seconds):
    assert retry_after(headers) == seconds


async def test_the_servers_hint_reaches_the_error():
    async with session_with(says({"kind": "Status"}, 429, **{"Retry-After": "9000"})) as session:
        with pytest.raises(ClusterUnavailable) as caught:
            await session.get(DEPLOYMENT, KEY)
    assert caught.value.after == 60.0


async def test_a_model_deployment_is_read_by_a_list_of_it_alone_as_there_is_no_right_to_get_it():
    asked: list[tuple[str, str]] = []
    items: list[Any] = [{"metadata": METADATA}]

    def handler(request: web.Request) -> web.Response:
        asked.append((request.path, request.query_string))
        return web.json_response(
            {"kind": "ModelDeploymentList", "metadata": {"resourceVersion": "9"}, "items": items}
        )

    async with session_with(handler) as session:
        found = await session.get(MODEL_DEPLOYMENT, KEY)
        assert found is not None
        assert found["metadata"] == METADATA
        items[:] = [{"metadata": {**METADATA, "name": "other"}}]
        assert await session.get(MODEL_DEPLOYMENT, KEY) is None
        items.clear()
        assert await session.get(MODEL_DEPLOYMENT, KEY) is None
    path = "/apis/lockgate.dev/v1alpha1/namespaces/growth/modeldeployments"
    assert set(asked) == {(path, "fieldSelector=metadata.name%3Dchurn&limit=1")}
