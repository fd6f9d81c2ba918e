"""Deployments and their pods, played in a few lines: a controller, a kubelet, a cluster with little room.

The controller replaces pods of another release in place, maxSurge 25 %, maxUnavailable 0. Which versions
are bad, and how, is said here.
"""

import math
import random
from dataclasses import dataclass, field

from lockgate.api.status import Proof, Revision
from lockgate.domain.observed import FetchFacts, PodFacts, WorkloadFacts

CORRUPT, NEVER_READY, DIFFERENT_FILES, SILENT = 4, 5, 6, 7
BAD = frozenset({CORRUPT, NEVER_READY, DIFFERENT_FILES, SILENT})


@dataclass(slots=True)
class Pod:
    """A pod of a release, as the kubelet has brought it so far."""

    name: str
    release: Revision
    workload: str = "churn"
    attempts: int = 0
    ready: bool = False
    number: int = field(init=False)
    """Of its version."""
    _said: tuple[tuple[int, bool], PodFacts] | None = None

    def __post_init__(self) -> None:
        self.number = int(self.release.version[1:])

    @property
    def tree(self) -> str:
        """What it proves, once it is ready; nothing for one that keeps silent."""
        if self.number == SILENT or not self.ready:
            return ""
        return f"sha256:{self.number}" + (self.name if self.number == DIFFERENT_FILES else "")

    def facts(self) -> PodFacts:
        """What it says of itself, made anew once it is further."""
        far = (self.attempts, self.ready)
        if self._said is None or self._said[0] != far:
            self._said = far, self._facts()
        return self._said[1]

    def _facts(self) -> PodFacts:
        tree = self.tree
        proof = Proof(tree_digest=tree, files=1, size=1) if tree else None
        problem = "wrong bytes" if self.number == CORRUPT and self.attempts else None
        fetch = FetchFacts(attempts=self.attempts, proof=proof, problem=problem, permanent=bool(problem))
        return PodFacts(
            name=self.name,
            revision=self.release,
            ready=self.ready,
            deleting=False,
            fetch=fetch if self.attempts else None,
        )


@dataclass(slots=True)
class Workload:
    """A Deployment: what is asked for, in which version of it, and the version that its controller saw."""

    name: str
    release: Revision
    asked: int
    paused: bool = False
    version: int = 1
    seen: int = 0


@dataclass(slots=True)
class Cluster:
    """Everything that runs."""

    rng: random.Random
    workloads: dict[str, Workload] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)
    room: int = 99
    is_kind: bool = False
    made: int = 0

    def of(self, name: str) -> list[Pod]:
        """The pods of a workload."""
        return [pod for pod in self.pods if pod.workload == name]

    def ready(self, name: str) -> int:
        """How many pods of a workload are available."""
        return sum(pod.ready for pod in self.pods if pod.workload == name)

    def facts(self, name: str) -> WorkloadFacts:
        """What a Deployment says."""
        one, pods = self.workloads[name], self.of(name)
        return WorkloadFacts(
            name=name,
            revision=one.release,
            replicas=one.asked,
            updated=sum(pod.release.is_same(one.release) for pod in pods),
            total=len(pods),
            available=sum(pod.ready for pod in pods),
            generation_observed=one.seen == one.version,
            paused=one.paused,
        )

    def remove(self, name: str) -> None:
        """A Deployment is deleted, and its pods go with it."""
        del self.workloads[name]
        self.pods = [pod for pod in self.pods if pod.workload != name]

    def control(self) -> None:
        """One look of the Deployment controller."""
        for one in self.workloads.values():
            one.seen = one.version
            self._control(one)

    def _control(self, one: Workload) -> None:
        mine = self.of(one.name)
        new = [pod for pod in mine if pod.release.is_same(one.release)]
        old = [pod for pod in mine if pod not in new]
        if one.paused and old:
            return  # a paused Deployment is scaled in proportion; nothing here asks for that
        while len(new) > one.asked:
            self.pods.remove(least := min(new, key=lambda pod: pod.ready))
            new.remove(least)
        surge = max(1, math.ceil(one.asked / 4))
        while len(new) < one.asked and len(new) + len(old) < one.asked + surge:
            self.made += 1
            new.append(Pod(f"p{self.made}", one.release, one.name))
            self.pods.append(new[-1])
        ready = sum(pod.ready for pod in (*new, *old))
        for pod in old:
            if not pod.ready or ready > one.asked or one.asked == 0:
                self.pods.remove(pod)
                ready -= pod.ready

    def kubelet(self) -> None:
        """Pods come further, each by chance."""
        for place, pod in enumerate(self.pods):
            if pod.ready or place >= self.room or (not self.is_kind and self.rng.random() < 0.4):
                continue
            pod.attempts = min(9, pod.attempts + (pod.number == CORRUPT or not pod.attempts))
            pod.ready = pod.number not in (CORRUPT, NEVER_READY) and (self.is_kind or self.rng.random() < 0.6)
