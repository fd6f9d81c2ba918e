"""The last seen state of everything watched, and who must look when it changes.

Filled by the watch, by our own writes' answers, and by sweeps (a watch that was cut does not
report what vanished meanwhile). Objects are kept slim. Not thread-safe: one event loop owns it.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Final

from lockgate.domain.resources import POD, Key, Object, Resource, key_of
from lockgate.names import LABEL_MODEL_DEPLOYMENT

# Deletions remembered, so that the late answer to a write of ours brings nothing back to life.
TOMBSTONES: Final = 4096


class Store:
    """Objects by kind and key; implements the port `ClusterView`."""

    def __init__(self) -> None:
        self._objects: defaultdict[Resource, dict[Key, Object]] = defaultdict(dict)
        self._children: defaultdict[tuple[Resource, Key], dict[Key, None]] = defaultdict(dict)
        self._removed: OrderedDict[tuple[Resource, Key], int] = OrderedDict()

    def get(self, resource: Resource, key: Key) -> Object | None:
        """The object as last seen."""
        return self._objects[resource].get(key)

    def all(self, resource: Resource) -> Iterable[Object]:
        """Every object of a kind."""
        return tuple(self._objects[resource].values())

    def children(self, resource: Resource, parent: Key) -> Iterable[Object]:
        """The objects that carry the label of this ModelDeployment."""
        known = self._objects[resource]
        return tuple(known[key] for key in self._children.get((resource, parent), ()))

    def upsert(self, resource: Resource, obj: Object) -> bool:
        """Take an object in; False when what is known is as new or newer, its deletion included."""
        key = key_of(obj)
        known = self._objects[resource].get(key)
        newest = _version(known) if known else self._removed.get((resource, key), -1)
        if _version(obj) <= newest:
            return False
        self._forget_parent(resource, key)
        self._objects[resource][key] = _slim(resource, obj)
        parent = parent_of(obj)
        if parent is not None:
            self._children[resource, parent][key] = None
        return True

    def remove(self, resource: Resource, obj: Object) -> bool:
        """Forget an object unless a newer one of that name is known."""
        key = key_of(obj)
        known = self._objects[resource].get(key)
        if known is not None and _version(known) > _version(obj):
            return False
        self._bury(resource, key, _version(obj))
        if known is None:
            return False
        self._forget_parent(resource, key)
        del self._objects[resource][key]
        return True

    def missing(self, resource: Resource, listed: Iterable[Key], known_before: Iterable[Key]) -> list[Object]:
        """Objects that were known before a listing began and that the listing does not name."""
        gone = set(known_before) - set(listed)
        return [obj for key, obj in self._objects[resource].items() if key in gone]

    def keys(self, resource: Resource) -> frozenset[Key]:
        """The keys known of a kind."""
        return frozenset(self._objects[resource])

    def _bury(self, resource: Resource, key: Key, version: int) -> None:
        self._removed[resource, key] = version
        self._removed.move_to_end((resource, key))
        if len(self._removed) > TOMBSTONES:
            self._removed.popitem(last=False)

    def _forget_parent(self, resource: Resource, key: Key) -> None:
        known = self._objects[resource].get(key)
        parent = parent_of(known) if known else None
        if parent is None:
            return
        siblings = self._children[resource, parent]
        siblings.pop(key, None)
        if not siblings:
            del self._children[resource, parent]


def parent_of(obj: Object) -> Key | None:
    """The key of the ModelDeployment whose label the object carries."""
    name = (obj["metadata"].get("labels") or {}).get(LABEL_MODEL_DEPLOYMENT)
    return (obj["metadata"].get("namespace", ""), name) if name else None


def _version(obj: Object) -> int:
    # Resource versions are ordered numbers by contract since Kubernetes 1.35 and in fact before.
    return int(obj["metadata"]["resourceVersion"])


def _slim(resource: Resource, obj: Object) -> Object:
    slim = {name: value for name, value in obj.items() if name not in ("metadata", "spec")}
    slim["metadata"] = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    if resource is not POD and "spec" in obj:
        slim["spec"] = obj["spec"]
    return slim
