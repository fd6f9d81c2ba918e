"""Which fields an object sets, and how two objects merge: the rules of server-side apply, as data.

A field is a path. Items of a list are told apart by their key, not by their place, where the API
says so. The keys stand in a table here; the API server reads them from its schemas. Pure.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

Path = tuple[str, ...]

_LIST_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "traffic": ("role",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_SETS: Final = frozenset({"acceptedFormats", "finalizers"})
# Owned as a whole, however many fields they have.
_ATOMIC: Final = frozenset({"nodeSelector", "secretKeyRef", "configMapKeyRef", "fieldRef", "selector"})
_ATOMIC_ITEMS: Final = frozenset({"imagePullSecrets", "ownerReferences"})
_DEFAULTS: Final = {"protocol": "TCP"}
# What names an object or is the API server's own can be owned by nobody.
_NOBODYS: Final = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"}
)


def fields_of(obj: dict[str, Any]) -> dict[Path, Any]:
    """Every field that the object sets, with its value; an item of a keyed list counts as one too."""
    kept = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _NOBODYS}
    return dict(_fields(kept | {"metadata": metadata}, ()))


def _fields(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not value or not _is_granular(value, path):
        if path != ("metadata",) or value:
            yield path, value
        return
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _fields(child, (*path, name))
        return
    for item_path, item in items_of(value, path):
        atomic = not isinstance(item, dict) or path[-1] in _ATOMIC_ITEMS
        yield item_path, item if atomic else None
        if not atomic:
            yield from _fields(item, item_path)


def merged(live: Any, applied: Any, path: Path = ()) -> Any:
    """The live value with everything of the applied one in it."""
    if not (_is_granular(applied, path) and isinstance(live, type(applied))):
        return applied
    if isinstance(applied, dict):
        both = {name: merged(live[name], applied[name], (*path, name)) for name in applied if name in live}
        return {**live, **applied, **both}
    new = dict(items_of(applied, path))
    old = dict(items_of(live, path))
    result: list[Any] = []
    atomic = path[-1] in _ATOMIC_ITEMS
    waiting = [(p, item if atomic or p not in old else merged(old[p], item, p)) for p, item in new.items()]
    for item_path, item in old.items():
        if item_path not in new:
            result.append(item)
        # The applied order holds among what is applied; what others have keeps its neighbours.
        while item_path in dict(waiting):
            result.append(waiting.pop(0)[1])
    return result + [item for _, item in waiting]


def without(value: Any, gone: frozenset[Path], path: Path = ()) -> Any:
    """The value without these paths and whatever is beneath them."""
    if not _is_granular(value, path):
        return value
    if isinstance(value, dict):
        return {
            name: without(child, gone, (*path, name))
            for name, child in value.items()
            if (*path, name) not in gone
        }
    return [without(item, gone, p) for p, item in items_of(value, path) if p not in gone]


def with_parents(paths: Iterable[Path]) -> frozenset[Path]:
    """The paths and the maps and lists that they lie in; whoever sets a field sets those with it."""
    found: set[Path] = set()
    for path in paths:
        found.add(path)
        found.update(path[:end] for end in range(1, len(path)) if not path[end - 1].startswith("["))
    return frozenset(found)


def items_of(value: list[Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """The items of a keyed list or of a set, each with its path."""
    keys = _keys_of(value, path) or ()
    for item in value:
        named = {key: item.get(key, _DEFAULTS.get(key)) for key in keys} if keys else item
        yield (*path, f"[{json.dumps(named, sort_keys=True)}]"), item


def _is_granular(value: Any, path: Path) -> bool:
    if isinstance(value, dict):
        return not path or path[-1] not in _ATOMIC
    return isinstance(value, list) and (path[-1] in _SETS or _keys_of(value, path) is not None)


def _keys_of(value: list[Any], path: Path) -> tuple[str, ...] | None:
    if path[-1] == "ports":
        is_of_container = any("containerPort" in item for item in value)
        return ("containerPort" if is_of_container else "port", "protocol")
    return _LIST_KEYS.get(path[-1])
