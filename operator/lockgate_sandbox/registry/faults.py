"""Trouble on demand: which requests shall be slow, refused, cut, or answered with damaged bytes.

Only says what shall happen; `web` makes it happen. Safe to change from another thread while serving.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from lockgate_sandbox.registry.errors import Invalid


class FaultKind(StrEnum):
    LATENCY = "latency"  # answer `seconds` later
    STATUS = "status"  # answer with `status`, with Retry-After when `retry_after` is set
    HTML = "html"  # answer 200 with a web page, as a proxy's log-in page does
    HANG = "hang"  # no answer until cleared (or for `seconds`, if set), then a cut connection
    RESET = "reset"  # cut the connection at once
    CORRUPT = "corrupt"  # downloads: other bytes of the same size
    MISSING_FILE = "missing_file"  # downloads: 404 for files that exist
    DENY = "deny"  # `user` may not read `registry`


WHOLE_REQUEST = (FaultKind.LATENCY, FaultKind.STATUS, FaultKind.HTML, FaultKind.HANG, FaultKind.RESET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of trouble and the requests that meet it; patterns are shell-style (`*`, `?`).

    `operation` is a GraphQL operation's name, or `download`, `upload`, `file_stream` for the other requests;
    `registry`, `collection`, `file` narrow the kinds that are about files and registries.
    """

    kind: FaultKind
    operation: str = "*"
    user: str = "*"
    registry: str = "*"
    collection: str = "*"
    file: str = "*"
    seconds: float = 0.0
    status: int = 500
    retry_after: float | None = None
    hidden: bool = False  # DENY: as if the registry did not exist, instead of a refusal
    count: int | None = None  # requests (DENY: looks at the registry) it happens to; None: until cleared

    @classmethod
    def parse(cls, document: object) -> Fault:
        """A fault from JSON.

        Raises:
            Invalid: an unknown field, an unknown kind, or a value of the wrong type.
        """
        if not isinstance(document, Mapping):
            raise Invalid('a fault is a JSON object such as {"kind": "status", "status": 500}')
        known = {item.name: item for item in dataclasses.fields(cls)}
        for name, value in document.items():
            if name not in known:
                raise Invalid(f"fault field {name!r} is not known; use {', '.join(known)}")
            _check_type(name, value)
        try:
            return cls(**(dict(document) | {"kind": FaultKind(document.get("kind", ""))}))
        except ValueError:
            kinds = ", ".join(FaultKind)
            raise Invalid(f"fault kind {document.get('kind')!r} is not known; use one of {kinds}") from None

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


_TYPES: dict[str, tuple[type, ...]] = {
    "seconds": (int, float),
    "status": (int,),
    "retry_after": (int, float, type(None)),
    "hidden": (bool,),
    "count": (int, type(None)),
}


def _check_type(name: str, value: object) -> None:
    wanted = _TYPES.get(name, (str,))
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise Invalid(f"fault field {name!r} must be {' or '.join(t.__name__ for t in wanted)}")
    if isinstance(value, (int, float)) and value < 0:
        raise Invalid(f"fault field {name!r} must not be negative")


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int | None
    met: int = 0


@dataclass(slots=True)
class FaultBook:
    """The faults in force."""

    _armed: list[_Armed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _on_clear: list[Callable[[], object]] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault, fault.count))

    def replace(self, faults: Iterable[Fault]) -> None:
        """Puts these in force instead of whatever was; requests that hang are let go."""
        with self._lock:
            self._armed = [_Armed(fault, fault.count) for fault in faults]
        for call in list(self._on_clear):
            call()

    def clear(self) -> None:
        self.replace(())

    def when_cleared(self, call: Callable[[], object]) -> Callable[[], None]:
        """Has `call` called (from any thread) at every change; answers how to stop that."""
        self._on_clear.append(call)
        return lambda: self._on_clear.remove(call)

    def show(self) -> list[dict[str, Any]]:
        with self._lock:
            return [armed.fault.as_json() | {"left": armed.left, "met": armed.met} for armed in self._armed]

    def for_request(self, *, operations: Iterable[str], user: str) -> list[Fault]:
        """The faults this whole request meets; counted ones are used up by it."""
        names = list(operations)

        def meets(fault: Fault) -> bool:
            return (
                fault.kind in WHOLE_REQUEST
                and fnmatchcase(user, fault.user)
                and any(fnmatchcase(name, fault.operation) for name in names)
            )

        return self._take(meets)

    def for_file(self, kind: FaultKind, places: Iterable[tuple[str, str]], file: str, user: str) -> bool:
        """Whether the download of `file`, seen in these (registry, collection) places, meets that fault."""
        known = list(places)

        def meets(fault: Fault) -> bool:
            return (
                fault.kind == kind
                and fnmatchcase(file, fault.file)
                and fnmatchcase(user, fault.user)
                and any(fnmatchcase(r, fault.registry) and fnmatchcase(c, fault.collection) for r, c in known)
            )

        return bool(self._take(meets))

    def denial(self, *, user: str, registry: str) -> Fault | None:
        def meets(fault: Fault) -> bool:
            return (
                fault.kind == FaultKind.DENY
                and fnmatchcase(user, fault.user)
                and fnmatchcase(registry, fault.registry)
            )

        taken = self._take(meets)
        return taken[0] if taken else None

    def _take(self, meets: Callable[[Fault], bool]) -> list[Fault]:
        if not self._armed:
            return []
        with self._lock:
            taken = [armed for armed in self._armed if armed.left != 0 and meets(armed.fault)]
            for armed in taken:
                armed.met += 1
                if armed.left is not None:
                    armed.left -= 1
            return [armed.fault for armed in taken]
