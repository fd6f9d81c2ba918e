"""The backend of plain Deployments: one Deployment, whose pods Kubernetes replaces, and one Service."""

from collections.abc import Iterable

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.apply.applier import Applier
from lockgate.apply.ledger import Ledger
from lockgate.backends.deployment.observer import Observer
from lockgate.backends.deployment.render import render_children
from lockgate.backends.deployment.templates import Templates
from lockgate.domain.observed import Applied, Observed
from lockgate.domain.plan import Stage
from lockgate.domain.resources import DEPLOYMENT, POD, SERVICE, Key, Object, Resource
from lockgate.errors import LockgateError


class DeploymentBackend:
    """Implements the port `Backend`."""

    def __init__(self, observer: Observer, applier: Applier, ledger: Ledger, templates: Templates) -> None:
        self._observer = observer
        self._applier = applier
        self._ledger = ledger
        self._templates = templates

    @property
    def watches(self) -> tuple[Resource, ...]:
        """The kinds that must be watched for it."""
        return DEPLOYMENT, SERVICE, POD

    async def observe(self, deployment: ModelDeployment) -> tuple[Observed, LockgateError | None]:
        """Facts about the workload and its pods, and what kept some of the pods from being counted."""
        return await self._observer.observe(deployment)

    async def realise(
        self, deployment: ModelDeployment, stage: Stage, runtime: ModelRuntime | None
    ) -> Applied:
        """Bring Deployment and Service in line; raises a LockgateError."""

        async def template(release: Revision) -> Object:
            return await self._templates.of(deployment, release, runtime)

        return await self._applier.apply(deployment, render_children(deployment, stage), template)

    async def tidy(self, deployment: ModelDeployment, dropped: Iterable[Revision]) -> None:
        """Strike the ledger's entries of these releases; raises a LockgateError."""
        for release in dropped:
            if release.release is not None:
                await self._ledger.strike(deployment, release)

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone, and with it what was remembered of it."""
        self._observer.forget(deployment)
        self._applier.forget(deployment)
