"""Which things a Mongo-style filter selects, and in what order a list comes.

The operators are those the client's filter language writes; what a real server makes of unusual
combinations is not known, so anything unknown here is refused instead of guessed.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from lockgate_sandbox.registry.errors import Invalid

Values = list[Any]  # what one field of one thing holds; several for aliases and tags
Lookup = Callable[[str], Values]
Item = TypeVar("Item")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def read_filter(text: str | None) -> dict[str, Any]:
    """The filter in a JSON string; none selects everything.

    Raises:
        Invalid: it is not a JSON object.
    """
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Invalid("a filter is a JSON object in a string")
    return found


def matches(wanted: dict[str, Any], lookup: Lookup) -> bool:
    """Whether the thing whose fields `lookup` knows satisfies the filter."""
    return all(_clause(key, value, lookup) for key, value in wanted.items())


def _clause(key: str, value: Any, lookup: Lookup) -> bool:
    match key:
        case "$and":
            return all(matches(part, lookup) for part in value)
        case "$or":
            return any(matches(part, lookup) for part in value)
        case "$nor":
            return not any(matches(part, lookup) for part in value)
        case "$not":
            return not matches(value, lookup)
        case _ if key.startswith("$"):
            raise Invalid(f"filter operator {key!r} is not known at this place")
        case _:
            return _field(lookup(key), value)


def _field(held: Values, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return wanted in held
    return all(_operator(name, held, value) for name, value in wanted.items())


def _operator(name: str, held: Values, value: Any) -> bool:
    match name:
        case "$eq":
            return value in held
        case "$ne":
            return value not in held
        case "$in":
            return any(one in held for one in value)
        case "$nin":
            return not any(one in held for one in value)
        case "$exists":
            return bool(held) is bool(value)
        case "$regex":
            return any(re.search(value, str(one)) is not None for one in held)
        case "$contains":
            return any(str(value) in str(one) for one in held)
        case "$not":
            return not _field(held, value)
        case _ if name in _COMPARE:
            return any(_ordered(_COMPARE[name], one, value) for one in held)
        case _:
            raise Invalid(f"filter operator {name!r} is not known")


def _ordered(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    try:
        return compare(left, right)
    except TypeError:
        return False


def in_order(items: Iterable[Item], order: str | None, value: Callable[[Item, str], Any]) -> list[Item]:
    """The items sorted by `field`, `+field` or `-field`; as they came when there is no order."""
    listed = list(items)
    if not order:
        return listed
    return sorted(listed, key=lambda item: value(item, order.lstrip("+-")), reverse=order.startswith("-"))


def dotted(document: Any, path: str) -> Values:
    """What lies at `a.b.c` in a JSON document, as a list of nothing or one."""
    for part in path.split("."):
        if not isinstance(document, dict) or part not in document:
            return []
        document = document[part]
    return [document]
