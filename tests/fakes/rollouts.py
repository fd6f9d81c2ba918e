"""A little world for the planner alone: pods, ways, a registry, people, and an operator that may be killed.

The planner, the lock gate, the clock's memory, the memory of what gateways serve and the status codec are
the real ones; whatever else happens in a cluster is played in a few lines (`pods.py`, `ways.py`), so that
thousands of histories can be lived through. What is asked of a history is in tests/unit/test_simulation.py
and tests/unit/test_simulated_traffic.py.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

from tests.fakes.builders import T0, deployment, revision, runtime_object
from tests.fakes.pods import Cluster, Pod, Workload
from tests.fakes.ways import Front, Gateway, Route

from lockgate.api.analysis import Analysis
from lockgate.api.lifecycle import OnFailure, Settle, Supersede
from lockgate.api.parse import parse_model_runtime
from lockgate.api.spec import ModelDeployment, ModelRuntime, Resources
from lockgate.api.status import ModelDeploymentStatus, Revision, RolloutState
from lockgate.api.status_codec import parse_status, to_dict
from lockgate.api.strategy import Rolling, Strategy, Traffic
from lockgate.backends.deployment.served import Served, Word
from lockgate.domain.gate import GateVerdict
from lockgate.domain.observed import Elsewhere, Observed, PodFacts, RouteFacts, Target, WorkloadFacts
from lockgate.domain.plan import Plan, Stage, Track
from lockgate.domain.release import release_of
from lockgate.observe.standstill import Standstill
from lockgate.plan.failures import recipe_of
from lockgate.plan.planner import plan_rollout
from lockgate.plan.progress import marks_of
from lockgate.plan.reach import within_reach

NAME, KEY = "churn", ("growth", "churn")
# By their size alone the largest has two minutes more than the smallest.
VERSIONS = {number: replace(revision(number), size=number * 500_000_000) for number in range(1, 8)}
DEADLINE = timedelta(minutes=6)
GATEWAY = Traffic(gateway="public")
_DEPLOYMENT = deployment()
Write = tuple[str, str, Callable[[], None]]
"""What is written (pods, front, preview, route), of which name, and how."""


class Killed(Exception):
    """The process is gone."""


class Late(Exception):
    """Somebody else has written what is to be written since it was seen."""


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
class View:
    """What the operator last saw."""

    workloads: dict[str, WorkloadFacts] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    pods: tuple[PodFacts, ...] = ()
    front: Front | None = None
    preview: str | None = None
    route: Route | None = None
    word: Word = (False, None)


class LittleWorld:
    """One ModelDeployment; its fields are what hands may change between two passes."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now, self.monotonic, self.process = T0, 0.0, 0
        self.alias, self.pin, self.is_silent = 1, 0, False
        self.elsewhere: set[str] = set()
        """Versions that failed in other ModelDeployments."""
        self.replicas, self.suspend, self.retry, self.cpu, self.limit = 3, False, "", 1, 10
        self.runtime, self.generation, self.request = 1, 1, ""
        self.strategy: Strategy = Rolling()
        self.traffic: Traffic | None = None
        self.keep_warm = timedelta(minutes=5)
        self.settle, self.on_failure = Settle(), OnFailure.ROLLBACK
        self.supersede = Supersede.RESTART
        self.deadline: timedelta | None = DEADLINE
        self.analysis: Analysis | None = None
        self.status: dict[str, object] = {}
        self._read: tuple[dict[str, object], ModelDeploymentStatus] = ({}, ModelDeploymentStatus())
        self._deployed: tuple[dict[str, Any], ModelDeployment] = ({}, _DEPLOYMENT)
        self.cluster = Cluster(rng)
        self.gateway = Gateway(rng)
        self.front: Front | None = None
        self.preview: str | None = None
        self.route: Route | None = None
        self.versions = self.writes = 0
        self.kill_after: int | None = None
        self.view = View()
        self.observed = Observed()
        self.restart()

    def restart(self) -> None:
        """Another process: what the old one remembered is gone."""
        self._standstill = Standstill(lambda: self.now, lambda: self.monotonic)
        self._served = Served()
        self.begun = self.monotonic
        self.process += 1

    def deployment(self) -> ModelDeployment:
        """The resource as the next pass reads it, made anew when something of it has changed."""
        fields: dict[str, Any] = {
            "replicas": self.replicas,
            "suspend": self.suspend,
            "retry": self.retry,
            "request": self.request,
            "strategy": self.strategy,
            "traffic": self.traffic,
            "keep_warm": self.keep_warm,
            "settle": self.settle,
            "on_failure": self.on_failure,
            "supersede": self.supersede,
            "analysis": self.analysis,
            "resources": _resources(self.cpu),
            "generation": self.generation,
            "revision_history_limit": self.limit,
            "progress_deadline": self.deadline,
            "status": self.said,
        }
        if fields != self._deployed[0]:
            self._deployed = (fields, replace(_DEPLOYMENT, **fields))
        return self._deployed[1]

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

    @property
    def pods(self) -> list[Pod]:
        """Everything that runs."""
        return self.cluster.pods

    @property
    def asked(self) -> Workload | None:
        """The Deployment of the ModelDeployment's own name."""
        return self.cluster.workloads.get(NAME)

    def target(self) -> Target | None:
        """What the registry answers."""
        if self.is_silent:
            return None
        elsewhere = Elsewhere("ranker", "it was slow") if self.wanted.version in self.elsewhere else None
        return Target(revision=self.release, pinned=bool(self.pin), failed_elsewhere=elsewhere)

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
        cluster, route = self.cluster, self.route
        self.view = View(
            workloads={name: cluster.facts(name) for name in sorted(cluster.workloads)},
            versions={name: one.version for name, one in cluster.workloads.items()},
            pods=tuple(pod.facts() for pod in cluster.pods),
            front=self.front,
            preview=self.preview,
            route=route,
            word=(False, None) if route is None else self.gateway.word(route),
        )

    def observe(self) -> Observed:
        """What a pass rests on, as the observer makes it of the view."""
        view, known = self.view, self.deployment()
        observed = Observed(
            workload=view.workloads.get(NAME),
            others=tuple(facts for name, facts in view.workloads.items() if name != NAME),
            pods=view.pods,
            route=self._routed(),
            front=view.front.workload if view.front else None,
        )
        candidate = known.status.rollout.candidate
        if candidate is None or known.suspend or known.status.rollout.frozen is not None:
            self._standstill.rests(KEY)
            return observed
        marks = marks_of(observed, candidate)
        unmoved = self._standstill.unmoved(known, recipe_of(known, candidate), marks)
        return replace(observed, unmoved=unmoved)

    def _routed(self) -> RouteFacts | None:
        if self.view.route is None:
            (self._served.forget if self.traffic is None else self._served.nothing)(KEY)
            return None
        # Of a gateway that is not named any more nothing is believed.
        word = self.view.word if self.traffic else (False, None)
        return self._served.facts(KEY, self.view.route.written, word)

    def plan(self) -> Plan:
        """The plan of a pass, as the observer and the planner make it."""
        self.observed = self.observe()
        return plan_rollout(self.deployment(), self.target(), self.observed, self.now, self.measured())

    def measured(self) -> GateVerdict | None:
        """What was measured of a candidate that is where it can be judged."""
        return None

    def apply(self, plan: Plan) -> bool | None:
        """Write what is within reach; whether anything was, or None when the view was too old to write.

        Raises Killed after `kill_after` writes of this process.
        """
        if plan.stage is None:
            return False
        stage = within_reach(plan.stage, self.observed, self.replicas)
        wrote = False
        try:
            for kind, name, write in self.operations(stage):
                self.check_kill()
                self.about_to_write(plan, kind, name)
                write()
                self.writes += 1
                wrote = True
                self.has_written(plan, kind, name)
        except Late:
            self.look()
            return None
        return wrote

    def check_kill(self) -> None:
        """Before each write."""
        if self.kill_after is None:
            return
        if self.kill_after == 0:
            raise Killed
        self.kill_after -= 1

    def about_to_write(self, plan: Plan, kind: str, name: str) -> None:
        """For who holds writes to promises."""

    def has_written(self, plan: Plan, kind: str, name: str) -> None:
        """For who holds writes to promises."""

    def operations(self, stage: Stage) -> Iterator[Write]:
        """Grow, route (front, preview, HTTPRoute), shrink, prune; each is made out when its turn comes."""
        present = self.view.workloads
        changed = [track for track in stage.tracks if not self._is_as(track)]
        fewer = [t for t in changed if t.workload in present and t.replicas < present[t.workload].replicas]
        yield from (self._pods(track) for track in changed if track not in fewer)
        front, route = self.view.front, self.view.route
        if front is None or front.workload != stage.front:
            yield "front", NAME, lambda: self._write_front(stage.front)
        if stage.preview is not None and stage.preview != self.view.preview:
            yield "preview", NAME, lambda: self._write_preview(stage.preview)
        if stage.split is not None and (route is None or route.written != stage.split):
            yield "route", NAME, lambda: self._write_route(stage)
        if self._served.named(KEY) is not None or self.traffic is None:
            yield from (self._pods(track) for track in fewer)
        yield from self._strays(stage)

    def _strays(self, stage: Stage) -> Iterator[Write]:
        is_known = self._served.named(KEY) is not None
        if stage.split is None and self.view.route is not None:
            yield "route", NAME, lambda: self._write_route(stage)
        if stage.preview is None and self.view.preview is not None:
            yield "preview", NAME, lambda: self._write_preview(None)
        named = {track.workload for track in stage.tracks}
        for name in [name for name in self.view.workloads if name not in named]:
            if is_known:
                yield "pods", name, lambda name=name: self._prune(name)

    def _is_as(self, track: Track) -> bool:
        seen = self.view.workloads.get(track.workload)
        return seen is not None and (
            track.release.is_same(seen.revision)
            and (track.replicas, track.paused) == (seen.replicas, seen.paused)
        )

    def _pods(self, track: Track) -> Write:
        return "pods", track.workload, lambda: self._write_pods(track)

    def _write_pods(self, track: Track) -> None:
        name, one = track.workload, self.cluster.workloads.get(track.workload)
        assert track.replicas is not None
        if self.view.versions.get(name) != (one and one.version):
            raise Late
        self.versions += 1
        if one is None:
            self.cluster.workloads[name] = Workload(name, track.release, track.replicas, track.paused)
            self.cluster.workloads[name].version = self.versions
        else:
            one.release, one.asked, one.paused = track.release, track.replicas, track.paused
            one.version = self.versions
        self._reads(name)

    def _reads(self, name: str) -> None:
        self.view.versions[name] = self.cluster.workloads[name].version
        self.view.workloads[name] = self.cluster.facts(name)

    def _prune(self, name: str) -> None:
        one = self.cluster.workloads.get(name)
        if one is not None and self.view.versions.get(name) != one.version:
            raise Late
        if one is not None:
            self.cluster.remove(name)
        del self.view.workloads[name], self.view.versions[name]

    def _write_front(self, workload: str | None) -> None:
        if self.front != self.view.front:
            raise Late
        self.versions += 1
        self.front = self.view.front = Front(workload, self.versions)

    def _write_preview(self, workload: str | None) -> None:
        self.preview = self.view.preview = workload

    def _write_route(self, stage: Stage) -> None:
        if self.route != self.view.route:
            raise Late
        self.versions += 1
        self.route = None if stage.split is None else Route(stage.split, self.versions)
        self.view.route, self.view.word = self.route, (False, None)
        if self.route is None:
            self.gateway.look(None)

    def tell(self, plan: Plan) -> bool:
        """Write the status; whether anything was."""
        target, known = self.target(), self.said
        told = to_dict(
            ModelDeploymentStatus(
                observed_generation=self.generation,
                desired=target.revision if target else known.desired,
                stable=plan.state.stable,
                rollout=plan.state,
                history=(*reversed(plan.finished), *known.history)[: self.limit],
                last_request=plan.answer or known.last_request,
            )
        )
        if told == self.status:
            return False
        self.check_kill()
        self.status = told
        self.writes += 1
        return True

    def control(self) -> None:
        """One look of everybody who plays the cluster but the kubelet."""
        self.cluster.control()
        self.gateway.look(self.route)

    def kubelet(self) -> None:
        """Pods come further."""
        self.cluster.kubelet()

    def wait(self, seconds: float) -> None:
        """Time passes, and the cluster with it."""
        for _ in range(max(1, int(seconds // 60))):
            self.control()
            self.kubelet()
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds
        self.look()
