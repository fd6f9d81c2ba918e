"""What does the gateway serve of what is written into the route? Only it can tell, and it tells late.

A route is served as it is written once the gateway says, of just this generation, that it accepts it
and finds all that it refers to (gateway-api, apis/v1/shared_types.go: RouteConditionAccepted and
RouteConditionResolvedRefs). Until then it may serve whatever was written since it last said so, which
this process remembers; what was before is unknown, and nothing is believed of it.
"""

from collections.abc import Iterator

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


class Served:
    """Remembers, for each ModelDeployment, which splits its gateway may be serving, the newest last."""

    def __init__(self) -> None:
        # None stands for whatever it served before this process looked.
        self._possible: dict[Key, tuple[TrafficSplit | None, ...]] = {}

    def facts(self, deployment: Key, written: TrafficSplit, word: Word) -> RouteFacts:
        """What is written and what is served, this word of the gateway taken in."""
        serves, problem = word
        if serves:
            self._possible[deployment] = (written,)
            return RouteFacts(written=written, served=written)
        known = self._possible.get(deployment, (None,))
        others = tuple(split for split in known if split != written)
        if known == (written,) and problem is None:
            # It is said of an older generation; what differs is not the split.
            return RouteFacts(written=written, served=written)
        self._possible[deployment] = (*others, written)[-REMEMBERED:]
        served = others[-1] if others else None
        possible = tuple(split for split in others[:-1] if split is not None)
        return RouteFacts(written=written, served=served, possible=possible, problem=problem)

    def named(self, deployment: Key) -> frozenset[str] | None:
        """Every workload that the gateway may be sending requests to; None when that is unknown."""
        known = self._possible.get(deployment, ())
        if None in known:
            return None
        return frozenset(name for split in known if split is not None for name in split.names)

    def forget(self, deployment: Key) -> None:
        """There is no route, or no ModelDeployment any more."""
        self._possible.pop(deployment, None)
