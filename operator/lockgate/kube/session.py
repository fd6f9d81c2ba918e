"""The one session with the Kubernetes API: read, list, server-side apply, create.

Objects go as plain dictionaries over one shared connection pool; every write names our field
manager. Each request has a deadline, and one bucket bounds them all.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from lockgate import __version__
from lockgate.domain.resources import Key, Object, Resource, key_of
from lockgate.errors import ClusterUnavailable
from lockgate.kube.bucket import TokenBucket
from lockgate.kube.credentials import Credentials
from lockgate.kube.errors import from_status
from lockgate.names import FIELD_MANAGER, MANAGED_SELECTOR

_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_PAGE = 500
REQUEST_SECONDS = 15.0


class KubeSession:
    """Implements the port `Cluster`, and lists for the store."""

    def __init__(self, credentials: Credentials, *, rate: float = 50, burst: int = 100) -> None:
        self._credentials = credentials
        self._bucket = TokenBucket(rate=rate, burst=burst)
        self._http = aiohttp.ClientSession(
            base_url=credentials.server + "/",
            connector=aiohttp.TCPConnector(ssl=credentials.ssl_context(), limit=32),
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, connect=5),
            headers={"User-Agent": f"lockgate/{__version__}", "Accept": "application/json"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def get(self, resource: Resource, key: Key) -> Object | None:
        """Read one object; None when there is none."""
        code, body, after = await self._request("GET", resource.path(*key), f"read {resource.kind}")
        if code == 404:
            return None
        return self._checked(f"read {resource.kind} {'/'.join(key)}", code, body, after)

    async def list(self, resource: Resource, namespace: str = "") -> AsyncIterator[Object]:
        """Every object of a kind, page by page; for children only those that carry our label."""
        query = {"limit": str(_PAGE)} | ({"labelSelector": MANAGED_SELECTOR} if resource.managed_only else {})
        what = f"list {resource.plural}"
        while True:
            code, body, after = await self._request("GET", resource.path(namespace), what, query=query)
            page = self._checked(what, code, body, after)
            for item in page.get("items") or ():
                yield item
            following = page["metadata"].get("continue")
            if not following:
                return
            query["continue"] = following

    async def apply(self, resource: Resource, obj: Object, *, force: bool) -> Object:
        """Server-side apply; without `force` a field of another manager raises NotOwned."""
        return await self._apply(resource, obj, "", force)

    async def apply_status(self, resource: Resource, obj: Object) -> Object:
        """Server-side apply of the status subresource."""
        return await self._apply(resource, obj, "/status", True)

    async def create(self, resource: Resource, obj: Object) -> None:
        """Create an object."""
        what = f"create {resource.kind}"
        namespace, _ = key_of(obj)
        code, body, after = await self._request("POST", resource.path(namespace), what, body=obj)
        self._checked(what, code, body, after)

    async def _apply(self, resource: Resource, obj: Object, subresource: str, force: bool) -> Object:
        key = key_of(obj)
        what = f"apply {resource.kind}{subresource} {'/'.join(key)}"
        query = {"fieldManager": FIELD_MANAGER} | ({"force": "true"} if force else {})
        path = resource.path(*key) + subresource
        code, body, after = await self._request("PATCH", path, what, query=query, body=obj)
        return self._checked(what, code, body, after)

    def _checked(self, what: str, code: int, body: Object, after: float | None) -> Object:
        if code >= 300:
            raise from_status(what, code, body, after)
        return body

    async def _request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
    ) -> tuple[int, Object, float | None]:
        await self._bucket.take()
        headers = self._credentials.headers() | (_APPLY if method == "PATCH" else {})
        if method == "POST":
            headers["Content-Type"] = "application/json"
        try:
            async with self._http.request(
                method,
                path.lstrip("/"),
                params=query,
                data=None if body is None else json.dumps(body),
                headers=headers,
            ) as response:
                return response.status, _decode(await response.read()), _retry_after(response)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterUnavailable(
                f"could not {what}: the API server did not answer ({type(error).__name__})"
            ) from error


def _decode(raw: bytes) -> Object:
    try:
        decoded: Any = json.loads(raw)
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None
