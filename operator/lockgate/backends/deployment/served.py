"""What does the gateway serve of what is written into the route? Only it can tell, and it tells late.

A route is served as it is written once the gateway says, of just this generation, that it accepts it
and finds all that it refers to (gateway-api, apis/v1/shared_types.go: RouteConditionAccepted and
RouteConditionResolvedRefs). Until then it may serve whatever was written since it last said so, which
this process remembers; what was before is unknown, and nothing is believed of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.domain.observed import RouteFacts
from lockgate.domain.resources import HTTP_ROUTE, Key, Object
from lockgate.domain.split import TrafficSplit
from lockgate.sentences import cause

# Of one route; an honest one has two.
REMEMBERED = 8
_NEEDED = ("Accepted", "ResolvedRefs")
Word = tuple[bool, str | None]
"""Whether a gateway says that it serves a route as it is, and, if it says that it does not, why."""

_SILENCE: Word = (False, None)


def word_of(route: Object, parent: Object, controller: str) -> Word:
    """What is said of the route's present generation for this parent, by this controller (or by any)."""
    said = [_judged(conditions) for conditions in _conditions(route, parent, controller)]
    # Some controllers speak of gateways that are not theirs, and then only against the route.
    serving = (word for word in said if word[0])
    refusing = (word for word in said if word[1])
    return next(serving, next(refusing, _SILENCE))


def _conditions(route: Object, parent: Object, controller: str) -> Iterator[dict[str, Object]]:
    metadata = route["metadata"]
    namespace, generation = metadata.get("namespace", ""), metadata.get("generation", 0)
    for each in (route.get("status") or {}).get("parents") or ():
        is_ours = _place(each.get("parentRef") or {}, namespace) == _place(parent, namespace)
        if is_ours and controller in ("", each.get("controllerName")):
            told = each.get("conditions") or ()
            yield {c["type"]: c for c in told if c.get("observedGeneration", 0) >= generation}


def _judged(conditions: dict[str, Object]) -> Word:
    told = {type_: condition.get("status") for type_, condition in conditions.items()}
    against = [conditions[type_] for type_ in _NEEDED if told.get(type_) == "False"]
    if told.get("PartiallyInvalid") == "True":
        # It may have dropped any of the rules.
        against.append(conditions["PartiallyInvalid"])
    if against:
        why = against[0].get("message") or against[0].get("reason") or ""
        return False, f"the gateway does not serve the route: {cause(why)}"
    return all(told.get(type_) == "True" for type_ in _NEEDED), None


def _place(parent: Object, namespace: str) -> tuple[object, ...]:
    return (
        parent.get("group", HTTP_ROUTE.group),
        parent.get("kind", "Gateway"),
        parent.get("namespace") or namespace,
        parent.get("name"),
        parent.get("sectionName"),
    )


@dataclass(frozen=True, slots=True)
class _Memory:
    """The splits that may be served, the newest last, and whether others may be that nobody remembers."""

    splits: tuple[TrafficSplit, ...] = ()
    others: bool = False


class Served:
    """Remembers, for each ModelDeployment, what its gateway may be serving."""

    def __init__(self) -> None:
        self._memories: dict[Key, _Memory] = {}

    def facts(self, deployment: Key, written: TrafficSplit, word: Word) -> RouteFacts:
        """What is written and what is served, this word of the gateway taken in."""
        serves, problem = word
        if serves:
            self._memories[deployment] = _Memory((written,))
            return RouteFacts(written=written.own, served=written.own, arms=written.arms)
        known = self._memories.get(deployment, _Memory(others=True))
        before = tuple(split for split in known.splits if split != written)
        self._memories[deployment] = _Memory((*before, written)[-REMEMBERED:], known.others)
        newest = before[-1] if before else None
        possible = tuple(dict.fromkeys(split.own for split in before))
        return RouteFacts(
            written=written.own,
            # While only the arms change that is what is written, and a rollout beside them goes on.
            served=newest.own if newest else None,
            possible=tuple(split for split in possible if newest is None or split != newest.own),
            problem=problem,
            arms=newest.arms if newest else (),
        )

    def named(self, deployment: Key) -> frozenset[str] | None:
        """Every workload and arm that the gateway may be sending requests to; None when that is unknown."""
        known = self._memories.get(deployment, _Memory())
        if known.others:
            return None
        arms = {arm.name for split in known.splits for arm in split.arms}
        return frozenset(arms.union(*(split.names for split in known.splits)))

    def nothing(self, deployment: Key) -> None:
        """There is no route: whatever comes next is the first."""
        self._memories[deployment] = _Memory()

    def lost(self, deployment: Key) -> None:
        """Nothing is known of it: it cannot be seen, or somebody has written something else into it."""
        self._memories[deployment] = _Memory(others=True)

    def forget(self, deployment: Key) -> None:
        """There is no route, and none is asked for."""
        self._memories.pop(deployment, None)
