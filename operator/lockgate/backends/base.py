"""What every backend can do: say what is there, and bring a plan into being."""

from collections.abc import Iterable
from typing import Protocol

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.domain.observed import Applied, Observed
from lockgate.domain.plan import Stage
from lockgate.domain.resources import Key, Resource
from lockgate.errors import LockgateError


class Backend(Protocol):
    """Where releases run."""

    @property
    def watches(self) -> tuple[Resource, ...]:
        """The kinds that must be watched for it."""

    def accepts(self, deployment: ModelDeployment) -> None:
        """Raise a LockgateError that names the field when it cannot do what is asked for; costs nothing."""

    async def observe(self, deployment: ModelDeployment) -> tuple[Observed, LockgateError | None]:
        """Facts about what is there, and what kept some of it from being counted."""

    async def realise(
        self, deployment: ModelDeployment, stage: Stage, runtime: ModelRuntime | None
    ) -> Applied:
        """Bring the cluster in line; raises a LockgateError. The runtime is None while it is gone.

        In the fixed order grow, route, shrink; in the end what of ours is not named is deleted.
        """

    async def tidy(self, deployment: ModelDeployment, dropped: Iterable[Revision]) -> None:
        """Remove what was kept for releases that nobody can go back to; raises a LockgateError."""

    async def leave(self, deployment: Key) -> None:
        """A ModelDeployment is being deleted: let go of what no garbage collector finds, and then of it.

        Raises a LockgateError until that is done.
        """

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone."""
