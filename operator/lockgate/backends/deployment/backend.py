"""The backend of plain Deployments: one for each workload, Services for their pods, and a route to them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lockgate.api.backend import backend_name
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.apply.applier import Applier, FindTemplate
from lockgate.apply.ledger import Ledger
from lockgate.apply.objects import Thing, thing_of
from lockgate.apply.strays import strays_of
from lockgate.backends.deployment.arms import ends_early
from lockgate.backends.deployment.observer import Observer
from lockgate.backends.deployment.render import render_children, render_variants
from lockgate.backends.deployment.route import services_named
from lockgate.backends.deployment.service import own_service, workload_behind
from lockgate.backends.deployment.templates import Templates
from lockgate.backends.kinds import KINDS
from lockgate.domain.drawing import Drawing
from lockgate.domain.observed import Applied, Observed, joined
from lockgate.domain.plan import Stage
from lockgate.domain.ports import ClusterView, Sight
from lockgate.domain.resources import (
    DEPLOYMENT,
    HTTP_ROUTE,
    MODEL_DEPLOYMENT,
    POD,
    SERVICE,
    WORKLOADS,
    Key,
    Object,
    Resource,
)
from lockgate.errors import BackendNotReady, GatewayNotReady, InvalidSpec, LockgateError
from lockgate.gateways.offered import NO_GATEWAYS, Gateway, gateway_of
from lockgate.names import FINALIZER


class DeploymentBackend:
    """Implements the port `Backend`."""

    def __init__(
        self,
        observer: Observer,
        applier: Applier,
        ledger: Ledger,
        templates: Templates,
        view: ClusterView,
        sight: Sight,
        gateways: Mapping[str, Gateway] = NO_GATEWAYS,
        offered: Iterable[str] = (),
    ) -> None:
        """`offered` are the kinds of workload beside Deployments, by the names of `spec.backend`."""
        self._observer = observer
        self._applier = applier
        self._ledger = ledger
        self._templates = templates
        self._view = view
        self._sight = sight
        self._gateways = gateways
        self._offered = tuple(offered)

    @property
    def watches(self) -> tuple[Resource, ...]:
        """The kinds that must be watched for it; routes where the platform offers a gateway."""
        more = [KINDS[name].resource for name in self._offered]
        return (DEPLOYMENT, SERVICE, POD, *more, *((HTTP_ROUTE,) if self._gateways else ()))

    def accepts(self, deployment: ModelDeployment) -> None:
        """Raise InvalidSpec for what its gateway or its kind of workload is not for.

        GatewayNotReady and BackendNotReady while nothing of that can be made.
        """
        self._check_kind(deployment)
        gateway = gateway_of(self._gateways, deployment)
        if gateway is not None:
            gateway.hostnames_of(deployment)
            gateway.check_strategy(deployment)
            self._check_sight(deployment)

    async def observe(self, deployment: ModelDeployment) -> tuple[Observed, LockgateError | None]:
        """Facts about workloads, pods and route, and what kept some of the pods from being counted.

        Raises BackendNotReady where what serves is of a kind that cannot be seen, and would seem to be gone.
        """
        rollout = deployment.status.rollout
        for release in filter(None, (rollout.stable, rollout.candidate, rollout.fallback, rollout.warm)):
            if release.backend is not None:
                self._check_seen(release.backend, deployment.namespace)
        return await self._observer.observe(deployment)

    async def realise(
        self, deployment: ModelDeployment, stage: Stage, runtime: ModelRuntime | None
    ) -> Applied:
        """Bring all that is named in line, and then delete what is not; raises a LockgateError."""

        async def template(release: Revision) -> Object:
            return await self._templates.of(deployment, release, runtime)

        gateway = None
        if stage.split is not None:
            gateway = gateway_of(self._gateways, deployment)
            self._check_sight(deployment)
        drawings = render_children(deployment, stage, gateway)
        served = self._observer.may_be_served(deployment)
        # Without a gateway nobody comes by a route, unless there is one left from before.
        shrinks = served is not None or deployment.traffic is None
        applied = await self._applier.apply(deployment, drawings, template, shrinks=shrinks)
        arms = render_variants(deployment)
        beside = await self._bring_arms(deployment, arms, template, served)
        kept = self._kept(deployment, served) | {thing_of(each.obj) for each in (*drawings, *arms)}
        if stage.split is not None:
            # Without a gateway nobody can draw it, but it may have to stay for a while.
            kept.add((HTTP_ROUTE.kind, deployment.key))
        removed = await self._applier.remove(deployment, strays_of(deployment, self._view, kept))
        return replace(joined(applied, beside), removed=removed)

    async def _bring_arms(
        self,
        deployment: ModelDeployment,
        arms: Iterable[Drawing],
        template: FindTemplate,
        served: frozenset[str] | None,
    ) -> Applied:
        """Each by itself and after all else: what is the matter with one is no business of the others."""
        applied = Applied()
        for arm in arms:
            if ends_early(arm.obj, self._view, served):
                continue
            try:
                beside = await self._applier.apply(deployment, (arm,), template)
            except LockgateError as trouble:
                beside = Applied(arms_trouble=trouble)
            applied = joined(applied, beside)
        return applied

    async def tidy(self, deployment: ModelDeployment, dropped: Iterable[Revision]) -> None:
        """Strike the ledger's entries of these releases; raises a LockgateError."""
        for release in dropped:
            if release.release is not None:
                await self._ledger.strike(deployment, release)

    async def leave(self, deployment: Key) -> None:
        """Nothing, for children go with their owner; BackendNotReady for what nobody can reach."""
        raw = self._view.get(MODEL_DEPLOYMENT, deployment)
        if raw is not None and FINALIZER in (raw["metadata"].get("finalizers") or ()):
            raise BackendNotReady(
                "what lies elsewhere cannot be deleted, since the platform names no place there any more: "
                f"have it named again, or delete that by hand and take the finalizer {FINALIZER} away"
            )

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone, and with it what was remembered of it."""
        self._observer.forget(deployment)
        self._applier.forget(deployment)

    def _check_kind(self, deployment: ModelDeployment) -> None:
        name = backend_name(deployment.backend)
        if name is None:
            return
        if name not in self._offered:
            field = f"spec.backend.{name.partition('/')[0]}"
            raise InvalidSpec(field, "is not offered here; the platform team offers it in the chart's values")
        KINDS[name].check(deployment)
        self._check_seen(name, deployment.namespace)

    def _check_seen(self, name: str, namespace: str) -> None:
        resource = KINDS[name].resource if name in KINDS else None
        if resource is None or name not in self._offered:
            raise BackendNotReady(
                f"what runs on {name} cannot be seen, since the platform does not offer it any more; it is "
                "left as it is, and goes on when that is back in backends of the chart"
            )
        if self._sight.lacks(resource):
            raise BackendNotReady(
                f"the cluster has no {resource.plural} of {resource.api_version}, where spec.backend.{name} "
                "asks for one: have it installed, in a version that serves these"
            )
        if not self._sight.sees(resource, namespace):
            raise BackendNotReady(
                f"{resource.plural} in namespace {namespace} have not been seen yet; if that does not end, "
                "the operator may not list them"
            )

    def _check_sight(self, deployment: ModelDeployment) -> None:
        if self._sight.lacks(HTTP_ROUTE):
            raise GatewayNotReady(
                f"the cluster has no {HTTP_ROUTE.plural} of {HTTP_ROUTE.api_version}: install the Gateway API"
            )
        if not self._sight.sees(HTTP_ROUTE, deployment.namespace):
            raise GatewayNotReady(
                f"{HTTP_ROUTE.plural} in namespace {deployment.namespace} have not been seen yet; if that "
                "does not end, the operator may not list them"
            )

    def _kept(self, deployment: ModelDeployment, served: frozenset[str] | None) -> set[Thing]:
        """What the route names, and what the gateway may be sending requests to: all, if that is unknown."""
        route = self._view.get(HTTP_ROUTE, deployment.key)
        services = services_named(route) if route is not None else set()
        if served is not None:
            services |= {own_service(deployment.name, workload) for workload in served}
            return {
                # An arm answers at the Service of its own name.
                (kind, (deployment.namespace, name))
                for name in services
                for kind in (SERVICE.kind, MODEL_DEPLOYMENT.kind)
            }
        there = {
            (resource.kind, key)
            for resource in (*WORKLOADS, MODEL_DEPLOYMENT)
            for key in self._view.names(resource, deployment.key)
        }
        services_there = self._view.names(SERVICE, deployment.key)
        own = (key[1] for key in services_there if workload_behind(deployment.name, key[1]))
        return there | {(SERVICE.kind, (deployment.namespace, name)) for name in (*services, *own)}
