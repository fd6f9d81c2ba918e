"""A little world for the planner alone: a Deployment controller, a kubelet, a registry, hands, faults.

The planner, its clock's memory and the status codec are the real ones; whatever else happens in a
cluster is played here in a few lines, so that thousands of histories can be lived through. What is
asked of a history is in tests/unit/test_simulation.py.
"""

import math
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

from tests.fakes.builders import T0, deployment, revision, runtime_object
from tests.fakes.drawn import track_of

from lockgate.api.parse import parse_model_runtime
from lockgate.api.spec import ModelDeployment, ModelRuntime, Resources
from lockgate.api.status import ModelDeploymentStatus, Proof, Revision, RolloutState
from lockgate.api.status_codec import parse_status, to_dict
from lockgate.domain.observed import FetchFacts, Observed, PodFacts, Target, WorkloadFacts
from lockgate.domain.plan import Plan, Track
from lockgate.domain.release import release_of
from lockgate.observe.standstill import Standstill
from lockgate.plan.failures import recipe_of
from lockgate.plan.planner import plan_rollout
from lockgate.plan.progress import marks_of

VERSIONS = {number: revision(number) for number in range(1, 8)}
DEADLINE = timedelta(minutes=6)
CORRUPT, NEVER_READY, DIFFERENT_FILES, SILENT = 4, 5, 6, 7
BAD = frozenset({CORRUPT, NEVER_READY, DIFFERENT_FILES, SILENT})
_DEPLOYMENT = deployment()


@cache
def _runtime(edit: int) -> ModelRuntime:
    return parse_model_runtime(runtime_object(env=[{"name": "EDIT", "value": str(edit)}]))


@cache
def _release(number: int, edit: int, cpu: int) -> Revision:
    return release_of(replace(_DEPLOYMENT, resources=_resources(cpu)), VERSIONS[number], _runtime(edit))


@cache
def _resources(cpu: int) -> Resources:
    return Resources(requests={"cpu": str(cpu)})


@dataclass(slots=True)
class Pod:
    """A pod of a release, as the kubelet has brought it so far."""

    name: str
    release: Revision
    attempts: int = 0
    ready: bool = False

    @property
    def number(self) -> int:
        """Of its version."""
        return int(self.release.version[1:])

    def facts(self) -> PodFacts:
        proof = Proof(tree_digest=self._tree(), files=1, size=1) if self.ready and self._tree() else None
        problem = "wrong bytes" if self.number == CORRUPT and self.attempts else None
        fetch = FetchFacts(attempts=self.attempts, proof=proof, problem=problem, permanent=bool(problem))
        return PodFacts(
            name=self.name,
            revision=self.release,
            ready=self.ready,
            deleting=False,
            fetch=fetch if self.attempts else None,
        )

    def _tree(self) -> str:
        if self.number == SILENT:
            return ""
        return f"sha256:{self.number}" + (self.name if self.number == DIFFERENT_FILES else "")


@dataclass(frozen=True, slots=True)
class View:
    """What the operator last saw, and of which version of the Deployment."""

    observed: Observed
    version: int


class LittleWorld:
    """One ModelDeployment; its fields are what hands may change between two passes."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now, self.monotonic, self.process = T0, 0.0, 0
        self.alias, self.pin, self.is_silent = 1, 0, False
        self.replicas, self.suspend, self.retry, self.cpu, self.limit = 3, False, "", 1, 10
        self.runtime = 1
        self.generation = 1
        self.status: dict[str, object] = {}
        self._read: tuple[dict[str, object], ModelDeploymentStatus] = ({}, ModelDeploymentStatus())
        self.asked: Track | None = None
        self.version = self.observed_version = self.writes = 0
        self.pods: list[Pod] = []
        self._made = 0
        self.view = View(Observed(), 0)
        self.restart()

    def restart(self) -> None:
        """Another process: what the old one remembered is gone."""
        self._standstill = Standstill(lambda: self.now, lambda: self.monotonic)
        self.begun = self.monotonic
        self.process += 1

    def deployment(self) -> ModelDeployment:
        """The resource as the next pass reads it."""
        return replace(
            _DEPLOYMENT,
            replicas=self.replicas,
            suspend=self.suspend,
            retry=self.retry,
            resources=_resources(self.cpu),
            generation=self.generation,
            revision_history_limit=self.limit,
            progress_deadline=DEADLINE,
            status=self.said,
        )

    @property
    def said(self) -> ModelDeploymentStatus:
        """The status as it is read, once for each time that it is written."""
        written, read = self._read
        if written is not self.status:
            self._read = (self.status, read := parse_status(self.status))
        return read

    @property
    def state(self) -> RolloutState:
        """The planner's memory as the cluster holds it."""
        return self.said.rollout

    def target(self) -> Target | None:
        """What the registry answers."""
        return None if self.is_silent else Target(revision=self.release, pinned=bool(self.pin))

    @property
    def wanted(self) -> Revision:
        """The version that alias or pin mean."""
        return VERSIONS[self.pin or self.alias]

    @property
    def release(self) -> Revision:
        """What that version is with today's runtime and spec."""
        return _release(self.pin or self.alias, self.runtime, self.cpu)

    def look(self) -> None:
        """The watch has caught up."""
        workload = None
        if self.asked is not None:
            updated = sum(pod.release.is_same(self.asked.release) for pod in self.pods)
            workload = WorkloadFacts(
                name="churn",
                revision=self.asked.release,
                replicas=self.asked.replicas,
                updated=updated,
                total=len(self.pods),
                available=sum(pod.ready for pod in self.pods),
                generation_observed=self.observed_version == self.version,
                paused=self.asked.paused,
            )
        self.view = View(Observed(workload=workload, pods=tuple(p.facts() for p in self.pods)), self.version)

    def plan(self) -> Plan:
        """The plan of a pass, as the observer and the planner make it."""
        known, observed = self.deployment(), self.view.observed
        candidate = known.status.rollout.candidate
        if candidate is None or known.suspend:
            self._standstill.rests(known.key)
        else:
            marks = marks_of(observed, candidate)
            unmoved = self._standstill.unmoved(known, recipe_of(known, candidate), marks)
            observed = replace(observed, unmoved=unmoved)
        return plan_rollout(known, self.target(), observed, self.now)

    def apply(self, plan: Plan) -> bool | None:
        """Write the workload; whether anything was, or None when the view was too old to write."""
        asked = track_of(plan)
        if asked is None or asked == self.asked:
            return False
        if self.view.version != self.version:
            return None
        before, self.asked = self.asked, asked
        self.version += 1
        self.writes += 1
        self.look()
        return before != self.asked

    def tell(self, plan: Plan) -> bool:
        """Write the status; whether anything was."""
        target = self.target()
        known = self.said
        told = to_dict(
            ModelDeploymentStatus(
                observed_generation=self.generation,
                desired=target.revision if target else known.desired,
                stable=plan.state.stable,
                rollout=plan.state,
                history=(*reversed(plan.finished), *known.history)[: self.limit],
            )
        )
        if told == self.status:
            return False
        self.status = told
        self.writes += 1
        return True

    def control(self) -> None:
        """One look of the Deployment controller: maxSurge 25 %, maxUnavailable 0."""
        self.observed_version = self.version
        asked = self.asked
        if asked is None:
            return
        new = [pod for pod in self.pods if pod.release.is_same(asked.release)]
        old = [pod for pod in self.pods if pod not in new]
        if asked.paused and old:
            return  # a paused Deployment is scaled in proportion; nothing here asks for that
        while len(new) > asked.replicas:
            self._remove(least := min(new, key=lambda pod: pod.ready))
            new.remove(least)
        surge = max(1, math.ceil(asked.replicas / 4))
        while len(new) < asked.replicas and len(self.pods) < asked.replicas + surge:
            self._made += 1
            new.append(Pod(f"p{self._made}", asked.release))
            self.pods.append(new[-1])
        for pod in old:
            ready = sum(each.ready for each in self.pods)
            if not pod.ready or ready > asked.replicas or asked.replicas == 0:
                self._remove(pod)

    def kubelet(self) -> None:
        """Pods come further, each by chance."""
        for pod in self.pods:
            if pod.ready or self.rng.random() < 0.4:
                continue
            pod.attempts += pod.number == CORRUPT or not pod.attempts
            pod.ready = pod.number not in (CORRUPT, NEVER_READY) and self.rng.random() < 0.6

    def wait(self, seconds: float) -> None:
        """Time passes, and the cluster with it."""
        for _ in range(max(1, int(seconds // 60))):
            self.control()
            self.kubelet()
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds
        self.look()

    def _remove(self, pod: Pod) -> None:
        self.pods.remove(pod)
