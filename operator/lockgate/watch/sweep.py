"""Lists what is watched, and finds what the watch has missed: above all, what vanished meanwhile.

Every feed has its own clock. It is listed at the start, at an interval, whenever the watch may have a
gap, and every few seconds while the watch does not hear it: work goes on without a watch. A list that
the watch itself has made, whole and of no earlier version than anything seen, is as good as our own.
The first lists fill the store before the workers start, so that no pass rests on half a view.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from lockgate.domain.resources import MODEL_DEPLOYMENT, Key, Object, Resource, key_of
from lockgate.errors import ClusterUnavailable, Forbidden, LockgateError
from lockgate.kube.answers import Page
from lockgate.watch.handlers import Intake, Wake
from lockgate.watch.hearing import Feed, Hearing
from lockgate.watch.listing import Listing
from lockgate.watch.past import Past
from lockgate.watch.store import Store, version_of
from lockgate.watch.untold import LATE_SECONDS, Misses, Untold, Watch

_log = structlog.get_logger(__name__)
_TICK_SECONDS = 0.5
# So long the first list waits for that of the watch.
_FIRST_SECONDS = 3.0
_RETRY_SECONDS = 2.0
_RETRY_REFUSED_SECONDS = 10.0
# While a feed is not heard it is listed so often, and never more than a tenth of the time.
_INSTEAD_SECONDS = 3.0
_ENTER_ANEW_SECONDS = 30.0


class Lists(Protocol):
    """What a sweep needs of the session."""

    def pages(self, resource: Resource, namespace: str = "") -> AsyncIterator[Page]:
        """Every object of a kind, page by page."""

    async def latest_version(self, resource: Resource, namespace: str = "") -> str:
        """At which version the API server is with a kind; raises a LockgateError."""


@dataclass(slots=True)
class _Round:
    """What is known of the lists of one feed."""

    due: float = 0.0
    began: float | None = None
    took: float = 0.0
    seen: bool = False
    trouble: str | None = None


class Sweeper:
    """Lists feed after feed, until cancelled."""

    def __init__(
        self,
        lists: Lists,
        store: Store,
        intake: Intake,
        hearing: Hearing,
        watch: Watch,
        misses: Misses,
        wake: Wake,
        *,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lists = lists
        self._store = store
        self._intake = intake
        self._hearing = hearing
        self._watch = watch
        self._misses = misses
        self._wake = wake
        self._interval = interval
        self._clock = clock
        self._past = Past(clock)
        self.untold = Untold(hearing, watch, misses, clock)
        """What lists have found; the watch tells it, too, of all that it tells."""
        self._rounds = {feed: _Round() for feed in hearing.feeds}
        self._waits_until = clock() + _FIRST_SECONDS
        self._answered_at: float | None = None
        # Set when a whole namespace was seen for the first time, and with it something to work on.
        self.opened = asyncio.Event()
        self._looked = asyncio.Event()

    async def run(self) -> None:
        """Sweep what is due, again and again; a defect in one list ends no other."""
        self._waits_until = self._clock() + _FIRST_SECONDS
        while True:
            await self.turn()
            await asyncio.sleep(_TICK_SECONDS)

    async def turn(self) -> None:
        """Everything that is due now."""
        for feed in self._hearing.feeds:
            known = self._rounds.setdefault(feed, _Round())
            self.untold.judge(feed, known.began)
            if self._is_due(feed, known):
                await self._sweep(feed, known)
            elif self._hearing.is_in_doubt(feed):
                await self._ask(feed)
        extra = (known for feed, known in self._rounds.items() if feed.resource.optional)
        if all(known.began is not None or known.trouble for known in extra):
            self._looked.set()

    async def has_looked(self, within: float) -> None:
        """Returns when each kind that a cluster may lack was listed or refused, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), within)

    def sees(self, namespace: str) -> bool:
        """Whether all kinds were listed there: else a pass would take what it cannot see for absent.

        But for those that a cluster may lack, of which whoever needs them asks by themselves.
        """
        needed = ((feed, known) for feed, known in self._rounds.items() if not feed.resource.optional)
        return all(known.seen for feed, known in needed if feed.namespace in ("", namespace))

    def sees_kind(self, resource: Resource, namespace: str) -> bool:
        """Whether a kind was listed there."""
        feeds = [Feed(resource, place) for place in dict.fromkeys(("", namespace))]
        return any(feed in self._rounds and self._rounds[feed].seen for feed in feeds)

    def answered_seconds(self) -> float:
        """For how long no list was answered, in seconds."""
        return float("inf") if self._answered_at is None else self._clock() - self._answered_at

    def take_list(self, listing: Listing) -> None:
        """The watch has listed a feed, and its objects were taken in."""
        feed, resource = listing.feed, listing.feed.resource
        known, version = self._rounds.setdefault(feed, _Round()), listing.version
        if listing.is_doubtful or version is None or version < self._store.newest(resource):
            # It lags behind, or the cluster has another past: a list of our own is judged by that.
            return
        self._past.agrees(resource)
        # Nothing that is known is newer than the list: what it does not name has gone since.
        before = self._store.identities(resource, feed.namespace)
        for ghost in self._store.missing(resource, listing.named, before):
            self._take_ghost(resource, ghost)
        self.untold.forget(feed)
        known.began = listing.began
        self._has_listed(feed, known, listing.began)

    def _is_due(self, feed: Feed, known: _Round) -> bool:
        now = self._clock()
        reading = self._hearing.reading_at(feed)
        if reading is not None and now - reading < _FIRST_SECONDS:
            # What the watch lists just now need not be listed twice.
            return False
        if known.began is None and self._hearing.gap_at(feed) is None and now < self._waits_until:
            # A list before the watch's own would have to be made again after it.
            return False
        if now >= known.due:
            return True
        if known.began is None or not known.seen:
            return False
        gap = self._hearing.gap_at(feed)
        if gap is not None and gap > known.began:
            return True
        pause = max(_INSTEAD_SECONDS, 10 * known.took)
        return not self._hearing.is_heard(feed) and now - known.began > pause

    async def _ask(self, feed: Feed) -> None:
        """A stream of it said nothing: perhaps because there was nothing to say."""
        version = None
        # Whoever is not answered here is listed after the next silence, and says so then.
        with contextlib.suppress(LockgateError):
            version = await self._lists.latest_version(feed.resource, feed.namespace)
        self._hearing.is_at(feed, version)

    async def _sweep(self, feed: Feed, known: _Round) -> None:
        began = self._clock()
        try:
            await self._list(feed, known, began)
        except LockgateError as error:
            soon = isinstance(error, ClusterUnavailable)
            known.due = self._clock() + (_RETRY_SECONDS if soon else _RETRY_REFUSED_SECONDS)
            if known.trouble != error.message:
                _log.warning("cannot be listed", what=str(feed), reason=error.reason, message=error.message)
            known.trouble = error.message
            if isinstance(error, Forbidden) or (feed.resource.optional and not soon):
                self._set_seen(feed, known, False)
            return
        except Exception:
            _log.exception("sweep failed", what=str(feed))
            known.due = self._clock() + _RETRY_REFUSED_SECONDS
            return
        self._has_listed(feed, known, began)
        self._mind_silence(feed)

    def _has_listed(self, feed: Feed, known: _Round, began: float) -> None:
        known.took, known.due = self._clock() - began, self._clock() + self._interval
        self._answered_at, known.trouble = self._clock(), None
        self._set_seen(feed, known, True)

    async def _list(self, feed: Feed, known: _Round, began: float) -> None:
        resource, newest = feed.resource, self._store.newest(feed.resource)
        before = self._store.identities(resource, feed.namespace)
        listed: set[Key] = set()
        found: dict[Key, int] = {}
        async for page in self._lists.pages(resource, feed.namespace):
            if not listed and self._is_of_another_past(feed, page, newest):
                before = self._begin_anew(feed)
                newest = 0
            for item in page.items:
                # Items of a list do not say what they are.
                obj = {"apiVersion": resource.api_version, "kind": resource.kind, **item}
                if self._intake.take(resource, None, obj):
                    found[key_of(obj)] = version_of(obj)
                listed.add(key_of(obj))
            # A page is work enough; others have their turn before the next.
            await asyncio.sleep(0)
        for ghost in self._store.missing(resource, listed, before):
            self._take_ghost(resource, ghost)
            found[key_of(ghost)] = -1
        self.untold.expect(feed, known.began, found)
        known.began = began

    def _take_ghost(self, resource: Resource, ghost: Object) -> None:
        _log.info("vanished unseen", kind=resource.kind, key=key_of(ghost))
        self._intake.take(resource, "DELETED", ghost)

    def _is_of_another_past(self, feed: Feed, page: Page, newest: int) -> bool:
        version = page.resource_version
        if not version.isdecimal() or int(version) >= newest:
            self._past.agrees(feed.resource)
            return False
        if self._past.is_another(feed.resource, newest):
            return True
        raise ClusterUnavailable("the API server answers with a list that is older than what was seen")

    def _begin_anew(self, feed: Feed) -> dict[Key, tuple[str, int]]:
        """The cluster's memory was put back: versions count from an earlier one."""
        _log.warning("the cluster was restored to an earlier state", what=str(feed))
        for other, round_ in self._rounds.items():
            self._store.begin_anew(other.resource)
            round_.due = 0.0
        self._watch.enter_anew("versions began anew")
        return self._store.identities(feed.resource, feed.namespace)

    def _mind_silence(self, feed: Feed) -> None:
        """The API server answers us; a watch that does not hear it is let go."""
        silent = self._hearing.age(feed) > self._hearing.deaf_after + LATE_SECONDS
        if (
            silent
            and self._hearing.refused(feed) is None
            and self._watch.entered_seconds() > _ENTER_ANEW_SECONDS
        ):
            self._watch.enter_anew(f"nothing is heard of {feed}")

    def _set_seen(self, feed: Feed, known: _Round, seen: bool) -> None:
        if known.seen == seen:
            return
        before = {place: self.sees(place) for place in self._namespaces(feed)}
        known.seen = seen
        if feed.resource.optional and seen and self.opened.is_set():
            self._wake_all(feed.namespace)
        for place, could in before.items():
            if self.sees(place) != could:
                self._misses.namespace_seen(place, not could)
                if not could:
                    self._open(place)

    def _namespaces(self, feed: Feed) -> Sequence[str]:
        places = dict.fromkeys(other.namespace for other in self._rounds if other.resource.namespaced)
        return (feed.namespace,) if feed.resource.namespaced else tuple(places)

    def _open(self, namespace: str) -> None:
        _log.info("everything was seen", namespace=namespace or "all")
        self.opened.set()
        self._wake_all(namespace)

    def _wake_all(self, namespace: str) -> None:
        for key in self._store.identities(MODEL_DEPLOYMENT, namespace):
            self._wake(key)
