"""The story of one pass: parse, resolve, observe, plan, render, apply, report.

A pass looks at the whole of one ModelDeployment and moves it at most one step. What it applied
is observed by the next pass. Whatever fails, the status says so in one sentence, and what serves
goes on serving. When to look again is part of the answer; keeping time is not done here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from lockgate.api.parse import parse_model_deployment
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import to_dict
from lockgate.apply.applier import Applier
from lockgate.domain.observed import Target
from lockgate.domain.ports import ClusterView, Telemetry
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key, Object
from lockgate.errors import InternalError, InvalidSpec, LockgateError
from lockgate.observe.observer import Observer
from lockgate.plan.planner import plan_rollout
from lockgate.render.objects import render_objects
from lockgate.render.settings import PodSettings
from lockgate.report.compute import compute_status
from lockgate.report.events import notices
from lockgate.report.verdicts import Findings
from lockgate.report.writer import Writer
from lockgate.resolve.resolver import Resolver

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PassResult:
    """How a pass ended: what stands in the way, if anything, and when to look again at the latest.

    `gone` means that there is nothing to look at any more.
    """

    failure: LockgateError | None = None
    wake: datetime | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Runs passes; holds no state of its own."""

    view: ClusterView
    resolver: Resolver
    observer: Observer
    applier: Applier
    writer: Writer
    telemetry: Telemetry
    pods: PodSettings
    clock: Callable[[], datetime]

    async def reconcile(self, key: Key) -> PassResult:
        """One pass over one ModelDeployment; raises a LockgateError when its end could not be told."""
        raw = self.view.get(MODEL_DEPLOYMENT, key)
        if raw is None:
            return PassResult(gone=True)
        if "deletionTimestamp" in raw["metadata"]:
            # Children go with their owner; nothing of ours is left to undo.
            return PassResult()
        try:
            deployment = parse_model_deployment(raw)
        except InvalidSpec as error:
            return await self._report_unreadable(raw, error)
        found = await self._find_and_act(deployment)
        await self._report(found)
        return PassResult(failure=found.failure, wake=self._wake(found))

    def _wake(self, found: Findings) -> datetime | None:
        if found.applied is not None and found.applied.changed:
            # What was written is observed by a pass of its own, even if nothing moves because of it.
            return self.clock()
        wakes = (found.plan.wake if found.plan else None, self._end_of_pin(found.deployment))
        return min(filter(None, wakes), default=None)

    def _end_of_pin(self, deployment: ModelDeployment) -> datetime | None:
        """When another reference is to be followed, whatever stands in the way until then."""
        pin = deployment.pin
        return pin.until if pin is not None and pin.is_active(self.clock()) else None

    async def _find_and_act(self, deployment: ModelDeployment) -> Findings:
        runtime, target, failure = await self._resolve(deployment)
        observed = self.observer.observe(deployment)
        now = self.clock()
        found = Findings(
            deployment=deployment,
            target=target,
            observed=observed,
            plan=plan_rollout(deployment, target, observed, now),
            failure=failure,
        )
        if runtime is None or found.plan is None or not found.plan.apply:
            return found
        try:
            objects = render_objects(deployment, runtime, found.plan, self.pods)
            return replace(found, applied=await self.applier.apply(deployment, objects))
        except LockgateError as error:
            # Nothing of the plan is certain to be in the cluster: the next pass plans it again.
            return replace(found, plan=None, failure=error)

    async def _resolve(
        self, deployment: ModelDeployment
    ) -> tuple[ModelRuntime | None, Target | None, LockgateError | None]:
        runtime = None
        try:
            runtime = self.observer.runtime(deployment)
            return runtime, await self.resolver.resolve(deployment, runtime, self.clock()), None
        except LockgateError as error:
            return runtime, None, error
        except Exception as error:
            _log.exception("resolve failed unexpectedly", key=deployment.key)
            return None, None, InternalError(f"resolving failed unexpectedly ({type(error).__name__})")

    async def _report(self, found: Findings) -> None:
        status = compute_status(found, self.clock())
        if await self.writer.write_status(found.deployment, status):
            await self.writer.write_events(found.deployment, notices(found, status))
        deployment = found.deployment
        if self.view.get(MODEL_DEPLOYMENT, deployment.key) is None:
            # Deleted during the pass: its series were removed and must not come back.
            return
        self._count(found)
        self.telemetry.status_changed(
            deployment.key,
            to_dict(status),
            f"{deployment.registry}/{deployment.collection}",
            deployment.alias,
        )

    def _count(self, found: Findings) -> None:
        for entry in found.plan.finished if found.plan else ():
            seconds = (entry.finished_at - entry.started_at).total_seconds() if entry.started_at else None
            self.telemetry.rollout_ended(found.deployment.key, entry.outcome.value, seconds)

    async def _report_unreadable(self, raw: Object, error: InvalidSpec) -> PassResult:
        """A spec that the schema of another day let in: everything else in it counts as absent."""
        spec = {
            "model": {"registry": "unreadable", "collection": "unreadable", "alias": "unreadable"},
            "runtime": {"name": "unreadable"},
        }
        deployment = parse_model_deployment({**raw, "spec": spec})
        await self._report(Findings(deployment=deployment, failure=error))
        return PassResult(failure=error)
