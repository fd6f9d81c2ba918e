"""What may go wrong between a client and a server, as values: whom it meets, what happens, how often.

A test arms a fault at a proxy; the proxy asks here which fault a call meets. Nothing here opens a
connection, and every fault says how often it was met, so that a test can tell that it happened.
"""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

WRITES = frozenset({"create", "apply", "update", "patch", "delete"})
_GROUPS = {"write": WRITES, "read": frozenset({"get", "list"}), "request": WRITES | {"get", "list"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as the API server would name it."""

    number: int
    verb: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    at: float = field(default_factory=time.monotonic, compare=False)

    def __str__(self) -> str:
        place = "/".join(filter(None, (self.resource, self.subresource)))
        return " ".join(filter(None, (self.verb, place, f"{self.namespace}/{self.name}".strip("/"))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which calls a fault meets; patterns are shell-style.

    `verb` may also be a group: write, read, request (both) or * (watches included).
    """

    verb: str = "*"
    resource: str = "*"
    namespace: str = "*"
    name: str = "*"
    subresource: str = "*"

    def meets(self, call: Call) -> bool:
        """Whether that call is meant."""
        verbs = _GROUPS.get(self.verb)
        if call.verb not in verbs if verbs else not fnmatchcase(call.verb, self.verb):
            return False
        return all(
            fnmatchcase(getattr(call, part), getattr(self, part))
            for part in ("resource", "namespace", "name", "subresource")
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The server is not asked; this is the answer."""

    status: int
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def html() -> Answer:
    """A login page of a proxy on the way, with code 200."""
    return Answer(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"})


def empty() -> Answer:
    """Code 200 and nothing else."""
    return Answer(200, b"")


def too_many(seconds: int) -> Answer:
    """429 with a hint."""
    return Answer(429, None, {"Retry-After": str(seconds)})


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is reset before the server is asked."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The server is asked so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Swallow:
    """The server does what it is asked, and the connection is reset instead of its answer."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """The server does what it is asked, and the connection is reset in the middle of its answer."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The server does what it is asked, and its answer waits until the fault is cleared."""


@dataclass(frozen=True, slots=True)
class Hang:
    """The server is not asked, and nothing is said until the fault is cleared; then a reset."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The answer of so many calls ago to the same question, as a lagging server would give it."""

    back: int = 1


@dataclass(frozen=True, slots=True)
class EndStream:
    """A watch, open or new, ends with an ERROR event of that code."""

    code: int


@dataclass(frozen=True, slots=True)
class CutStream:
    """A watch is reset, after half a line if wanted."""

    in_mid_line: bool = False


@dataclass(frozen=True, slots=True)
class SayInStream:
    """A watch says this line, which is no event, and goes on."""

    line: bytes


@dataclass(frozen=True, slots=True)
class Mute:
    """A watch stays open and never says anything again."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Every so manyth line of a watch is lost, of these types only."""

    every: int = 1
    types: frozenset[str] = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK"})


@dataclass(frozen=True, slots=True)
class Swap:
    """Neighbouring lines of a watch change places."""


OnRequest = Answer | Cut | Delay | Swallow | Truncate | Hold | Hang | Stale
OnStream = EndStream | CutStream | SayInStream | Mute | Drop | Swap
Behaviour = OnRequest | OnStream
LASTING = (Mute, Drop, Swap)


@dataclass(slots=True, eq=False)
class Fault:
    """An armed behaviour; `landed` is set once a call has met it."""

    match: Match
    behaviour: Behaviour
    left: int | None
    skip: int = 0
    met: int = 0
    landed: threading.Event = field(default_factory=threading.Event)
    cleared: threading.Event = field(default_factory=threading.Event)

    def __str__(self) -> str:
        return f"{self.behaviour} on {self.match}"


class Faults:
    """The faults in force; safe to change while a proxy serves."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._armed: list[Fault] = []
        self._lock = threading.Lock()
        self._on_change = on_change
        self._numbers = itertools.count(1)
        self.met = 0

    def number(self) -> int:
        """The next call's number."""
        return next(self._numbers)

    def arm(self, match: Match, behaviour: Behaviour, times: int | None = None, skip: int = 0) -> Fault:
        """Let `behaviour` happen to calls that match: the first `skip` aside, then `times` of them."""
        fault = Fault(match, behaviour, times, skip)
        with self._lock:
            self._armed.append(fault)
        self._on_change()
        return fault

    def clear(self, *faults: Fault) -> None:
        """End these faults, or all."""
        with self._lock:
            ended = faults or tuple(self._armed)
            self._armed = [fault for fault in self._armed if fault not in ended]
        for fault in ended:
            fault.cleared.set()
        self._on_change()

    def take(self, call: Call, kinds: tuple[type, ...]) -> Fault | None:
        """The first fault of these kinds that the call meets; it is used up by that."""
        with self._lock:
            for fault in self._armed:
                if fault.left == 0 or not isinstance(fault.behaviour, kinds) or not fault.match.meets(call):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.met += 1
                self.met += 1
                if fault.left is not None:
                    fault.left -= 1
                if not isinstance(fault.behaviour, Hold):  # that lands once the server has answered
                    fault.landed.set()
                return fault
        return None
