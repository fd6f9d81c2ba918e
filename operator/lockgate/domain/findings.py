"""All that one pass found out, and what follows from it for more than one condition. Pure."""

from dataclasses import dataclass

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import ModelDeploymentStatus, RolloutState
from lockgate.domain.observed import Applied, Observed, Target, WorkloadFacts
from lockgate.domain.plan import Course, Plan
from lockgate.domain.release import is_as_asked
from lockgate.errors import LockgateError
from lockgate.names import ConditionType


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that one pass found out; what a stage did not reach is None."""

    deployment: ModelDeployment
    target: Target | None = None
    observed: Observed | None = None
    plan: Plan | None = None
    applied: Applied | None = None
    failure: LockgateError | None = None

    @property
    def previous(self) -> ModelDeploymentStatus:
        """The status before this pass."""
        return self.deployment.status

    @property
    def state(self) -> RolloutState:
        """Where the rollout stands after this pass."""
        return self.plan.state if self.plan else self.previous.rollout

    @property
    def course(self) -> Course | None:
        """Where the plan says the deployment stands."""
        return self.plan.decision.course if self.plan else None

    @property
    def replicas(self) -> int:
        """How many the workload is asked for: by this pass, or else by whoever wrote it last.

        Where a pass could not do what it meant to, what was told stands: others who write in the
        meantime, and be it in a fight with us, cause no write of a status.
        """
        if self.plan is not None and self.plan.stage is not None and self.applied is not None:
            tracks = self.plan.stage.tracks
            # Releases side by side share what is asked for; that one has more than its share is for a while.
            return tracks[0].replicas or 0 if len(tracks) == 1 else self.deployment.replicas
        if self.plan is None and self.previous.replicas is not None:
            return self.previous.replicas
        return self.serving.replicas if self.serving else 0

    @property
    def serving(self) -> WorkloadFacts | None:
        """The workload of the stable release, or the one that there is in the absence of one."""
        if self.observed is None:
            return None
        stable = self.observed.runs(self.state.stable) if self.state.stable else None
        candidate = self.observed.runs(self.state.candidate) if self.state.candidate else None
        return stable or self.observed.workload or candidate

    @property
    def route_problem(self) -> str | None:
        """What keeps requests from coming as they should, as far as the gateway says."""
        stage = self.plan.stage if self.plan else None
        if stage is None or stage.split is None or self.observed is None:
            return None
        route = self.observed.route
        if route is None:
            return "its route is not there yet"
        if route.served == stage.split:
            return None
        return route.problem or "the gateway has not taken its route over yet"

    @property
    def resolve_failed(self) -> bool:
        """Whether what failed is the registry's answer."""
        return self.failure is not None and self.failure.condition is ConditionType.RESOLVED

    @property
    def rolls_on(self) -> bool:
        """Whether a rollout moves: one under way needs no further answer of the registry."""
        return self.course is Course.ROLLING_OUT and (self.failure is None or self.resolve_failed)

    @property
    def settled(self) -> bool:
        """Whether what runs is exactly what this spec asks of the stable version."""
        workload = self.serving
        written = self.applied is not None and self.applied.moved
        return (
            self.state.stable is not None
            and self.state.candidate is None
            and not written
            and self.route_problem is None
            and workload is not None
            and self.state.stable.is_same(workload.revision)
            and workload.replicas == self.deployment.replicas
            and workload.is_complete
        )

    @property
    def asked_for_stable(self) -> bool:
        """Whether the stable release is what the spec asks for now, as far as that can be told."""
        stable, spec = self.state.stable, self.deployment
        is_of_it = stable is not None and (stable.source, stable.model) == (spec.source, spec.model)
        if stable is None or not is_of_it or not is_as_asked(spec, stable):
            return False
        if stable.alias is None:
            return spec.pin is not None and spec.pin.version == stable.version
        return stable.alias == spec.alias
