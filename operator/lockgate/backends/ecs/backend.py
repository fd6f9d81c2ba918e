"""The backend of Amazon ECS: looks, and makes the one request that is next. It keeps nothing that matters."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from lockgate.api.backend import Ecs, place_of
from lockgate.api.spec import Identity, ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.aws.targets import Target, target_for
from lockgate.backends.ecs.facts import is_busy, observed_in
from lockgate.backends.ecs.looks import Ask, Looks
from lockgate.backends.ecs.marks import Definition, service_name
from lockgate.backends.ecs.moves import Bring, deletion, next_move
from lockgate.backends.ecs.pulse import Pulse
from lockgate.backends.ecs.seen import Seen
from lockgate.backends.ecs.service import Call, creation, release
from lockgate.backends.ecs.template import render_definition
from lockgate.backends.ecs.words import check_words
from lockgate.backends.settings import PodSettings
from lockgate.backends.unmoved import timed
from lockgate.domain.observed import Applied, Observed
from lockgate.domain.plan import Stage
from lockgate.domain.resources import Key, Resource
from lockgate.errors import (
    BackendNotReady,
    InvalidSpec,
    LockgateError,
    NotOwned,
    TemplateLost,
    Terminating,
)
from lockgate.names import FINALIZER
from lockgate.observe.standstill import Standstill

# A history is at most as long, and each of its releases has one definition for each try.
_LOOKED_THROUGH = 100


class EcsBackend:
    """Implements the port `Backend` for ModelDeployments whose `spec.backend` is an Ecs."""

    def __init__(
        self,
        door: Ask,
        targets: Mapping[str, Target],
        pods: PodSettings,
        pulse: Pulse,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._door = door
        self._targets = targets
        self._pods = pods
        self._pulse = pulse
        self._looks = Looks(door)
        # Of the pass that is under way, which would else look twice.
        self._seen: dict[Key, Seen] = {}
        self._standstill = Standstill(clock, monotonic)

    @property
    def watches(self) -> tuple[Resource, ...]:
        """Nothing of the cluster."""
        return ()

    def accepts(self, deployment: ModelDeployment) -> None:
        """Raise InvalidSpec for what its target, or ECS, has no word for."""
        check_words(deployment, self._target(deployment))

    async def observe(self, deployment: ModelDeployment) -> tuple[Observed, LockgateError | None]:
        """Facts about service, deployments and tasks; raises a LockgateError where nothing can be known."""
        self._pulse.looked(deployment.key, is_busy=True)
        self._seen.pop(deployment.key, None)
        seen = await self._looks.at(deployment, self._target(deployment))
        is_rolling = deployment.status.rollout.candidate is not None
        self._pulse.looked(deployment.key, is_busy=is_rolling or is_busy(seen))
        self._seen[deployment.key] = seen
        return timed(self._standstill, deployment, observed_in(deployment, seen)), None

    async def realise(
        self, deployment: ModelDeployment, stage: Stage, runtime: ModelRuntime | None
    ) -> Applied:
        """Make the one request that is next, if there is one; raises a LockgateError."""
        target = self._target(deployment)
        seen = self._seen.pop(deployment.key, None) or await self._looks.at(deployment, target)
        move = next_move(deployment, target, stage, seen)
        if isinstance(move, Bring):
            move = await self._bring(deployment, target, move, seen, runtime)
        if move is None:
            return Applied()
        await self._door.ask(target, move.operation, move.arguments)
        if move.takes:
            return Applied(removed=(move.takes,))
        is_new = move.operation in ("CreateService", "RegisterTaskDefinition")
        return Applied(created=(move.makes,)) if is_new else Applied(updated=(move.makes,))

    async def tidy(self, deployment: ModelDeployment, dropped: Iterable[Revision]) -> None:
        """Let go of the task definitions of these releases; raises a LockgateError."""
        target, gone = self._target(deployment), tuple(dropped)
        for definition in await self._known(deployment, target):
            if any(definition.revision and each.is_same(definition.revision) for each in gone):
                await self._door.ask(target, "DeregisterTaskDefinition", {"taskDefinition": definition.arn})

    async def remove(self, deployment: Identity, places: Collection[str]) -> None:
        """Delete all that is ours at these places, or at every target where none is known.

        Raises Terminating until that is done. A service that is somebody else's is left alone: then ours is
        gone already. Whose authors may name a target does not matter to what is there.
        """
        names = [place_of(place).target for place in places] or list(self._targets)
        for name in names:
            target = self._targets.get(name)
            if target is None:
                raise BackendNotReady(
                    f"service {service_name(deployment)} is at target {name}, which the platform offers no "
                    f"more: have it back, or delete the service and then the finalizer {FINALIZER}"
                )
            await self._remove_at(deployment, target)

    async def _remove_at(self, deployment: Identity, target: Target) -> None:
        with suppress(NotOwned):
            if await self._looks.service(deployment, target) is not None:
                call = deletion(deployment, target)
                await self._door.ask(target, call.operation, call.arguments)
                raise Terminating(
                    f"service {service_name(deployment)} at target {target.name} is being deleted"
                )
        for definition in await self._known(deployment, target):
            await self._door.ask(target, "DeregisterTaskDefinition", {"taskDefinition": definition.arn})

    async def leave(self, deployment: Key) -> None:
        """Nothing: what is here goes by `remove`, which whoever holds the ModelDeployment asks for."""

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone, and with it what was remembered of it."""
        self._seen.pop(deployment, None)
        self._standstill.forget(deployment)
        self._pulse.forget(deployment)

    def _target(self, deployment: ModelDeployment) -> Target:
        if not isinstance(deployment.backend, Ecs):
            raise InvalidSpec("spec.backend", "is not ecs")
        return target_for(self._targets, deployment.backend.target, deployment.namespace)

    async def _bring(
        self,
        deployment: ModelDeployment,
        target: Target,
        wanted: Bring,
        seen: Seen,
        runtime: ModelRuntime | None,
    ) -> Call:
        found = await self._definition(deployment, target, wanted)
        if found is not None:
            if seen.is_there:
                return release(deployment, target, found, is_release=wanted.is_candidate)
            return creation(deployment, target, found)
        if runtime is None:
            raise TemplateLost(
                f"what tasks of {wanted.release.version} (release {wanted.release.release}) were made of is "
                f"lost, and so is runtime {deployment.runtime}; move the alias, or pin another version"
            )
        drawn = render_definition(deployment, runtime, wanted.release, wanted.attempt, target, self._pods)
        return Call(operation="RegisterTaskDefinition", arguments=drawn, makes=drawn["family"])

    async def _definition(
        self, deployment: ModelDeployment, target: Target, wanted: Bring
    ) -> Definition | None:
        """That of the release; of a candidate only one of this try, so that it is told from those before."""
        for definition in await self._known(deployment, target):
            is_of_try = not wanted.attempt or definition.attempt == wanted.attempt
            if wanted.release.is_same(definition.revision) and is_of_try:
                return definition
        return None

    async def _known(self, deployment: Identity, target: Target) -> list[Definition]:
        arns = await self._looks.definitions(deployment, target)
        known = [await self._looks.definition(deployment, target, arn) for arn in arns[:_LOOKED_THROUGH]]
        return [definition for definition in known if definition.is_ours]
