"""Writes rendered objects by server-side apply, and only those the cluster does not hold yet.

Ownership is checked by the controller's UID before every write, and the observed UID travels
with the write as a precondition: an object of somebody else is never adopted or changed.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import datetime, timedelta

import structlog

from lockgate.api.spec import ModelDeployment
from lockgate.apply.drift import first_difference
from lockgate.domain.observed import Applied
from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import CHILDREN, Key, Object, Resource, controller_of, key_of
from lockgate.errors import Contested, NotOwned
from lockgate.names import ANNOTATION_RENDER_HASH

_log = structlog.get_logger(__name__)
# So often within this time an object is put right before it counts as contested.
REPAIRS = 5
REPAIRS_WITHIN = timedelta(minutes=1)


class Applier:
    """Brings children into the cluster."""

    def __init__(self, cluster: Cluster, view: ClusterView, clock: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._view = view
        self._clock = clock
        self._repairs: defaultdict[tuple[str, Key], deque[datetime]] = defaultdict(deque)
        self._refused: dict[tuple[str, Key], tuple[str, str]] = {}

    async def apply(self, deployment: ModelDeployment, objects: Iterable[Object]) -> Applied:
        """Apply in order; raises NotOwned before anything of somebody else is touched."""
        objects = tuple(objects)
        known = [await self._known(deployment, obj) for obj in objects]
        created: list[str] = []
        updated: list[str] = []
        repaired: list[str] = []
        for obj, observed in zip(objects, known, strict=True):
            name = f"{obj['kind']} {obj['metadata']['name']}"
            if observed is None:
                await self._write(obj, force=False)
                created.append(name)
            elif (field := first_difference(obj, observed)) and not self._was_refused(obj, observed):
                is_repair = _same_render(obj, observed)
                if is_repair:
                    self._count_repair(obj, name, field)
                await self._write(_only(obj, observed), force=True)
                (repaired if is_repair else updated).append(name)
        return Applied(created=tuple(created), updated=tuple(updated), repaired=tuple(repaired))

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone, and with it what was remembered of its children."""
        for kind in CHILDREN:
            self._repairs.pop((kind, deployment), None)
            self._refused.pop((kind, deployment), None)

    def _count_repair(self, obj: Object, name: str, field: str) -> None:
        now, repairs = self._clock(), self._repairs[obj["kind"], key_of(obj)]
        while repairs and repairs[0] <= now - REPAIRS_WITHIN:
            repairs.popleft()
        if len(repairs) >= REPAIRS:
            raise Contested(
                f"{field} of {name} was put right {REPAIRS} times within a minute and is different again; "
                "find who changes it with kubectl get --show-managed-fields",
                REPAIRS_WITHIN.total_seconds(),
            )
        repairs.append(now)

    async def _known(self, deployment: ModelDeployment, obj: Object) -> Object | None:
        resource, key = CHILDREN[obj["kind"]], key_of(obj)
        observed = self._view.get(resource, key)
        if observed is None:
            # The watch may lag, and it does not see objects without our label.
            observed = await self._cluster.get(resource, key)
        if observed is None or "deletionTimestamp" in observed["metadata"]:
            return None
        _check_ownership(deployment, resource, observed)
        return observed

    async def _write(self, obj: Object, *, force: bool) -> None:
        resource = CHILDREN[obj["kind"]]
        answer = await self._cluster.apply(resource, obj, force=force)
        self._view.upsert(resource, answer)
        difference = first_difference(obj, answer)
        if difference is not None:
            # Somebody on the way (an admission webhook, say) changes what we ask for. Asking again
            # would give the same answer, at full speed, for ever.
            self._refused[obj["kind"], key_of(obj)] = _mark(obj, answer)
            _log.warning("the cluster holds something else than was applied", field=difference)

    def _was_refused(self, obj: Object, observed: Object) -> bool:
        return self._refused.get((obj["kind"], key_of(obj))) == _mark(obj, observed)


def _mark(obj: Object, observed: Object) -> tuple[str, str]:
    rendered: str = obj["metadata"]["annotations"][ANNOTATION_RENDER_HASH]
    return rendered, observed["metadata"]["resourceVersion"]


def _check_ownership(deployment: ModelDeployment, resource: Resource, observed: Object) -> None:
    controller = controller_of(observed)
    if controller is not None and controller.get("uid") == deployment.uid:
        return
    holder = f"{controller['kind']} {controller['name']}" if controller else "nobody"
    raise NotOwned(
        f"{resource.kind} {deployment.name} exists in namespace {deployment.namespace} and is controlled by "
        f"{holder}; delete or rename it, or give the ModelDeployment another name"
    )


def _only(obj: Object, observed: Object) -> Object:
    guarded = deepcopy(obj)
    guarded["metadata"]["uid"] = observed["metadata"]["uid"]
    return guarded


def _same_render(obj: Object, observed: Object) -> bool:
    annotations = observed["metadata"].get("annotations") or {}
    rendered: str = obj["metadata"]["annotations"][ANNOTATION_RENDER_HASH]
    return annotations.get(ANNOTATION_RENDER_HASH) == rendered
