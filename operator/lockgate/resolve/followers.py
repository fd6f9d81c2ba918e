"""Which ModelDeployments follow which reference of the registry, and how new an answer must be.

Kept by the passes, so that a poll looks at references alone and never at each deployment. What
a namespace may have asked is limited: the registry is shared by all.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from lockgate.domain.resources import Key
from lockgate.domain.version import Reference
from lockgate.names import DEFAULT_SOURCE

MOST_REFERENCES_PER_NAMESPACE = 1000


@dataclass(frozen=True, slots=True)
class _Follows:
    """What a deployment follows, and since which generation of its spec.

    The spec of the present generation was first seen at this turn.
    """

    reference: Reference
    generation: int
    turn: int | None
    since: int


class OfOneSource:
    """Who follows what of one registry server; what is followed elsewhere is not its business."""

    def __init__(self, followers: "Followers", source: str) -> None:
        self._followers = followers
        self.source = source

    def references(self) -> tuple[Reference, ...]:
        """Every reference to ask this server for."""
        return tuple(one for one in self._followers.references() if one.source == self.source)

    def of(self, reference: Reference) -> Iterable[Key]:
        """Who follows a reference."""
        return self._followers.of(reference)


class Followers:
    """Each deployment follows one reference at a time: its alias, or its pinned version.

    Where there is one server only, it is called `source`.
    """

    source = DEFAULT_SOURCE

    def __init__(self, *, most_per_namespace: int = MOST_REFERENCES_PER_NAMESPACE) -> None:
        self._most = most_per_namespace
        self._follows: dict[Key, _Follows] = {}
        self._followers: defaultdict[Reference, set[Key]] = defaultdict(set)
        # Per namespace in the order of first use, with the number of deployments that use it.
        self._used: defaultdict[str, dict[Reference, int]] = defaultdict(dict)

    def follow(
        self, key: Key, reference: Reference, *, generation: int = 0, turn: int | None = None
    ) -> int | None:
        """The deployment follows this reference from now on, and no other.

        `turn` tells that this generation of its spec is new, and up to which question that was
        so. Returns the turn after which an answer must have been asked for; None means any.
        """
        known = self._follows.get(key)
        if known is not None and known.generation == generation and known.turn is not None:
            turn = known.turn
        is_same = known is not None and known.reference == reference
        if not is_same:
            self.forget(key)
            self._followers[reference].add(key)
            used = self._used[key[0]]
            used[reference] = used.get(reference, 0) + 1
        since = known.since if known is not None and is_same else generation
        self._follows[key] = _Follows(reference, generation, turn, since)
        return turn

    def follows_still(self, key: Key) -> bool:
        """Whether the deployment followed the same before its present spec was written."""
        known = self._follows.get(key)
        return known is not None and known.since != known.generation

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        known = self._follows.pop(key, None)
        if known is None:
            return
        followers, used = self._followers[known.reference], self._used[key[0]]
        followers.discard(key)
        if not followers:
            del self._followers[known.reference]
        used[known.reference] -= 1
        if not used[known.reference]:
            del used[known.reference]
        if not used:
            del self._used[key[0]]

    def may_ask(self, key: Key) -> bool:
        """Whether what the deployment follows is among what its namespace may have asked."""
        used = self._used.get(key[0], {})
        return len(used) <= self._most or self._follows[key].reference in islice(used, self._most)

    def references(self) -> tuple[Reference, ...]:
        """Every reference to ask for, one of each namespace in turn, so that none comes last."""
        ahead = [islice(used, self._most) for used in self._used.values()]
        found: dict[Reference, None] = {}
        while ahead:
            still = []
            for namespace in ahead:
                reference = next(namespace, None)
                if reference is not None:
                    found[reference] = None
                    still.append(namespace)
            ahead = still
        return tuple(found)

    def of(self, reference: Reference) -> Iterable[Key]:
        """Who follows a reference."""
        return tuple(self._followers.get(reference, ()))
