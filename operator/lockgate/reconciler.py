"""The story of one pass: parse, resolve, observe, plan, realise, report.

A pass looks at the whole of one ModelDeployment and moves it at most one step. What it applied
is observed by the next pass. Whatever fails, be it a defect of ours, the status says so in one
sentence, and what serves goes on serving. When to look again is part of the answer; keeping time
is not done here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from lockgate.api.parse import parse_identity, parse_model_deployment
from lockgate.api.requests import verb_of
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import ModelDeploymentStatus
from lockgate.api.status_codec import parse_status
from lockgate.api.strategy import name_of
from lockgate.backends.base import Backend
from lockgate.catalog import Catalog
from lockgate.domain.findings import Findings
from lockgate.domain.gate import GateVerdict
from lockgate.domain.observed import Applied, Observed, Target
from lockgate.domain.ports import ClusterView, Telemetry
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key, Object
from lockgate.errors import InternalError, LockgateError, Refused, TemplateLost, Terminal, Unanswered
from lockgate.observe.measurements import Measurements
from lockgate.plan.analysis import judge_analysis
from lockgate.plan.arms import with_arms
from lockgate.plan.gates import analysed
from lockgate.plan.planner import plan_rollout
from lockgate.plan.reach import within_reach
from lockgate.report.compute import compute_status, refused_status
from lockgate.report.events import notices, turns
from lockgate.report.writer import Told, Writer, told
from lockgate.resolve.edits import RuntimeEdits
from lockgate.resolve.resolver import Resolver, is_resolved

_log = structlog.get_logger(__name__)
# Whatever a pass asks for itself, so long it waits: nothing that it does can make it run hot.
_PAUSE = timedelta(seconds=1)
# A controller that is busy answers late, and its answer wakes; this is for when it never comes.
_FOLLOWED = timedelta(seconds=10)
# How long a first answer of the registry may take before the status says that it is waited for.
FIRST_ANSWER_SECONDS = 2.0


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
    catalog: Catalog
    resolver: Resolver
    edits: RuntimeEdits
    backend: Backend
    measurements: Measurements
    writer: Writer
    telemetry: Telemetry
    clock: Callable[[], datetime]

    async def reconcile(self, key: Key) -> PassResult:
        """One pass over one ModelDeployment; raises a LockgateError when its end could not be told."""
        try:
            seen = await self._look(key)
            return seen if isinstance(seen, PassResult) else await self._tell(*seen)
        finally:
            self.edits.passed(key)

    async def _look(self, key: Key) -> tuple[Told, Findings | LockgateError] | PassResult:
        raw = self.view.get(MODEL_DEPLOYMENT, key)
        if raw is None:
            return PassResult(gone=True)
        if "deletionTimestamp" in raw["metadata"]:
            return await self._leave(key, raw)
        try:
            found = await self._find_and_act(parse_model_deployment(raw))
            if is_early(found):
                return PassResult(failure=found.failure, wake=self._wake(found))
            said = replace(found, failure=None) if is_untold(found) else found
            status = compute_status(said, self.clock())
        except LockgateError as error:
            return self._refused(raw, error), error
        except Exception as defect:
            _log.exception("pass failed unexpectedly", key=key)
            unexpected = InternalError.of(defect, "this pass")
            return self._refused(raw, unexpected), unexpected
        return told(raw, status, notices(said, status)), found

    async def _leave(self, key: Key, raw: Object) -> tuple[Told, LockgateError] | PassResult:
        """It is being deleted: nothing of it is told any more, but why that does not end."""
        try:
            await self.backend.leave(key)
        except LockgateError as error:
            return self._refused(raw, error), error
        except Exception as defect:
            _log.exception("a deletion failed unexpectedly", key=key)
            unexpected = InternalError.of(defect, "this deletion")
            return self._refused(raw, unexpected), unexpected
        return PassResult()

    async def _tell(self, told: Told, found: Findings | LockgateError) -> PassResult:
        refusal = await self._report(told)
        if isinstance(found, LockgateError):
            return PassResult(failure=refusal or found)
        if refusal is not None:
            return PassResult(failure=refusal)
        self._count(found)
        await self._tidy(found, told.status)
        return PassResult(failure=found.failure, wake=self._wake(found))

    def _wake(self, found: Findings) -> datetime | None:
        now, applied = self.clock(), found.applied
        soonest, end_of_pin = now + _PAUSE, self._end_of_pin(found.deployment)
        if applied is not None and applied.changed:
            # What was written is observed by a pass of its own, even if nothing moves because of it.
            wakes = [now + _FOLLOWED if applied.followed else soonest, end_of_pin]
        else:
            early = now + timedelta(seconds=FIRST_ANSWER_SECONDS) if is_early(found) else None
            wakes = [early, found.plan.wake if found.plan else None, end_of_pin]
        asked_for = min(filter(None, wakes), default=None)
        return asked_for and max(asked_for, soonest)

    def _end_of_pin(self, deployment: ModelDeployment) -> datetime | None:
        """When another reference is to be followed, whatever stands in the way until then."""
        pin = deployment.pin
        return pin.until if pin is not None and pin.is_active(self.clock()) else None

    async def _find_and_act(self, deployment: ModelDeployment) -> Findings:
        runtime, target, failure = self._resolve(deployment)
        observed, unread = await self.backend.observe(deployment)
        now = self.clock()
        measured = await self._measure(deployment, runtime, now)
        found = Findings(
            deployment=deployment,
            target=target,
            observed=observed,
            plan=plan_rollout(deployment, target, observed, now, measured),
            failure=failure or unread,
        )
        try:
            applied = await self._realise(found, observed, runtime)
            trouble = applied.arms_trouble if applied else None
            return replace(found, applied=applied, failure=found.failure or trouble)
        except TemplateLost as lost:
            # Without its runtime a release cannot be drawn: that it is gone says more.
            return replace(found, plan=None, failure=found.failure if runtime is None else lost)
        except Terminal as refusal:
            if _begins(found):
                return await self._go_on(replace(found, target=None, failure=refusal), observed, runtime)
            return replace(found, plan=None, failure=refusal)
        except LockgateError as error:
            # Nothing of the plan is certain to be in the cluster: the next pass plans it again.
            return replace(found, plan=None, failure=error)

    async def _measure(
        self, deployment: ModelDeployment, runtime: ModelRuntime | None, now: datetime
    ) -> GateVerdict | None:
        """What Prometheus says of a candidate that is where it can be judged."""
        state, analysis = deployment.status.rollout, deployment.analysis
        is_held = deployment.suspend or state.frozen is not None
        if analysis is None or state.candidate is None or state.reached_at is None or is_held:
            self.telemetry.analysis_judged(deployment.key, ())
            return None
        readings = await self.measurements.read(
            deployment, runtime, state.candidate, state.stable, state.reached_at, now
        )
        judgement = judge_analysis(analysis, readings, state.reached_at, now)
        self.telemetry.analysis_judged(deployment.key, judgement.measured)
        return analysed.told(state.candidate, analysis, readings, judgement)

    async def _realise(
        self, found: Findings, observed: Observed, runtime: ModelRuntime | None
    ) -> Applied | None:
        if found.plan is None or found.plan.stage is None:
            return None
        stage = within_reach(found.plan.stage, observed, found.deployment.replicas)
        stage = with_arms(stage, found.deployment.variants, observed)
        return await self.backend.realise(found.deployment, stage, runtime)

    async def _go_on(self, found: Findings, observed: Observed, runtime: ModelRuntime | None) -> Findings:
        """What cannot begin, because it would be refused, holds up nothing of what was there before."""
        found = replace(found, plan=plan_rollout(found.deployment, None, observed, self.clock()))
        try:
            return replace(found, applied=await self._realise(found, observed, runtime))
        except LockgateError:
            return replace(found, plan=None)

    def _resolve(
        self, deployment: ModelDeployment
    ) -> tuple[ModelRuntime | None, Target | None, LockgateError | None]:
        runtime = None
        try:
            runtime = self.catalog.runtime(deployment)
            self.backend.accepts(deployment)
            return runtime, self.resolver.resolve(deployment, runtime, self.clock()), None
        except LockgateError as error:
            return runtime, None, error
        except Exception as defect:
            _log.exception("resolve failed unexpectedly", key=deployment.key)
            return None, None, InternalError.of(defect, "the look at the registry")

    def _refused(self, raw: Object, error: LockgateError) -> Told:
        """What could not be judged: the summary says so, and everything else stays as it was."""
        previous, generation = parse_status(raw.get("status")), parse_identity(raw).generation
        status = refused_status(previous, generation=generation, error=error, now=self.clock())
        return told(raw, status, turns(previous, status))

    async def _report(self, told: Told) -> Refused | None:
        """Status, then Events, then metrics."""
        key = told.identity.key
        status, refusal = await self.writer.tell(told, self.clock)
        if self.view.stamp(MODEL_DEPLOYMENT, key) is not None:
            # Else it was deleted during the pass: its series were removed and must not come back.
            self.telemetry.status_changed(key, status, told.followed, self.clock())
        return refusal

    async def _tidy(self, found: Findings, status: ModelDeploymentStatus) -> None:
        """What no status names any more nobody goes back to."""
        named = {known.release for known in status.known_revisions}
        dropped = [known for known in found.previous.known_revisions if known.release not in named]
        if not dropped:
            return
        try:
            await self.backend.tidy(found.deployment, dict.fromkeys(dropped))
        except LockgateError as error:
            # It goes with its ModelDeployment at the latest.
            _log.warning("a ledger entry is left behind", key=found.deployment.key, message=error.message)

    def _count(self, found: Findings) -> None:
        if self.view.stamp(MODEL_DEPLOYMENT, found.deployment.key) is None:
            return
        deployment, strategy = found.deployment, name_of(found.deployment.strategy)
        for entry in found.plan.finished if found.plan else ():
            seconds = (entry.finished_at - entry.started_at).total_seconds() if entry.started_at else None
            self.telemetry.rollout_ended(deployment.key, strategy, entry.outcome.value, seconds)
        answer = found.plan.answer if found.plan else None
        if answer is not None:
            self.telemetry.request_answered(verb_of(answer.request), answer.outcome.value)


def _begins(found: Findings) -> bool:
    """Whether the plan begins a rollout over something that serves."""
    before, after = found.previous.rollout, found.plan.state if found.plan else None
    if after is None or after.candidate is None or before.stable is None:
        return False
    return not after.candidate.is_same(before.candidate)


def is_early(found: Findings) -> bool:
    """Whether an answer that is about to come is worth waiting for before a status is written."""
    failure = found.failure
    waits = isinstance(failure, Unanswered) and failure.waited < FIRST_ANSWER_SECONDS
    return waits and not is_resolved(found.deployment)


def is_untold(found: Findings) -> bool:
    """Whether what the status tells of this spec stands until the registry has answered."""
    return isinstance(found.failure, Unanswered) and is_resolved(found.deployment)
