"""When was each kind last heard of, and does the API server let us listen?

A feed is one kind in one namespace, as the API server streams it. kopf's thread notes what it
hears (lists, streams that open, every piece of a stream, bookmarks included); everybody may ask.
What counts is what was heard, never that no error was raised.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lockgate.domain.resources import WATCHED, Resource

# A stream is renewed this often, and the API server sends a bookmark shortly before its end, so
# that a feed on which nothing happens is heard of as well. With many feeds the interval grows:
# all of them together are renewed at most twice a second.
RENEWED_SECONDS = 5
RENEWALS_PER_SECOND = 2
# Between the end of a stream and the beginning of the next, at the worst.
_PAUSE_AND_DELAY_SECONDS = 5.0
# A stream that was cut goes on where it was; after a longer silence that is not taken on trust.
_GAP_SECONDS = 3.0
# Where nothing changes an API server has nothing to say; and one with much to do misses the moment for
# its bookmark now and then. After one such stream it is asked how far it is, after the next one for all.
_SILENT_STREAMS = 2


@dataclass(frozen=True, slots=True)
class Feed:
    """One kind in one namespace (empty: in all, or a kind without namespaces)."""

    resource: Resource
    namespace: str = ""

    @property
    def path(self) -> str:
        """The URL path of the collection."""
        return self.resource.path(self.namespace)

    def __str__(self) -> str:
        return self.resource.plural + (f" in {self.namespace}" if self.namespace else "")


def feeds_of(namespaces: Iterable[str], kinds: Iterable[Resource] = WATCHED) -> tuple[Feed, ...]:
    """Every feed of these kinds that the operator needs; no namespace means all of them."""
    places = tuple(namespaces) or ("",)
    return tuple(
        Feed(resource, place) for resource in kinds for place in (places if resource.namespaced else ("",))
    )


@dataclass(slots=True)
class _Heard:
    at: float | None = None
    listed_at: float | None = None
    reading_at: float | None = None
    recovered_at: float | None = None
    silent_streams: int = 0
    is_in_doubt: bool = False
    told_up_to: str | None = None
    failed: bool = False
    refused: int | None = None


class Hearing:
    """What was heard when; each value is written whole, so that threads need no lock."""

    def __init__(self, feeds: Iterable[Feed], clock: Callable[[], float] = time.monotonic) -> None:
        self.feeds = tuple(feeds)
        self.renewed_seconds = max(RENEWED_SECONDS, len(self.feeds) // RENEWALS_PER_SECOND)
        self._clock = clock
        self._began = clock()
        self._known = {feed: _Heard() for feed in self.feeds}
        self._by_path = {feed.path: feed for feed in self.feeds}

    def add(self, feeds: Iterable[Feed]) -> None:
        """Hear of more from now on."""
        for feed in feeds:
            self._known[feed] = _Heard()
            self._by_path[feed.path] = feed
        self.feeds = tuple(self._known)

    @property
    def silent_after(self) -> float:
        """An open stream of which nothing was heard for so long is dead, in seconds."""
        return self.renewed_seconds + _PAUSE_AND_DELAY_SECONDS

    @property
    def deaf_after(self) -> float:
        """A feed that was not heard for so long is not watched, in seconds."""
        return self.silent_after + 1.0

    def at_path(self, path: str) -> Feed | None:
        """The feed of a URL path."""
        return self._by_path.get(path)

    def heard(self, feed: Feed) -> None:
        """Something came."""
        known, now = self._known[feed], self._clock()
        if known.failed and self.age(feed) > _GAP_SECONDS:
            known.recovered_at = now
        known.at, known.failed, known.refused = now, False, None

    def listed(self, feed: Feed) -> float:
        """A list was begun: what vanished before it is told by nobody but by it. Returns the time."""
        self._known[feed].listed_at = now = self._clock()
        return now

    def reads(self, feed: Feed) -> None:
        """A list of the watch is under way: it was begun, or a page of it has come."""
        self._known[feed].reading_at = self._clock()

    def has_read(self, feed: Feed) -> None:
        """A list of the watch is at its end, and all that was in it was taken in."""
        self._known[feed].reading_at = None

    def reading_at(self, feed: Feed) -> float | None:
        """When a list of the watch last came further, while one is under way."""
        return self._known[feed].reading_at

    def opened(self, feed: Feed, told_up_to: str | None) -> None:
        """A stream is asked for, of all that came after this version."""
        self._known[feed].told_up_to = told_up_to

    def over(self, feed: Feed, silent: bool) -> None:
        """A stream came to its end, and said nothing if `silent`, though a bookmark was due.

        When that happens again, only a list tells whether there was nothing to say.
        """
        known = self._known[feed]
        known.silent_streams = known.silent_streams + 1 if silent else 0
        known.is_in_doubt = known.silent_streams == 1
        if known.silent_streams >= _SILENT_STREAMS:
            known.silent_streams, known.recovered_at = 0, self._clock()

    def is_in_doubt(self, feed: Feed) -> bool:
        """Whether it would help to know which version the API server is at."""
        return self._known[feed].is_in_doubt

    def is_at(self, feed: Feed, version: str | None) -> None:
        """The API server is at this version: when all was told up to it, there was nothing to say.

        Else it has seen by now that it is further, and the stream that is open must say so.
        """
        known = self._known[feed]
        known.is_in_doubt = False
        if version is not None and version == known.told_up_to:
            known.silent_streams = 0

    def failed(self, feed: Feed, refused: int | None = None) -> None:
        """A request failed; `refused` is the code when the API server answered with one."""
        known = self._known[feed]
        known.failed, known.refused, known.reading_at = True, refused, None

    def age(self, feed: Feed) -> float:
        """For how long the feed has not been heard, in seconds."""
        at = self._known[feed].at
        return self._clock() - (self._began if at is None else at)

    def is_heard(self, feed: Feed) -> bool:
        """Whether the feed is watched now."""
        return self._known[feed].at is not None and self.age(feed) <= self.deaf_after

    def is_behind(self, resource: Resource, namespace: str) -> bool:
        """Whether what is seen of a kind in a namespace may be so no more, and nobody would tell."""
        feeds = [feed for feed in (Feed(resource, namespace), Feed(resource)) if feed in self._known]
        return any(self._known[feed].failed or self.age(feed) > self.silent_after for feed in feeds)

    def refused(self, feed: Feed) -> int | None:
        """The code with which the API server has refused the last request, if it has."""
        return self._known[feed].refused

    def gap_at(self, feed: Feed) -> float | None:
        """When the watch last went on after a list or a silence, if ever: deletions may be untold."""
        known = self._known[feed]
        return max((at for at in (known.listed_at, known.recovered_at) if at is not None), default=None)

    def deaf(self) -> tuple[Feed, ...]:
        """The feeds that are not watched now."""
        return tuple(feed for feed in self.feeds if not self.is_heard(feed))

    def deaf_kinds(self) -> tuple[Resource, ...]:
        """The kinds of which no feed is watched: a namespace that is closed to us is not a blind kind.

        Nor is one that a cluster may lack: who depends on it asks whether it is seen.
        """
        kinds = dict.fromkeys(feed.resource for feed in self.feeds if not feed.resource.optional)
        heard = {feed.resource for feed in self.feeds if self.is_heard(feed)}
        return tuple(kind for kind in kinds if kind not in heard)

    def blind_seconds(self) -> float:
        """For how long some kind has not been watched anywhere, in seconds; 0 when all are."""
        return max(
            (
                min(self.age(feed) for feed in self.feeds if feed.resource == kind)
                for kind in self.deaf_kinds()
            ),
            default=0.0,
        )
