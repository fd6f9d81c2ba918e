"""The server over plain HTTP: who gets in, what faults do, what is recorded, what addresses answers carry."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.identity import Role
from lockgate_sandbox.registry.running import RunningRegistry

RESOLVE = """query Resolve($e: String!, $p: String!, $n: String!) {
  project(name: $p, entityName: $e) {
    artifactCollectionMembership(name: $n) { versionIndex aliases { alias } }
  }
}"""
FILES = """query Files($e: String!, $p: String!, $n: String!) {
  project(name: $p, entityName: $e) {
    artifactCollectionMembership(name: $n) { files { edges { node { name directUrl } } } }
  }
}"""


class Caller:
    """A bare HTTP client of one user."""

    def __init__(self, session: aiohttp.ClientSession, registry: RunningRegistry) -> None:
        self.session = session
        self.registry = registry

    def headers(self, user: str) -> dict[str, str]:
        pair = base64.b64encode(f"api:{self.registry.keys[user]}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    async def ask(self, query: str, name: str = "churn:latest", user: str = "viewer") -> tuple[int, Any]:
        variables = {"e": self.registry.organization.entity, "p": "wandb-registry-model", "n": name}
        body = {"query": query, "variables": variables}
        url = f"{self.registry.url}/graphql"
        async with self.session.post(url, json=body, headers=self.headers(user)) as response:
            return response.status, await response.json()

    async def admin(
        self, method: str, path: str, document: object = None, user: str = "admin"
    ) -> tuple[int, Any]:
        url = f"{self.registry.url}/_sandbox/{path}"
        async with self.session.request(method, url, json=document, headers=self.headers(user)) as response:
            return response.status, await response.json()


@pytest.fixture
async def caller(registry: RunningRegistry) -> AsyncIterator[Caller]:
    registry.seed_version(files={"model.onnx": b"weights"}, aliases=["production"])
    async with aiohttp.ClientSession() as session:
        yield Caller(session, registry)


@pytest.mark.parametrize(
    "header", [None, "Basic bm9ib2R5Om5vYm9keQ==", "Bearer wrong", "Basic %%%", "Digest x"]
)
async def test_a_request_without_a_known_key_is_refused_in_words(caller: Caller, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    async with caller.session.post(f"{caller.registry.url}/graphql", json={}, headers=headers) as response:
        assert response.status == 401
        assert "API key" in (await response.json())["errors"][0]["message"]


async def test_an_unknown_address_is_a_404_in_json(caller: Caller) -> None:
    async with caller.session.get(f"{caller.registry.url}/nowhere") as response:
        assert response.status == 404
        assert "/nowhere" in (await response.json())["errors"][0]["message"]


async def test_a_compressed_body_is_read(caller: Caller) -> None:
    body = gzip.compress(json.dumps({"query": "{ viewer { username } }"}).encode())
    headers = caller.headers("viewer") | {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with caller.session.post(f"{caller.registry.url}/graphql", data=body, headers=headers) as response:
        assert (await response.json())["data"] == {"viewer": {"username": "viewer"}}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"query": 1}', b'{"query": "{ viewer }", "variables": 3}']
)
async def test_a_body_that_is_no_query_is_a_400(caller: Caller, body: bytes) -> None:
    url = f"{caller.registry.url}/graphql"
    async with caller.session.post(url, data=body, headers=caller.headers("viewer")) as response:
        assert response.status == 400


async def test_an_unknown_field_is_named_as_clients_expect_it(caller: Caller) -> None:
    status, answer = await caller.ask("{ serverInfo { colour } }")
    assert status == 400
    assert answer["errors"][0]["message"] == "Cannot query field 'colour' on type 'ServerInfo'."


async def test_addresses_follow_the_host_the_caller_asked(caller: Caller) -> None:
    body = {
        "query": FILES,
        "variables": {"e": caller.registry.organization.entity, "p": "wandb-registry-model", "n": "churn:v0"},
    }
    headers = caller.headers("viewer") | {"Host": "registry.lockgate.svc:8080"}
    async with caller.session.post(f"{caller.registry.url}/graphql", json=body, headers=headers) as response:
        node = (await response.json())["data"]["project"]["artifactCollectionMembership"]["files"]["edges"][
            0
        ]["node"]
    assert node["directUrl"].startswith("http://registry.lockgate.svc:8080/storage/files/")


async def test_a_signed_address_needs_no_key_but_its_signature(caller: Caller) -> None:
    _, answer = await caller.ask(FILES)
    url = answer["data"]["project"]["artifactCollectionMembership"]["files"]["edges"][0]["node"]["directUrl"]
    async with caller.session.get(url) as response:
        assert await response.read() == b"weights"
    async with caller.session.get(url.replace("for=viewer", "for=admin")) as response:
        assert response.status == 403


async def test_a_restricted_viewer_resolves_but_gets_no_files(caller: Caller) -> None:
    caller.registry.set_role("model", "viewer", Role.RESTRICTED)
    status, answer = await caller.ask(RESOLVE)
    assert (status, answer["data"]["project"]["artifactCollectionMembership"]["versionIndex"]) == (200, 0)
    status, answer = await caller.ask(FILES)
    assert (status, answer["errors"][0]["extensions"]["code"]) == (403, "PERMISSION_ERROR")


async def test_a_registry_without_a_role_does_not_exist(caller: Caller) -> None:
    caller.registry.set_role("model", "viewer", Role.NONE)
    assert await caller.ask(RESOLVE) == (200, {"data": {"project": None}})


async def test_a_pending_version_is_in_no_registry(caller: Caller) -> None:
    pending = caller.registry.seed_version(files={"model.onnx": b"half"}, pending=True)
    _, answer = await caller.ask(RESOLVE)
    assert answer["data"]["project"]["artifactCollectionMembership"]["versionIndex"] == 0
    query = f'{{ artifact(id: "{pending.artifact_id}") {{ state versionIndex }} }}'
    _, answer = await caller.ask(query, user="admin")
    assert answer["data"]["artifact"] == {"state": "PENDING", "versionIndex": None}


async def test_a_viewer_may_not_change_an_alias(caller: Caller) -> None:
    version = caller.registry.seed_version(files={"model.onnx": b"second"})
    place = f'entityName: "{caller.registry.organization.entity}", projectName: "wandb-registry-model"'
    query = f"""mutation {{ addAliases(input: {{artifactID: "{version.artifact_id}", aliases:
        [{{alias: "production", artifactCollectionName: "churn", {place}}}]}}) {{ success }} }}"""
    status, _ = await caller.ask(query, user="viewer")
    assert (status, caller.registry.aliases("model", "churn")["production"]) == (403, "v0")
    status, _ = await caller.ask(query, user="member")
    assert (status, caller.registry.aliases("model", "churn")["production"]) == (200, "v1")


# --- faults


async def test_a_counted_status_fault_is_used_up(caller: Caller) -> None:
    fault = {"kind": "status", "status": 429, "retry_after": 3, "count": 1}
    assert (await caller.admin("PUT", "faults", {"faults": [fault]}))[0] == 200
    url = f"{caller.registry.url}/graphql"
    async with caller.session.post(
        url, json={"query": RESOLVE}, headers=caller.headers("viewer")
    ) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "3")
    assert (await caller.ask(RESOLVE))[0] == 200
    shown = (await caller.admin("GET", "faults"))[1]["faults"][0]
    assert (shown["left"], shown["met"]) == (0, 1)


async def test_a_fault_of_one_operation_leaves_the_others_alone(caller: Caller) -> None:
    caller.registry.faults.add(Fault(kind=FaultKind.STATUS, operation="Resolve", status=500))
    assert (await caller.ask(RESOLVE))[0] == 500
    assert (await caller.ask(FILES))[0] == 200


async def test_a_hanging_request_is_let_go_when_faults_are_cleared(caller: Caller) -> None:
    caller.registry.faults.add(Fault(kind=FaultKind.HANG))
    asked = asyncio.create_task(caller.ask(RESOLVE))
    async with asyncio.timeout(5):
        while not caller.registry.faults.show()[0]["met"]:
            await asyncio.sleep(0.01)
        assert not asked.done()
        caller.registry.faults.clear()
        with pytest.raises(aiohttp.ClientConnectionError):
            await asked
    assert (await caller.ask(RESOLVE))[0] == 200


async def test_a_reset_cuts_the_connection(caller: Caller) -> None:
    caller.registry.faults.add(Fault(kind=FaultKind.RESET, count=1))
    with pytest.raises(aiohttp.ClientConnectionError):
        await caller.ask(RESOLVE)
    assert (await caller.ask(RESOLVE))[0] == 200


async def test_latency_is_added(caller: Caller) -> None:
    caller.registry.faults.add(Fault(kind=FaultKind.LATENCY, seconds=0.2))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert (await caller.ask(RESOLVE))[0] == 200
    assert loop.time() - begun >= 0.2


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"kind": "flood"}, "flood"),
        ({"kind": "status", "colour": "red"}, "colour"),
        ({"kind": "status", "status": "500"}, "status"),
        ({"kind": "latency", "seconds": -1}, "seconds"),
        ([], "JSON object"),
    ],
)
async def test_a_fault_that_cannot_be_read_is_refused_by_name(
    caller: Caller, fault: object, named: str
) -> None:
    status, answer = await caller.admin("PUT", "faults", {"faults": [fault]})
    assert status == 400
    assert named in answer["errors"][0]["message"]


async def test_only_an_admin_uses_the_sandbox_addresses(caller: Caller) -> None:
    for method, path in [
        ("GET", "faults"),
        ("GET", "requests"),
        ("PUT", "roles"),
        ("PUT", "protected-aliases"),
    ]:
        assert (await caller.admin(method, path, {}, user="member"))[0] == 403


# --- the run's stream


async def test_a_run_that_reports_its_end_is_finished(caller: Caller) -> None:
    query = 'mutation { upsertBucket(input: {name: "r1", modelName: "training"}) { bucket { state } } }'
    _, answer = await caller.ask(query, user="member")
    assert answer["data"]["upsertBucket"]["bucket"]["state"] == "running"
    url = f"{caller.registry.url}/files/{caller.registry.organization.team}/training/r1/file_stream"
    report = {"complete": True, "exitcode": 0}
    async with caller.session.post(url, json=report, headers=caller.headers("member")) as response:
        assert await response.json() == {"exitcode": None, "limits": {}}
    async with caller.session.post(url, data=b"[", headers=caller.headers("member")) as response:
        assert response.status == 400
    _, answer = await caller.ask('{ project(name: "training") { run(name: "r1") { state } } }')
    assert answer["data"]["project"]["run"]["state"] == "finished"


# --- the request log


async def test_the_log_tells_operations_users_and_look_ups(caller: Caller) -> None:
    caller.registry.requests.clear()
    await caller.ask(RESOLVE)
    await caller.ask(RESOLVE, name="gone:production", user="member")
    status, answer = await caller.admin("GET", "requests?operation=Resolve")
    assert status == 200
    assert answer["totals"]["lookups"] == 2
    assert [(r["operations"], r["user"], r["status"]) for r in answer["requests"]] == [
        (["Resolve"], "viewer", 200),
        (["Resolve"], "member", 200),
    ]


async def test_neither_keys_nor_signatures_are_written_down(caller: Caller) -> None:
    _, answer = await caller.ask(FILES)
    url = answer["data"]["project"]["artifactCollectionMembership"]["files"]["edges"][0]["node"]["directUrl"]
    async with caller.session.get(url) as response:
        assert response.status == 200
    written = (caller.registry.data_dir / "requests.jsonl").read_text()
    assert "/storage/files/" in written
    assert "signature" not in written
    assert not any(key in written for key in caller.registry.keys.values())
