"""Writes rendered objects by server-side apply, and only those the cluster does not hold yet.

Ownership is checked by the controller's UID before every write, and the observed resourceVersion
travels with the write as a precondition: an object of somebody else is never adopted or changed,
and a writer that comes late changes nothing. An object on its way out is neither absent nor ours
to write. Whether a workload is still as it was written, the generation tells that we wrote into it;
its pod template is asked for only when it is not.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.apply.brake import Brake
from lockgate.apply.compared import Compared
from lockgate.apply.drift import Difference, first_difference
from lockgate.apply.objects import (
    Thing,
    creating,
    head_differences,
    is_followed,
    is_leaving,
    lends_marks,
    meeting,
    name_of,
    render_hash_of,
    thing_of,
)
from lockgate.apply.order import Turn, in_order, moves_traffic, turn_of
from lockgate.domain.anew import look_anew
from lockgate.domain.drawing import Drawing
from lockgate.domain.observed import Applied
from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import CHILDREN, Key, Object, Resource, controller_of, key_of
from lockgate.errors import Conflict, LockgateError, NotOwned, Terminating

_log = structlog.get_logger(__name__)
FindTemplate = Callable[[Revision], Awaitable[Object]]


@dataclass(slots=True)
class _Tally:
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    followed: bool = False

    def applied(self) -> Applied:
        return Applied(
            created=tuple(self.created),
            updated=tuple(self.updated),
            repaired=tuple(self.repaired),
            altered=tuple(self.altered),
            followed=self.followed,
        )


class Applier:
    """Brings children into the cluster."""

    def __init__(self, cluster: Cluster, view: ClusterView, monotonic: Callable[[], float]) -> None:
        self._cluster = cluster
        self._view = view
        self._brake = Brake(monotonic, _tell_of_fight)
        self._compared = Compared()
        self._foreign: set[Thing] = set()
        self._things: defaultdict[Key, set[Thing]] = defaultdict(set)

    async def apply(
        self,
        deployment: ModelDeployment,
        drawings: Iterable[Drawing],
        template: FindTemplate,
        *,
        shrinks: bool = True,
    ) -> Applied:
        """Apply what grows, then what sends requests, then, if it may be, what shrinks.

        Raises NotOwned before anything of somebody else is touched. While one object is being deleted
        the others are still put right, but none is created, and no traffic is moved: raises Terminating
        in the end.
        """
        known = in_order([(drawing, await self._known(deployment, drawing.obj)) for drawing in drawings])
        leaving = [name_of(drawing.obj) for drawing, seen in known if seen and is_leaving(seen)]
        last = Turn.GROW if leaving and moves_traffic(known) else Turn.SHRINK if shrinks else Turn.ROUTE
        tally = _Tally()
        for each in known:
            drawing, seen = each
            if turn_of(each) > last:
                continue
            if seen is None:
                if not leaving:
                    await self._check_room(drawing)
                    await self._create(deployment, await _whole(drawing, template), tally)
            elif not is_leaving(seen):
                await self._bring_in_line(deployment, drawing, seen, template, tally)
            obj = drawing.obj
            given_up = sorted(self._compared.given_up(obj))
            tally.altered += (f"{path} of {name_of(obj)}" for path, _ in given_up)
        if leaving:
            raise _terminating(leaving[0])
        return tally.applied()

    async def remove(
        self, deployment: ModelDeployment, strays: Iterable[tuple[Resource, Object]]
    ) -> tuple[str, ...]:
        """Delete these in order, each in just the version that was seen; returns their names."""
        removed = []
        for resource, seen in strays:
            _check_ownership(deployment, resource, seen)
            try:
                await self._cluster.delete(resource, seen)
            except Conflict:
                await look_anew(self._cluster, self._view, resource, seen)
                raise
            self._view.remove(resource, seen)
            name = f"{resource.kind} {seen['metadata']['name']}"
            _log.info("deleted what is needed no more", what=name, namespace=deployment.namespace)
            removed.append(name)
            self._drop((resource.kind, key_of(seen)))
            self._things[deployment.key].discard((resource.kind, key_of(seen)))
        return tuple(removed)

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone, and with it what was remembered of its children."""
        for thing in self._things.pop(deployment, ()):
            self._drop(thing)

    def _drop(self, thing: Thing) -> None:
        self._brake.forget(thing)
        self._compared.forget(thing)
        self._foreign.discard(thing)

    async def _known(self, deployment: ModelDeployment, obj: Object) -> Object | None:
        resource, thing = CHILDREN[obj["kind"]], thing_of(obj)
        self._things[deployment.key].add(thing)
        seen = self._view.get(resource, key_of(obj))
        if seen is None and thing in self._foreign:
            # Found in the way before, and it may be without our label: nobody tells when it goes.
            seen = await self._cluster.get(resource, key_of(obj))
        if seen is not None:
            _check_ownership(deployment, resource, seen)
        self._foreign.discard(thing)
        return seen

    async def _check_room(self, drawing: Drawing) -> None:
        """Another controller would write over what has the names that it takes, whosever it is."""
        kind, (namespace, name) = thing_of(drawing.obj)
        for resource, made in drawing.shape.made_of(name):
            seen = await self._cluster.get(resource, (namespace, made))
            maker = controller_of(seen) if seen is not None else None
            if seen is not None and (maker is None or (maker.get("kind"), maker.get("name")) != (kind, name)):
                raise NotOwned(
                    f"{resource.kind} {made} exists in namespace {namespace}, and {kind} {name} would write "
                    "over it; delete or rename it, or give the ModelDeployment another name"
                )

    async def _create(self, deployment: ModelDeployment, obj: Object, tally: _Tally) -> None:
        """Create what the view does not hold; if it is there after all, look at it once."""
        resource, thing = CHILDREN[obj["kind"]], thing_of(obj)
        contested = name_of(obj) if self._brake.is_foreign(thing, None) else None
        try:
            answer = await self._apply(creating(obj), contested, force=False)
        except (Conflict, NotOwned):
            # The watch may lag, and it does not see objects without our label.
            seen = await self._cluster.get(resource, key_of(obj))
            if seen is None:
                raise
            self._foreign.add(thing)
            _check_ownership(deployment, resource, seen)
            self._foreign.discard(thing)
            self._view.upsert(resource, seen)
            if is_leaving(seen):
                raise _terminating(name_of(obj)) from None
            if first_difference(obj, seen):
                raise  # planned without it: the next pass sees it and may well plan otherwise
            return
        self._took(obj, answer)
        tally.created.append(name_of(obj))
        tally.followed |= is_followed(answer)

    async def _bring_in_line(
        self,
        deployment: ModelDeployment,
        drawing: Drawing,
        seen: Object,
        template: FindTemplate,
        tally: _Tally,
    ) -> None:
        if self._compared.is_in_line(drawing.obj, seen, needs_template=drawing.release is not None):
            return
        rendered, is_bare = render_hash_of(drawing.obj), lends_marks(drawing.obj)
        # What cannot say of which rendering it is has to be compared, and this process may remember.
        thing = thing_of(drawing.obj)
        is_repair = self._brake.is_last(thing, rendered) if is_bare else rendered == render_hash_of(seen)
        obj = await _whole(drawing, template)
        if (is_repair or is_bare) and drawing.release is not None:
            # Of a workload too little is kept to tell what was changed in it.
            seen = await self._read(deployment, obj, seen)
        found: frozenset[Difference] = frozenset()
        if is_repair or is_bare:
            found = self._compared.of_spec(obj, seen)
        found |= head_differences(obj, seen)
        if not found - self._compared.given_up(obj):
            return
        name = name_of(obj)
        contested = is_repair or (not is_bare and self._brake.is_foreign(thing, render_hash_of(seen)))
        try:
            what = f"{min(found)[0]} of {name}" if contested else None
            answer = await self._apply(meeting(obj, seen, found), what, force=True)
        except Conflict:
            # Without our label the watch would never tell.
            await look_anew(self._cluster, self._view, CHILDREN[obj["kind"]], seen)
            raise
        self._took(obj, answer)
        if answer["metadata"]["resourceVersion"] != seen["metadata"]["resourceVersion"]:
            (tally.repaired if is_repair else tally.updated).append(name)
            tally.followed |= is_followed(answer)

    async def _read(self, deployment: ModelDeployment, obj: Object, seen: Object) -> Object:
        """The object as it is at this moment."""
        resource = CHILDREN[obj["kind"]]
        live = await look_anew(self._cluster, self._view, resource, seen)
        if live is None:
            raise Conflict(f"{name_of(obj)} went away meanwhile")
        _check_ownership(deployment, resource, live)
        if is_leaving(live):
            raise _terminating(name_of(obj))
        return live

    async def _apply(self, obj: Object, contested: str | None, *, force: bool) -> Object:
        """Write it; `contested` names what of somebody else's is written over, which counts once it is."""
        thing = thing_of(obj)
        if contested:
            self._brake.count(thing, contested)
        try:
            return await self._cluster.apply(CHILDREN[obj["kind"]], obj, force=force)
        except LockgateError:
            # Also when it changed in this very moment: most often that was its own controller's status.
            if contested:
                self._brake.take_back(thing)
            raise

    def _took(self, obj: Object, answer: Object) -> None:
        self._view.upsert(CHILDREN[obj["kind"]], answer)
        self._brake.wrote(thing_of(obj), render_hash_of(obj))
        if new := self._compared.took(obj, answer):
            # Somebody on the way changes what we ask for; asking again would give the same answer.
            _log.warning("the cluster holds something else than was applied", field=min(new)[0])


async def _whole(drawing: Drawing, template: FindTemplate) -> Object:
    return drawing.obj if drawing.release is None else drawing.whole(await template(drawing.release))


def _tell_of_fight(what: str, seconds: float) -> None:
    _log.warning("somebody else keeps changing what was applied", what=what, left_alone_seconds=seconds)


def _check_ownership(deployment: ModelDeployment, resource: Resource, seen: Object) -> None:
    controller = controller_of(seen)
    if controller is not None and controller.get("uid") == deployment.uid:
        return
    holder = f"{controller['kind']} {controller['name']}" if controller else "nobody"
    raise NotOwned(
        f"{resource.kind} {seen['metadata']['name']} exists in namespace {deployment.namespace} and is "
        f"controlled by {holder}; delete or rename it, or give the ModelDeployment another name"
    )


def _terminating(name: str) -> Terminating:
    return Terminating(
        f"{name} is being deleted and is made anew once it is gone; "
        "if that does not end, look at its finalizers"
    )
