"""The tool's door to the API server: read, list in chunks, watch, patch, and who is asking.

One person asks one thing at a time, so there is no budget, no queue and no second try here. Answers
are believed only as far as `kube/answers.py` does; refusals become sentences for people.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp

from lockgate import __version__
from lockgate.cli.failing import CliError, Unanswered
from lockgate.cli.refusals import refusal
from lockgate.domain.resources import Key, Object, Resource
from lockgate.errors import LockgateError
from lockgate.kube.answers import Answer, object_of, page_of, retry_after
from lockgate.kube.kubeconfig import Login
from lockgate.names import FIELD_MANAGER_OF_PEOPLE

CHUNK: Final = 500
"""Objects of one page of a list, as kubectl asks for them."""
WATCH_SECONDS: Final = 240
"""For how long one stream of a watch lasts."""
_CONNECT_SECONDS, _REQUEST_SECONDS = 10.0, 60.0
_LARGEST_BODY = 64 * 2**20
_REVIEWS = Resource(
    group="authentication.k8s.io",
    version="v1",
    kind="SelfSubjectReview",
    plural="selfsubjectreviews",
    namespaced=False,
)
Query = Mapping[str, str]


class Door:
    """One connection pool to one cluster, as one person; `open` and `close` belong together."""

    def __init__(self, login: Login) -> None:
        """Must be made where an event loop runs."""
        self.login = login
        self._http = aiohttp.ClientSession(
            base_url=login.credentials.server + "/",
            connector=aiohttp.TCPConnector(ssl=login.credentials.ssl_context()),
            timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS, sock_connect=_CONNECT_SECONDS),
            headers={"User-Agent": f"kubectl-lockgate/{__version__}", "Accept": "application/json"},
            # As kubectl does, and the operator does not.
            trust_env=True,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def get(self, resource: Resource, key: Key) -> Object:
        """Read one object; raises NotThere when there is none."""
        what = f"read {key[1]}"
        answer = await self._ask("GET", resource.path(*key), what)
        return _object(self._successful(answer, what, resource, key[0]), what, resource, key)

    async def pages(
        self, resource: Resource, namespace: str, query: Query
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """All objects of a kind in a namespace (empty: in all), chunk by chunk, with the list's version."""
        what = f"list {resource.plural}"
        asked = {**query, "limit": str(CHUNK)}
        while True:
            answer = await self._ask("GET", resource.path(namespace), what, query=asked)
            self._successful(answer, what, resource, namespace)
            try:
                page = page_of(answer, what, resource)
                items = list(page.items)
            except LockgateError as error:
                raise Unanswered(error.message) from error
            yield items, page.resource_version
            if page.following is None:
                return
            asked["continue"] = page.following

    async def watch(
        self, resource: Resource, namespace: str, query: Query, version: str
    ) -> AsyncIterator[tuple[str, Object]]:
        """Changes since a version, each with its type, until the server ends the stream; raises CliError."""
        what = f"watch {resource.plural}"
        asked = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        patience = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=WATCH_SECONDS)
        try:
            async with self._request(
                "GET", resource.path(namespace), query=asked, timeout=patience
            ) as response:
                if response.status >= 300:
                    answer = Answer(response.status, await _bounded(response, what), None)
                    self._successful(answer, what, resource, namespace)
                async for line in _lines(response):
                    yield _event(line)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._unreachable(what, error) from error

    async def patch(self, resource: Resource, key: Key, body: Object, *, dry_run: bool = False) -> Object:
        """A merge patch in the tool's name; raises Outdated when a version in it is not the present one."""
        what = f"change {key[1]}"
        query = {"fieldManager": FIELD_MANAGER_OF_PEOPLE} | ({"dryRun": "All"} if dry_run else {})
        answer = await self._ask(
            "PATCH", resource.path(*key), what, query=query, body=body, kind="application/merge-patch+json"
        )
        return _object(self._successful(answer, what, resource, key[0]), what, resource, key)

    async def who_am_i(self) -> str | None:
        """The name under which the API server knows the person; None where it does not tell."""
        review = {"apiVersion": _REVIEWS.api_version, "kind": _REVIEWS.kind}
        answer = await self._ask("POST", _REVIEWS.path(), "ask who you are", body=review)
        told: Any = answer.decoded().get("status") if answer.code < 300 else None
        told = told.get("userInfo") if isinstance(told, dict) else None
        name = told.get("username") if isinstance(told, dict) else None
        return name if isinstance(name, str) and name else None

    def _successful(self, answer: Answer, what: str, resource: Resource, namespace: str) -> Answer:
        if answer.code >= 300:
            raise refusal(what, resource, namespace, answer.code, answer.decoded())
        return answer

    async def _ask(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: Query | None = None,
        body: Object | None = None,
        kind: str = "application/json",
    ) -> Answer:
        try:
            async with self._request(method, path, query=query, body=body, kind=kind) as response:
                raw = await _bounded(response, what)
                return Answer(response.status, raw, retry_after(response.headers))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._unreachable(what, error) from error

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Object | None = None,
        kind: str = "application/json",
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> Any:
        login = self.login
        headers = [*login.headers, *login.credentials.headers().items()]
        return self._http.request(
            method,
            path.lstrip("/"),
            params=query,
            data=None if body is None else json.dumps(body).encode(),
            headers=[*headers, ("Content-Type", kind)] if body is not None else headers,
            allow_redirects=False,
            proxy=login.proxy,
            server_hostname=login.server_name,
            timeout=timeout or self._http.timeout,
        )

    def _unreachable(self, what: str, error: Exception) -> CliError:
        server = self.login.credentials.server
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return Unanswered(
                f"could not {what}: the certificate of {server} is not trusted by your kubeconfig ({error})"
            )
        why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
        return Unanswered(
            f"could not {what}: the API server {server} cannot be reached ({why or type(error).__name__}); "
            "is it the right context?"
        )


def _object(answer: Answer, what: str, resource: Resource, key: Key) -> Object:
    try:
        return object_of(answer, what, resource, key)
    except LockgateError as error:
        raise Unanswered(error.message) from error


async def _bounded(response: aiohttp.ClientResponse, what: str) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > _LARGEST_BODY:
            raise CliError(f"could not {what}: the answer is larger than {_LARGEST_BODY // 2**20} MiB")
    return b"".join(parts)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for part in response.content.iter_any():
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > _LARGEST_BODY:
            return
        for line in lines:
            yield line
        # A stream that is never silent must let others have their turn as well.
        await asyncio.sleep(0)


def _event(line: bytes) -> tuple[str, Object]:
    try:
        event: Any = json.loads(line)
        type_, obj = event["type"], event["object"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "ERROR", {}
    return (str(type_), obj) if isinstance(obj, dict) else ("ERROR", {})
