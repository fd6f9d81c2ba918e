"""Each ModelDeployment by the backend that its spec chooses: in this cluster, or elsewhere.

What serves stays where it is: between the cluster and elsewhere, or between two places elsewhere, nobody here
could send requests from one to the other, so such a change is refused while anything serves. What lies
elsewhere goes with its ModelDeployment by a finalizer, which nothing else ever gets.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Protocol

from lockgate.api.backend import backend_name, is_elsewhere, place_of
from lockgate.api.parse import parse_identity, parse_model_deployment
from lockgate.api.spec import Identity, ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.api.status_codec import parse_status
from lockgate.backends.base import Backend
from lockgate.domain.observed import Applied, Observed
from lockgate.domain.plan import Stage
from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key, Object, Resource
from lockgate.errors import InvalidSpec, LockgateError
from lockgate.names import FINALIZER


class Elsewhere(Backend, Protocol):
    """A backend of what lies outside the cluster."""

    async def remove(self, deployment: Identity, places: Collection[str]) -> None:
        """Delete all that is ours at these places, or wherever it may be where none is known.

        Raises a LockgateError until that is done.
        """


class Chosen:
    """Implements the port `Backend`."""

    def __init__(self, here: Backend, elsewhere: Elsewhere, view: ClusterView, cluster: Cluster) -> None:
        self._here = here
        self._elsewhere = elsewhere
        self._view = view
        self._cluster = cluster

    @property
    def watches(self) -> tuple[Resource, ...]:
        """Those of both."""
        return (*self._here.watches, *self._elsewhere.watches)

    def accepts(self, deployment: ModelDeployment) -> None:
        """Raise a LockgateError for what the one that is asked for cannot do, a change of place included."""
        asked, home = backend_name(deployment.backend), _home(deployment)
        if home != asked and (is_elsewhere(asked) or is_elsewhere(home)):
            raise InvalidSpec(
                "spec.backend",
                f"asks for {asked or 'deployment'}, and what serves is at {home or 'deployment'}, from where "
                "no request could be led over: put it back, and let another ModelDeployment follow the alias",
            )
        self._of(deployment).accepts(deployment)

    async def observe(self, deployment: ModelDeployment) -> tuple[Observed, LockgateError | None]:
        """Where it serves, or is to serve."""
        return await self._of(deployment).observe(_at_home(deployment))

    async def realise(
        self, deployment: ModelDeployment, stage: Stage, runtime: ModelRuntime | None
    ) -> Applied:
        """There; what is elsewhere has to be let go of first, before the ModelDeployment may go."""
        backend = self._of(deployment)
        if backend is self._elsewhere:
            await self._hold(deployment)
        return await backend.realise(_at_home(deployment), stage, runtime)

    async def tidy(self, deployment: ModelDeployment, dropped: Iterable[Revision]) -> None:
        """There."""
        await self._of(deployment).tidy(_at_home(deployment), dropped)

    async def leave(self, deployment: Key) -> None:
        """Delete what is elsewhere, and then let the ModelDeployment go; nothing where it was never held."""
        raw = self._view.get(MODEL_DEPLOYMENT, deployment)
        if raw is None or FINALIZER not in _finalizers(raw):
            return
        await self._elsewhere.remove(parse_identity(raw), _places(raw))
        others = [each for each in _finalizers(raw) if each != FINALIZER]
        await self._cluster.hold(MODEL_DEPLOYMENT, raw, others)

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone."""
        self._here.forget(deployment)
        self._elsewhere.forget(deployment)

    def _of(self, deployment: ModelDeployment) -> Backend:
        return self._elsewhere if is_elsewhere(_home(deployment)) else self._here

    async def _hold(self, deployment: ModelDeployment) -> None:
        raw = self._view.get(MODEL_DEPLOYMENT, deployment.key)
        if raw is None or FINALIZER in _finalizers(raw):
            return
        held = await self._cluster.hold(MODEL_DEPLOYMENT, raw, [*_finalizers(raw), FINALIZER])
        self._view.upsert(MODEL_DEPLOYMENT, held)


def _home(deployment: ModelDeployment) -> str | None:
    """Where it serves or comes up, by the name that releases have for it; else where it is asked to."""
    rollout = deployment.status.rollout
    there = rollout.stable or rollout.candidate
    return backend_name(deployment.backend) if there is None else there.backend


def _at_home(deployment: ModelDeployment) -> ModelDeployment:
    """As if it asked for the place where it is: what serves elsewhere is looked for there alone."""
    home = _home(deployment)
    if not is_elsewhere(home) or home == backend_name(deployment.backend):
        return deployment
    return replace(deployment, backend=place_of(home or ""))


def _places(raw: Object) -> tuple[str, ...]:
    """Where something of it may lie: as its status knows, else as it asks, if that can be read at all.

    A release that never served, or is past, may have left something behind as well.
    """
    known = (release.backend for release in parse_status(raw.get("status")).known_revisions)
    places = dict.fromkeys(each for each in known if each is not None and is_elsewhere(each))
    if places:
        return tuple(places)
    try:
        asked = backend_name(parse_model_deployment(raw).backend)
    except InvalidSpec:
        return ()
    return (asked,) if asked is not None and is_elsewhere(asked) else ()


def _finalizers(raw: Object) -> list[str]:
    return list(raw["metadata"].get("finalizers") or ())
