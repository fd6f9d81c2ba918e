"""The last seen state of everything watched, and who must look when it changes.

Filled by the watch, by our own writes' answers, and by sweeps (a watch that was cut does not
report what vanished meanwhile). Objects are kept packed, and of each only what is read later.
Not thread-safe: one event loop owns it.
"""

import json
import zlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Final, TypeVar

from lockgate.api.status import Trigger
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key, Object, Resource, Tried, controller_of, key_of
from lockgate.names import LABEL_MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_KIND
from lockgate.watch.failed import failed_in, quarantined_in
from lockgate.watch.slim import slim

_K = TypeVar("_K")
# Deletions remembered, so that the late answer to a write of ours brings nothing back to life. No
# object ever has the version of its own deletion: what has it left our selection only, and lives.
TOMBSTONES: Final = 4096
Identity = tuple[str, int]
"""UID and version: of two objects of one name, which is meant."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an object that was taken in or out means to others.

    `news`: something is different that somebody reads; `edited`: a person has written it.
    """

    parents: tuple[Key, ...]
    edited: bool
    news: bool = True


class _Record:
    __slots__ = (
        "edited",
        "failed",
        "generation",
        "packed",
        "parents",
        "quarantined",
        "runtime",
        "told_version",
        "uid",
        "version",
    )

    def __init__(self, resource: Resource, obj: Object) -> None:
        metadata = obj["metadata"]
        self.version = version_of(obj)
        # As it was told, for preconditions; apart, so that what is packed differs by what is read alone.
        self.told_version: str | None = metadata.get("resourceVersion")
        self.uid: str = metadata.get("uid", "")
        self.generation: int = metadata.get("generation", 0)
        self.parents = parents_of(obj)
        self.runtime = _runtime_of(obj) if resource is MODEL_DEPLOYMENT else ""
        # Whether it rolls because somebody edited its runtime.
        self.edited = bool(self.runtime) and _is_taking_an_edit(obj)
        self.failed = failed_in(obj) if resource is MODEL_DEPLOYMENT else ()
        self.quarantined = quarantined_in(obj) if resource is MODEL_DEPLOYMENT else None
        text = json.dumps(slim(resource, obj), separators=(",", ":"))
        self.packed = zlib.compress(text.encode(), 1)

    def unpacked(self) -> Object:
        obj: Object = json.loads(zlib.decompress(self.packed))
        if self.told_version is not None:
            obj["metadata"]["resourceVersion"] = self.told_version
        return obj


class Store:
    """Objects by kind and key; implements the port `ClusterView`."""

    def __init__(self, wake: Callable[[Key], None] = lambda _: None) -> None:
        """`wake` is told whom an answer to a request of ours concerns: of that the watch says nothing new."""
        self._wake = wake
        self._records: defaultdict[Resource, dict[Key, _Record]] = defaultdict(dict)
        self._children: defaultdict[tuple[Resource, Key], dict[Key, None]] = defaultdict(dict)
        self._users: defaultdict[str, dict[Key, None]] = defaultdict(dict)
        self._edited: defaultdict[str, dict[Key, None]] = defaultdict(dict)
        self._failed: defaultdict[Tried, dict[Key, None]] = defaultdict(dict)
        self._quarantined: defaultdict[Tried, dict[Key, None]] = defaultdict(dict)
        self._removed: OrderedDict[tuple[Resource, Key], int] = OrderedDict()
        self._newest: dict[Resource, int] = {}

    def get(self, resource: Resource, key: Key) -> Object | None:
        """The object as last seen; a copy that the caller may keep."""
        record = self._records[resource].get(key)
        return record.unpacked() if record else None

    def stamp(self, resource: Resource, key: Key) -> bytes | None:
        """Equal as long as nothing changes that is read of the object; None when there is none."""
        record = self._records[resource].get(key)
        return record.packed if record else None

    def holds(self, resource: Resource, key: Key) -> bool:
        """Whether such an object is known."""
        return key in self._records[resource]

    def all(self, resource: Resource) -> Iterable[Object]:
        """Every object of a kind as last seen, one after the other."""
        return (record.unpacked() for record in tuple(self._records[resource].values()))

    def children(self, resource: Resource, parent: Key) -> Iterable[Object]:
        """The objects that carry the label of this ModelDeployment."""
        known = self._records[resource]
        return tuple(known[key].unpacked() for key in self._children.get((resource, parent), ()))

    def names(self, resource: Resource, parent: Key) -> tuple[Key, ...]:
        """Where the objects are that carry the label of this ModelDeployment."""
        return tuple(self._children.get((resource, parent), ()))

    def users_of(self, runtime: str) -> tuple[Key, ...]:
        """The ModelDeployments that name a runtime."""
        return tuple(self._users.get(runtime, ()))

    def on_runtime(self, runtime: str) -> tuple[int, Set[Key]]:
        """How many ModelDeployments name a runtime, and which of them roll because it was edited."""
        return len(self._users.get(runtime, ())), self._edited.get(runtime, {}).keys()

    def failed_in(self, tried: Tried) -> tuple[Key, ...]:
        """The ModelDeployments that remember such a version as one that failed on such a runtime."""
        return tuple(self._failed.get(tried, ()))

    def upsert(self, resource: Resource, obj: Object) -> bool:
        """Take an object in; False when what is known is as new or newer, its deletion included."""
        change = self.take_in(resource, obj)
        if change is not None and change.news and resource is MODEL_DEPLOYMENT:
            # Such an answer is of one pass, and others follow what it says.
            for key in (*((key_of(obj),) if change.edited else ()), *change.parents):
                self._wake(key)
        return change is not None

    def remove(self, resource: Resource, obj: Object) -> bool:
        """Forget an object unless a newer one of that name is known."""
        known = self.holds(resource, key_of(obj))
        change = self.take_out(resource, obj)
        if change is not None and known and resource is MODEL_DEPLOYMENT:
            # When the watch tells of it, nobody knows any more what it remembered.
            for key in change.parents:
                self._wake(key)
        return change is not None and known

    def take_in(self, resource: Resource, obj: Object) -> Change | None:
        """Take an object in; None when what is known is as new or newer, its deletion included."""
        key, version = key_of(obj), version_of(obj)
        known = self._records[resource].get(key)
        if version <= known.version if known else version < self._removed.get((resource, key), 0):
            return None
        record = _Record(resource, obj)
        self._unlink(resource, key)
        self._records[resource][key] = record
        self._note(resource, version)
        for parent in record.parents[:1]:
            self._children[resource, parent][key] = None
        if record.runtime:
            self._users[record.runtime][key] = None
        if record.edited:
            self._edited[record.runtime][key] = None
        for tried in record.failed:
            self._failed[tried][key] = None
        if record.quarantined:
            self._quarantined[record.quarantined][key] = None
        before = (*known.parents, *self._freed(known, record)) if known else ()
        edited = known is None or known.uid != record.uid or known.generation != record.generation
        news = known is None or known.packed != record.packed
        if known is not None and not news:
            record.packed = known.packed
        return Change(tuple(dict.fromkeys((*before, *record.parents))), edited=edited, news=news)

    def take_out(self, resource: Resource, obj: Object) -> Change | None:
        """Forget an object; None when a newer one of that name is known."""
        key, version = key_of(obj), version_of(obj)
        known = self._records[resource].get(key)
        if known is not None and known.version > version:
            return None
        self._bury(resource, key, version)
        self._note(resource, version)
        self._unlink(resource, key)
        self._records[resource].pop(key, None)
        before = (*known.parents, *self._freed(known, None)) if known else ()
        return Change(parents=tuple(dict.fromkeys((*before, *parents_of(obj)))), edited=False)

    def _freed(self, before: _Record, after: _Record | None) -> Iterable[Key]:
        """Those that were kept from what is remembered as failed no more."""
        for tried in before.failed:
            if after is None or tried not in after.failed:
                yield from self._quarantined.get(tried, ())

    def identities(self, resource: Resource, namespace: str = "") -> dict[Key, Identity]:
        """What is known of a kind (in a namespace, if one is named), to be compared with a list."""
        return {
            key: (record.uid, record.version)
            for key, record in self._records[resource].items()
            if not namespace or key[0] == namespace
        }

    def missing(self, resource: Resource, listed: Iterable[Key], before: dict[Key, Identity]) -> list[Object]:
        """Objects that were known before a listing began, are the same still, and are not in it."""
        known, gone = self._records[resource], before.keys() - set(listed)
        return [
            # It was deleted after that version, at one that nobody told.
            {
                "metadata": {
                    "namespace": key[0],
                    "name": key[1],
                    "uid": uid,
                    "resourceVersion": str(version + 1),
                }
            }
            for key, (uid, version) in before.items()
            if key in gone and key in known and (known[key].uid, known[key].version) == (uid, version)
        ]

    def newest(self, resource: Resource) -> int:
        """The highest version that was ever seen of a kind."""
        return self._newest.get(resource, 0)

    def begin_anew(self, resource: Resource) -> None:
        """The versions of a kind began anew: whatever comes next is newer than what is known."""
        self._newest.pop(resource, None)
        for record in self._records[resource].values():
            record.version = -1
        for buried in [name for name in self._removed if name[0] is resource]:
            del self._removed[buried]

    def _note(self, resource: Resource, version: int) -> None:
        self._newest[resource] = max(version, self._newest.get(resource, 0))

    def _bury(self, resource: Resource, key: Key, version: int) -> None:
        self._removed[resource, key] = version
        self._removed.move_to_end((resource, key))
        if len(self._removed) > TOMBSTONES:
            self._removed.popitem(last=False)

    def _unlink(self, resource: Resource, key: Key) -> None:
        known = self._records[resource].get(key)
        if known is None:
            return
        for parent in known.parents[:1]:
            _drop(self._children, (resource, parent), key)
        if known.runtime:
            _drop(self._users, known.runtime, key)
        if known.edited:
            _drop(self._edited, known.runtime, key)
        for tried in known.failed:
            _drop(self._failed, tried, key)
        if known.quarantined:
            _drop(self._quarantined, known.quarantined, key)


def parents_of(obj: Object) -> tuple[Key, ...]:
    """The ModelDeployment whose label the object carries, first, then the one that controls it."""
    metadata = obj["metadata"]
    controller = controller_of(obj)
    label = (metadata.get("labels") or {}).get(LABEL_MODEL_DEPLOYMENT)
    owner = controller.get("name") if controller and controller.get("kind") == MODEL_DEPLOYMENT_KIND else None
    namespace = metadata.get("namespace", "")
    return tuple(dict.fromkeys((namespace, name) for name in (label, owner) if name))


def version_of(obj: Object) -> int:
    """The version as a number; 0 when it is none, so that it never replaces anything known."""
    # Ordered numbers by contract since Kubernetes 1.35 and in fact before.
    text = obj["metadata"].get("resourceVersion")
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() else 0


def _runtime_of(obj: Object) -> str:
    spec = obj.get("spec")
    runtime = spec.get("runtime") if isinstance(spec, dict) else None
    name = runtime.get("name") if isinstance(runtime, dict) else None
    return name if isinstance(name, str) else ""


def _is_taking_an_edit(obj: Object) -> bool:
    """Whether what serves is being replaced because of an edit, by one that is neither held nor going."""
    status, spec, metadata = obj.get("status"), obj.get("spec"), obj["metadata"]
    rollout = status.get("rollout") if isinstance(status, dict) else None
    if not isinstance(status, dict) or not isinstance(rollout, dict) or not status.get("stable"):
        return False
    is_held = "deletionTimestamp" in metadata or (isinstance(spec, dict) and spec.get("suspend") is True)
    is_edit = bool(rollout.get("candidate")) and rollout.get("trigger") == Trigger.RUNTIME_CHANGED
    return is_edit and not is_held


def _drop(index: dict[_K, dict[Key, None]], name: _K, key: Key) -> None:
    index[name].pop(key, None)
    if not index[name]:
        del index[name]
