"""Does the watch tell what a list has found? What it should have told and has not told in time is
counted, and the watch is entered anew. What is to be listed, and when, is not decided here.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from lockgate.domain.resources import Key, Object, Resource, key_of
from lockgate.watch.hearing import Feed, Hearing
from lockgate.watch.store import version_of

# The watch may tell of a change so long after a list that held it.
LATE_SECONDS = 10.0


class Watch(Protocol):
    """What is done about a watch that does not tell."""

    def enter_anew(self, why: str) -> None:
        """Leave the present entry and begin another."""

    def entered_seconds(self) -> float:
        """How old the present entry is, in seconds."""


class Misses(Protocol):
    """Who counts what the watch should have told."""

    def watch_missed(self, kind: str, number: int) -> None:
        """So many objects of a kind were found by a sweep that the watch should have told."""

    def namespace_seen(self, namespace: str, seen: bool) -> None:
        """A namespace can be listed, or cannot."""


@dataclass(slots=True)
class _Found:
    # By version; -1 for what the list no longer held.
    untold: dict[Key, int] = field(default_factory=dict)
    due: float = 0.0


class Untold:
    """What the last list of each feed held and nobody had told."""

    def __init__(self, hearing: Hearing, watch: Watch, misses: Misses, clock: Callable[[], float]) -> None:
        self._hearing = hearing
        self._watch = watch
        self._misses = misses
        self._clock = clock
        self._found: defaultdict[Feed, _Found] = defaultdict(_Found)

    def heard(self, resource: Resource, event_type: str | None, obj: Object) -> None:
        """The watch has told something: it need not be found missing."""
        key = key_of(obj)
        for namespace in ("", key[0]):
            found = self._found.get(Feed(resource, namespace))
            if found is not None and found.untold:
                version = found.untold.get(key)
                if version is not None and (event_type == "DELETED" or version_of(obj) >= version >= 0):
                    del found.untold[key]

    def expect(self, feed: Feed, since: float | None, untold: dict[Key, int]) -> None:
        """A list held what nobody had told `since` the list before: it is to be told soon."""
        known = self._found[feed]
        known.untold = untold if self._is_watched_since(feed, since) else {}
        known.due = self._clock() + LATE_SECONDS

    def forget(self, feed: Feed) -> None:
        """The watch has listed the feed itself."""
        self._found[feed].untold = {}

    def judge(self, feed: Feed, since: float | None) -> None:
        """See whether what was expected has been told; `since` when it should have been."""
        known = self._found[feed]
        if not known.untold or self._clock() < known.due:
            return
        missed, known.untold = len(known.untold), {}
        if not self._is_watched_since(feed, since):
            return
        self._misses.watch_missed(feed.resource.plural, missed)
        self._watch.enter_anew(f"{missed} of {feed} were not told")

    def _is_watched_since(self, feed: Feed, since: float | None) -> bool:
        gap = self._hearing.gap_at(feed)
        return since is not None and self._hearing.is_heard(feed) and (gap is None or gap <= since)
