"""An API server in memory: who owns which field, what conflicts, what a deletion waits for, what is told.

It is held to the real one by a script of steps that both go through (tests/contract). It knows no
schemas: nothing is defaulted, validated or immutable here.
"""

from collections import deque
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from tests.fakes.fields import Path, fields_of, merged, with_parents, without

from lockgate.domain.resources import (
    CHILDREN,
    DEPLOYMENT,
    MODEL_DEPLOYMENT,
    MODEL_RUNTIME,
    POD,
    Key,
    Object,
    Resource,
    key_of,
)
from lockgate.kube.errors import from_status
from lockgate.names import LABEL_MANAGED_BY, MANAGED_BY

Manager = tuple[str, str, str]
"""Its name, whether it applies or updates, and the subresource: each owns for itself."""

Place = tuple[Resource, Key]
Owners = dict[Manager, frozenset[Path]]
Listener = Callable[[str, Resource, Object], None]
WATCHED = (MODEL_RUNTIME, MODEL_DEPLOYMENT, POD, *CHILDREN.values())
DELETED_AT = "2026-01-05T09:00:00Z"
FOREGROUND = "foregroundDeletion"
_LASTING = ("uid", "creationTimestamp", "generation", "deletionTimestamp")


class FakeApiServer:
    """Objects by kind and key. A write that changes nothing leaves the version and tells nobody."""

    def __init__(self, listener: Listener) -> None:
        self.objects: dict[Place, Object] = {}
        self.lagging = False
        """While set, what happens is told by `deliver` only."""
        self.collecting = True
        """Whether the garbage collector looks after every deletion."""
        self.onlookers: list[Listener] = []
        """Who is told of every write at once, whatever is watched, and by whom it is managed."""
        self._owners: dict[Place, Owners] = {}
        self._events: deque[tuple[str, Resource, Object]] = deque()
        self._listener = listener
        self._clock = 100

    def apply(
        self, resource: Resource, obj: Object, manager: str, *, force: bool = False, subresource: str = ""
    ) -> Object:
        """Server-side apply; a resourceVersion in it makes it either create or meet that very version."""
        place, what = (resource, key_of(obj)), f"apply {resource.kind} {'/'.join(key_of(obj))}"
        live = self.objects.get(place)
        if live is None and (subresource or "uid" in obj["metadata"]):
            raise from_status(what, 404 if subresource else 409, _not_found(place[1]), None)
        if live is not None:
            self._check_preconditions(what, live, obj)
        wanted = _part(obj, subresource)
        owners, me = dict(self._owners.get(place, {})), (manager, "Apply", subresource)
        new = merged(live or {}, wanted)
        changed = _changed(live, new)
        others = {who: owned for who, owned in owners.items() if who != me}
        if any(owned & changed for owned in others.values()) and not force:
            cause = {"details": {"causes": [{"reason": "FieldManagerConflict"}]}}
            raise from_status(what, 409, cause, None)
        others = {who: owned - changed for who, owned in others.items()}
        mine = frozenset(fields_of(wanted))
        kept = with_parents(mine.union(*others.values()))
        new = without(new, with_parents(owners.get(me, frozenset())) - kept - {("metadata",)})
        return self._commit(place, new, {**others, me: mine})

    def create(self, resource: Resource, obj: Object, manager: str) -> Object:
        """POST: what it sets is owned as an update's is, so an apply of less takes nothing away."""
        place = (resource, key_of(obj))
        if place in self.objects:
            what = f"create {resource.kind} {'/'.join(place[1])}"
            raise from_status(what, 409, {"reason": "AlreadyExists"}, None)
        part = _part(obj, "")
        return self._commit(place, part, {(manager, "Update", ""): frozenset(fields_of(part))})

    def replace(self, resource: Resource, obj: Object, manager: str, *, subresource: str = "") -> Object:
        """PUT: the object, or its status, becomes this; what it changes is its own from now on."""
        place, what = (resource, key_of(obj)), f"replace {resource.kind} {'/'.join(key_of(obj))}"
        live = self.objects.get(place)
        if live is None:
            raise from_status(what, 404, _not_found(place[1]), None)
        self._check_preconditions(what, live, obj)
        if subresource:
            new = {**live, "status": obj.get("status", {})}
        else:
            new = _part(obj, "") | ({"status": live["status"]} if "status" in live else {})
        return self._commit(place, new, self._owned_after(place, new, (manager, "Update", subresource)))

    def hold(self, resource: Resource, obj: Object, finalizers: Sequence[str], manager: str) -> Object:
        """A patch of the finalizers; whoever is being deleted and waits for nobody any more is gone."""
        place, what = (resource, key_of(obj)), f"hold {resource.kind} {'/'.join(key_of(obj))}"
        live = self.objects.get(place)
        if live is None:
            raise from_status(what, 404, _not_found(place[1]), None)
        self._check_preconditions(what, live, obj)
        kept = {name: value for name, value in live["metadata"].items() if name != "finalizers"}
        new = {**live, "metadata": kept | ({"finalizers": list(finalizers)} if finalizers else {})}
        lasting = {name: kept[name] for name in _LASTING if name in kept}
        return self._commit(place, new, self._owned_after(place, new, (manager, "Update", "")), lasting)

    def put(self, resource: Resource, obj: Object, manager: str) -> Object:
        """Make the object be there like this, status and all, whatever was there before."""
        place = (resource, key_of(obj))
        owners = self._owned_after(place, obj, (manager, "Update", ""))
        lasting = {name: obj["metadata"][name] for name in _LASTING if name in obj["metadata"]}
        return self._commit(place, obj, owners, lasting)

    def delete(
        self, resource: Resource, key: Key, *, foreground: bool = False, meant: Object | None = None
    ) -> None:
        """DELETE: at once, or after the finalizers; with `foreground` after the dependents too.

        With `meant` only that very version of that very object.
        """
        live = self.objects.get((resource, key))
        if live is None:
            raise from_status(f"delete {resource.kind} {'/'.join(key)}", 404, _not_found(key), None)
        if meant is not None:
            self._check_preconditions(f"delete {resource.kind} {'/'.join(key)}", live, meant)
        marked = deepcopy(live)
        finalizers = [*(marked["metadata"].get("finalizers") or ()), *([FOREGROUND] if foreground else ())]
        if not finalizers:
            self.remove(resource, key)
        elif "deletionTimestamp" not in live["metadata"]:
            lasting = {"deletionTimestamp": DELETED_AT, "generation": live["metadata"]["generation"] + 1}
            marked["metadata"]["finalizers"] = finalizers
            self._commit((resource, key), marked, self._owners[resource, key], lasting)
        if self.collecting:
            self.collect()

    def remove(self, resource: Resource, key: Key) -> None:
        """The object is gone, whatever it waited for."""
        gone = self.objects.pop((resource, key))
        del self._owners[resource, key]
        self._tell(resource, gone, None)

    def collect(self) -> None:
        """Let the garbage collector delete what nobody owns any more, and end foreground deletions."""
        before = -1
        while before != self._clock:
            before = self._clock
            for (resource, key), obj in tuple(self.objects.items()):
                if (resource, key) in self.objects:
                    self._collect(resource, key, obj)

    def deliver(self, number: int | None = None) -> int:
        """Tell the oldest events that nobody was told yet, all or so many; returns how many it were."""
        told = len(self._events) if number is None else min(number, len(self._events))
        for _ in range(told):
            self._listener(*self._events.popleft())
        return told

    def _collect(self, resource: Resource, key: Key, obj: Object) -> None:
        metadata = obj["metadata"]
        owners = [owner["uid"] for owner in metadata.get("ownerReferences") or ()]
        alive = {live["metadata"]["uid"]: live["metadata"] for live in self.objects.values()}
        waiting = [FOREGROUND in (alive[uid].get("finalizers") or ()) for uid in owners if uid in alive]
        if owners and all(waiting) and "deletionTimestamp" not in metadata:
            self.delete(resource, key)
        elif FOREGROUND in (metadata.get("finalizers") or ()) and not self._has_blocking(metadata["uid"]):
            freed = deepcopy(obj)
            freed["metadata"]["finalizers"].remove(FOREGROUND)
            self._commit((resource, key), freed, self._owners[resource, key])

    def _has_blocking(self, uid: str) -> bool:
        owners = (o for obj in self.objects.values() for o in obj["metadata"].get("ownerReferences") or ())
        return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)

    def _check_preconditions(self, what: str, live: Object, obj: Object) -> None:
        asked, known = obj["metadata"], live["metadata"]
        if asked.get("resourceVersion", known["resourceVersion"]) != known["resourceVersion"]:
            raise from_status(what, 409, {"reason": "Conflict"}, None)
        if asked.get("uid", known["uid"]) != known["uid"]:
            raise from_status(what, 422, {"details": {"causes": [{"field": "metadata.uid"}]}}, None)

    def _owned_after(self, place: Place, new: Object, me: Manager) -> Owners:
        live, owners = self.objects.get(place), self._owners.get(place, {})
        changed, there = _changed(live, new), frozenset(fields_of(new))
        others = {who: (owned - changed) & with_parents(there) for who, owned in owners.items() if who != me}
        mine = (owners.get(me, frozenset()) | changed) & with_parents(there)
        return {**others, me: mine}

    def _commit(
        self, place: Place, obj: Object, owners: Owners, lasting: dict[str, Any] | None = None
    ) -> Object:
        live, new = self.objects.get(place), deepcopy(obj)
        owners = {who: owned for who, owned in owners.items() if owned}
        before = live["metadata"] if live else {}
        metadata = {name: value for name, value in new["metadata"].items() if name not in _LASTING}
        metadata |= {name: before[name] for name in _LASTING if name in before} | (lasting or {})
        metadata["resourceVersion"] = before.get("resourceVersion", "")
        metadata.setdefault("uid", f"uid-{self._clock + 1}")
        risen = before.get("generation", 0) + (live is None or _asks(place, live) != _asks(place, new))
        metadata["generation"] = max(metadata.get("generation", 1), risen)
        new["metadata"] = metadata
        if live == new and self._owners[place] == owners:
            return deepcopy(new)
        is_freed = before.get("finalizers") and not metadata.get("finalizers")
        if "deletionTimestamp" in metadata and is_freed:
            self.remove(*place)
            return deepcopy(new)
        self.objects[place], self._owners[place] = new, owners
        self._tell(place[0], live, new)
        return deepcopy(new)

    def _tell(self, resource: Resource, before: Object | None, after: Object | None) -> None:
        self._clock += 1
        if after is not None:
            after["metadata"]["resourceVersion"] = str(self._clock)
        self._show(resource, before, after)
        was, is_ = _is_selected(resource, before), _is_selected(resource, after)
        if not (was or is_):
            return
        # What no longer matches the selector of a watch is gone for it, as it was but at this version.
        event = deepcopy((after if is_ else before) or {})
        event["metadata"]["resourceVersion"] = str(self._clock)
        type_ = "DELETED" if not is_ else ("MODIFIED" if was else "ADDED")
        self._events.append((type_, resource, event))
        if not self.lagging:
            self.deliver()

    def _show(self, resource: Resource, before: Object | None, after: Object | None) -> None:
        if not self.onlookers:
            return
        seen = deepcopy(after or before or {})
        owners = self._owners.get((resource, key_of(seen)), {})
        seen["metadata"]["managedFields"] = [{"manager": name} for name, _, _ in owners]
        seen["metadata"]["resourceVersion"] = str(self._clock)
        for onlooker in self.onlookers:
            onlooker("MODIFIED" if after else "DELETED", resource, seen)


def _part(obj: Object, subresource: str) -> Object:
    if subresource:
        named = {"metadata": {"name": obj["metadata"]["name"]}, "status": obj.get("status", {})}
        return deepcopy(named)
    return deepcopy({name: value for name, value in obj.items() if name != "status"})


def _not_found(key: Key) -> Object:
    return {"reason": "NotFound", "details": {"name": key[1]}}


def _changed(live: Object | None, new: Object) -> frozenset[Path]:
    before = fields_of(live) if live else {}
    return frozenset(
        path for path, value in fields_of(new).items() if path not in before or before[path] != value
    )


def _asks(place: Place, obj: Object) -> Object:
    asked = {name: value for name, value in obj.items() if name not in ("metadata", "status", "kind")}
    if place[0] is DEPLOYMENT:
        asked["annotations"] = obj["metadata"].get("annotations") or {}
    return asked


def _is_selected(resource: Resource, obj: Object | None) -> bool:
    if obj is None or resource not in WATCHED:
        return False
    labels = obj["metadata"].get("labels") or {}
    return not resource.managed_only or labels.get(LABEL_MANAGED_BY) == MANAGED_BY
