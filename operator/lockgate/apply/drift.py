"""Does the cluster hold what was rendered? A pure comparison that writes depend on.

An observed object matches when every rendered field is in it with the same meaning. Fields of
others (defaults, sidecars, annotations of other tools) are none of our business. That Lockgate
no longer renders a field shows in the render hash, which is a rendered annotation itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.api.quantity import parse_quantity

_MERGE_KEYS = ("name", "mountPath", "containerPort", "port", "uid", "type")


def matches(rendered: Any, observed: Any) -> bool:
    """Whether `observed` holds everything that `rendered` asks for."""
    return first_difference(rendered, observed) is None


def first_difference(rendered: Any, observed: Any, path: str = "") -> str | None:
    """The path of the first rendered field that the observed object does not hold, or None."""
    if isinstance(rendered, Mapping):
        return _mapping_difference(rendered, observed, path)
    if isinstance(rendered, list):
        return _list_difference(rendered, observed, path)
    if rendered == observed or (_is_quantity(path) and _same_quantity(rendered, observed)):
        return None
    return path


def _mapping_difference(rendered: Mapping[str, Any], observed: Any, path: str) -> str | None:
    if not isinstance(observed, Mapping):
        # The API server drops empty maps and lists, so an absent field equals an empty one.
        return None if not rendered and observed is None else path
    for name, value in rendered.items():
        difference = first_difference(value, observed.get(name), f"{path}.{name}" if path else name)
        if difference:
            return difference
    return None


def _list_difference(rendered: Sequence[Any], observed: Any, path: str) -> str | None:
    if not isinstance(observed, list):
        return None if not rendered and observed is None else path
    key = _merge_key(rendered)
    if key is None:
        return None if rendered == observed else path
    by_key = {item.get(key): item for item in observed if isinstance(item, Mapping)}
    for item in rendered:
        difference = first_difference(item, by_key.get(item[key]), f"{path}[{item[key]}]")
        if difference:
            return difference
    return None


def _merge_key(items: Sequence[Any]) -> str | None:
    for key in _MERGE_KEYS:
        if items and all(isinstance(item, Mapping) and key in item for item in items):
            return key
    return None


def _is_quantity(path: str) -> bool:
    return ".resources." in path


def _same_quantity(rendered: Any, observed: Any) -> bool:
    try:
        return parse_quantity(rendered) == parse_quantity(observed)
    except ValueError:
        return False
