"""What the API server has answered, checked before anybody relies on it.

Between us and it stand proxies and load balancers, and they too answer 200. What is no object of
the kind that was asked for is no answer: the cluster is unavailable, and nothing is concluded.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from lockgate.domain.resources import Key, Object, Resource
from lockgate.errors import ClusterUnavailable
from lockgate.kube.budget import LONGEST_HINT_SECONDS
from lockgate.kube.errors import from_status
from lockgate.kube.items import read_list


@dataclass(frozen=True, slots=True)
class Answer:
    """Code, body and the hint when to come again."""

    code: int
    raw: bytes
    after: float | None

    @property
    def is_absence(self) -> bool:
        """Whether the API server itself says that there is no such object."""
        return self.code == 404 and self.decoded().get("kind") == "Status"

    def decoded(self) -> Object:
        """The body if it is a JSON object, else an empty one."""
        try:
            decoded: Any = json.loads(self.raw)
        except (ValueError, RecursionError):
            return {}
        return decoded if isinstance(decoded, dict) else {}

    def check(self, what: str) -> None:
        """Raises a LockgateError unless it is a success, of whatever kind."""
        if self.code >= 300:
            raise from_status(what, self.code, self.decoded(), self.after)

    def checked(self, what: str, kind: str) -> Object:
        """The body of a success, which must be of that kind; raises a LockgateError."""
        self.check(what)
        body = self.decoded()
        if body.get("kind", kind) != kind or not isinstance(body.get("metadata"), dict):
            raise _no_answer(what)
        return body


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, whose items are read one by one and once, and the version of the whole."""

    items: Iterable[Object]
    resource_version: str
    following: str | None


def object_of(answer: Answer, what: str, resource: Resource, key: Key) -> Object:
    """The one object that was asked for; raises a LockgateError."""
    body = answer.checked(what, resource.kind)
    metadata = body["metadata"]
    if not is_object(body) or (metadata.get("namespace", ""), metadata["name"]) != key:
        raise _no_answer(what)
    return body


def page_of(answer: Answer, what: str, resource: Resource) -> Page:
    """A page of a list; raises a LockgateError, and so may its items when they are read."""
    answer.check(what)
    try:
        head, items = read_list(answer.raw)
    except ValueError:
        raise _no_answer(what) from None
    kind, metadata = f"{resource.kind}List", head.get("metadata")
    if head.get("kind", kind) != kind or not isinstance(metadata, dict):
        raise _no_answer(what)
    version, following = metadata.get("resourceVersion"), metadata.get("continue")
    if not isinstance(version, str):
        raise _no_answer(what)
    following = following if isinstance(following, str) and following else None
    return Page(_objects(items, what), version, following)


def _objects(items: Iterator[Any], what: str) -> Iterator[Object]:
    try:
        for item in items:
            if not is_object(item):
                raise _no_answer(what)
            yield item
    except ValueError:
        raise _no_answer(what) from None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After, be they written as such or as a date; never more than a minute."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_HINT_SECONDS)
    try:
        # Two times of one clock, which need not be ours.
        seconds = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
        return min(max(seconds.total_seconds(), 0.0), LONGEST_HINT_SECONDS)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def is_object(value: Any) -> bool:
    """Whether it has what every object of the API server has."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    return isinstance(metadata, dict) and all(
        isinstance(metadata.get(name), str) for name in ("name", "resourceVersion")
    )


def _no_answer(what: str) -> ClusterUnavailable:
    return ClusterUnavailable(f"could not {what}: what answered is not the Kubernetes API")
