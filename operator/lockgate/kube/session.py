"""The one session with the Kubernetes API: read, list, apply, create.

Objects go as plain dictionaries over one shared connection pool; every write names our field
manager. Each request waits for its turn, has a deadline, and brings back no more than a bound.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence

import aiohttp

from lockgate import __version__
from lockgate.domain.resources import EVENT, Key, Object, Resource, key_of
from lockgate.errors import ClusterUnavailable, Conflict
from lockgate.kube.answers import Answer, Page, object_of, page_of, retry_after
from lockgate.kube.budget import MOST_ON_THEIR_WAY, Budget, Lane
from lockgate.kube.credentials import Credentials
from lockgate.kube.errand import PRESENT_ERRAND
from lockgate.names import FIELD_MANAGER, MANAGED_SELECTOR

Body = Object | list[Object]
_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_ESCAPED_BY_GO = re.compile("[<>&\u2028\u2029]")
_ESCAPED = re.compile("[\x7f-\uffff]")
PAGE = 100
LARGEST_BODY = 8 * 2**20
# More than a webhook has by default, and little enough that a write that got no answer is soon repeated.
REQUEST_SECONDS = 12.0


class KubeSession:
    """Implements the port `Cluster`, and lists for the store."""

    def __init__(
        self, credentials: Credentials, *, rate: float = 400, returned: Callable[[], None] = lambda: None
    ) -> None:
        """`returned` is called when the API server answers again after it was away."""
        self._credentials = credentials
        self._budget = Budget(rate=rate, returned=returned)
        self._http = aiohttp.ClientSession(
            base_url=credentials.server + "/",
            connector=aiohttp.TCPConnector(ssl=credentials.ssl_context(), limit=MOST_ON_THEIR_WAY),
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, connect=5),
            headers={"User-Agent": f"lockgate/{__version__}", "Accept": "application/json"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def get(self, resource: Resource, key: Key) -> Object | None:
        """Read one object; None when there is none."""
        what = f"read {resource.kind} {'/'.join(key)}"
        if resource.listed_only:
            query = {"fieldSelector": f"metadata.name={key[1]}", "limit": "1"}
            answer = await self._request("GET", resource.path(key[0]), what, query=query, whose=key[0])
            return next((one for one in page_of(answer, what, resource).items if key_of(one) == key), None)
        answer = await self._request("GET", resource.path(*key), what, whose=key[0])
        return None if answer.is_absence else object_of(answer, what, resource, key)

    async def serves(self, resource: Resource) -> bool:
        """Whether the API server has a kind at all; raises a LockgateError when it does not say."""
        what = f"discover {resource.plural}"
        answer = await self._request("GET", resource.root, what)
        if answer.code == 404:
            return False
        answer.check(what)
        kinds = answer.decoded().get("resources")
        if not isinstance(kinds, list):
            raise ClusterUnavailable(f"could not {what}: what answered is not the Kubernetes API")
        return any(isinstance(kind, dict) and kind.get("name") == resource.plural for kind in kinds)

    async def latest_version(self, resource: Resource, namespace: str = "") -> str:
        """At which version the API server is with a kind; costs a list of one object.

        It has taken in all changes of the kind up to there by then (ConsistentListFromCache,
        kubernetes/enhancements KEP-2340), so that streams of it can tell of them.
        """
        what, query = f"list one of {resource.plural}", {**_selector(resource), "limit": "1"}
        answer = await self._request("GET", resource.path(namespace), what, query=query)
        return page_of(answer, what, resource).resource_version

    async def pages(self, resource: Resource, namespace: str = "") -> AsyncIterator[Page]:
        """Every object of a kind, page by page; for children only those that carry our label.

        A page with too much in it is asked for again in smaller ones.
        """
        what, size = f"list {resource.plural}" + (f" in {namespace}" if namespace else ""), PAGE
        query = _selector(resource)
        while True:
            query["limit"] = str(size)
            try:
                answer = await self._request("GET", resource.path(namespace), what, query=query)
            except _TooLarge:
                if size == 1:
                    raise
                size //= 2
                continue
            page = page_of(answer, what, resource)
            yield page
            if page.following is None:
                return
            query["continue"] = page.following

    async def apply(self, resource: Resource, obj: Object, *, force: bool) -> Object:
        """Server-side apply; without `force` a field of another manager raises NotOwned."""
        key, query = key_of(obj), {"fieldManager": FIELD_MANAGER} | ({"force": "true"} if force else {})
        what = f"apply {resource.kind} {'/'.join(key)}"
        answer = await self._request(
            "PATCH", resource.path(*key), what, query=query, body=obj, content_type=_APPLY, whose=key[0]
        )
        return object_of(answer, what, resource, key)

    async def apply_status(self, resource: Resource, obj: Object) -> Object:
        """Replace the status as a whole, in the very version of the object that is given."""
        # An apply would leave what somebody else has written into the status, for ever.
        key = key_of(obj)
        patch = [*_just_this(obj), {"op": "add", "path": "/status", "value": obj["status"]}]
        answer = await self._request(
            "PATCH",
            resource.path(*key) + "/status",
            what := f"write {resource.kind}/status {'/'.join(key)}",
            query={"fieldManager": FIELD_MANAGER},
            body=patch,
            content_type=_JSON_PATCH,
            lane=Lane.STATUS,
            whose=key[0],
        )
        return object_of(answer, what, resource, key)

    async def hold(self, resource: Resource, obj: Object, finalizers: Sequence[str]) -> Object:
        """Set the finalizers, in the very version of the object that is given."""
        key = key_of(obj)
        answer = await self._request(
            "PATCH",
            resource.path(*key),
            what := f"hold {resource.kind} {'/'.join(key)}",
            query={"fieldManager": FIELD_MANAGER},
            body=[*_just_this(obj), {"op": "add", "path": "/metadata/finalizers", "value": list(finalizers)}],
            content_type=_JSON_PATCH,
            whose=key[0],
        )
        return object_of(answer, what, resource, key)

    async def create(self, resource: Resource, obj: Object) -> Object:
        """Create an object under our field manager; raises AlreadyExists when the name is taken."""
        key = key_of(obj)
        answer = await self._request(
            "POST",
            resource.path(key[0]),
            what := f"create {resource.kind} {'/'.join(key)}",
            query={"fieldManager": FIELD_MANAGER},
            body=obj,
            lane=Lane.EVENT if resource is EVENT else Lane.CHILD,
            whose=key[0],
        )
        return object_of(answer, what, resource, key)

    async def delete(self, resource: Resource, obj: Object) -> None:
        """Delete an object in the very version that is given; one that is gone already is no failure."""
        key, metadata = key_of(obj), obj["metadata"]
        what = f"delete {resource.kind} {'/'.join(key)}"
        preconditions = {name: metadata[name] for name in ("uid", "resourceVersion")}
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        answer = await self._request("DELETE", resource.path(*key), what, body=body, whose=key[0])
        if not answer.is_absence:
            answer.check(what)

    async def _request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: dict[str, str] | None = None,
        body: Body | None = None,
        content_type: str = "application/json",
        lane: Lane = Lane.CHILD,
        whose: str = "",
    ) -> Answer:
        try:
            began = await self._budget.enter(lane, whose)
        except TimeoutError:
            raise ClusterUnavailable(
                f"could not {what}: its turn did not come, the API server takes too few requests"
            ) from None
        try:
            errand = PRESENT_ERRAND.get()
            if errand is not None and errand.overtaken:
                # It would be refused, or written for nothing; and each answer takes its time.
                self._budget.unused()
                raise Conflict(f"could not {what}: it was edited meanwhile")
            self._credentials.refresh()
            headers = self._credentials.headers() | ({"Content-Type": content_type} if body else {})
            async with self._http.request(
                method,
                path.lstrip("/"),
                params=query,
                data=(_canonical if method == "POST" else _encoded)(body) if body else None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                answer = Answer(response.status, await _read(response, what), retry_after(response.headers))
            # A list takes as long as it is long.
            self._budget.answered(answer.code, answer.after, began, timed=method != "GET", whose=whose)
            return answer
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._budget.unanswered(began, whose)
            raise ClusterUnavailable(
                f"could not {what}: the API server did not answer ({type(error).__name__})"
            ) from error
        finally:
            self._budget.leave(whose, began)


def _just_this(obj: Object) -> list[Object]:
    """A patch that meets no other object, and no other version of it."""
    return [
        {"op": "replace", "path": f"/metadata/{name}", "value": obj["metadata"][name]}
        for name in ("uid", "resourceVersion")
    ]


def _selector(resource: Resource) -> dict[str, str]:
    return {"labelSelector": MANAGED_SELECTOR} if resource.managed_only else {}


def _canonical(body: Body) -> bytes:
    """JSON as the API server writes it itself.

    It keeps the data of a ControllerRevision byte by byte, writes it anew whenever anybody patches the
    object, and refuses the patch if it is not the same then: a label, a finalizer, the garbage collector's.
    """
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _ESCAPED_BY_GO.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode(errors="replace")


def _encoded(body: Body) -> bytes:
    """JSON that is YAML as well, as which an apply is read: that knows no pairs of escapes."""
    text = json.dumps(body, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


class _TooLarge(ClusterUnavailable):
    """An answer of more bytes than are taken."""


async def _read(response: aiohttp.ClientResponse, what: str) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            raise _TooLarge(f"could not {what}: the answer is larger than {LARGEST_BODY // 2**20} MiB")
    return b"".join(parts)
