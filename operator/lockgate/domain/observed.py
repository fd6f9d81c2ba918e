"""What one pass saw of the cluster: facts that a plan may rest on, with no client in sight."""

from dataclasses import dataclass
from datetime import timedelta

from lockgate.api.status import Proof, Revision
from lockgate.domain.split import Arm, TrafficSplit
from lockgate.errors import LockgateError, Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFacts:
    """How the fetch container of a pod fares.

    `proof` is set once it succeeded; `problem` is one sentence once it failed, `permanent` whether
    trying again cannot help (wrong bytes), `attempts` how often it was started so far.
    """

    attempts: int
    proof: Proof | None = None
    problem: str | None = None
    permanent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """One pod of a workload: which version it was made for and what stands in its way.

    `ended` says why it will never run again, though it is still there: evicted, say, or not admitted
    by its node. Kubernetes counts it no more and has made another in its place.
    """

    name: str
    revision: Revision | None
    ready: bool
    deleting: bool
    fetch: FetchFacts | None = None
    problem: str | None = None
    ended: str | None = None

    @property
    def proof(self) -> Proof | None:
        """What it proved of its files, if it has."""
        return self.fetch.proof if self.fetch else None

    @property
    def trouble(self) -> str | None:
        """What stands in its way, be it of its fetch or of its server."""
        return (self.fetch.problem if self.fetch else None) or self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadFacts:
    """A workload by its name: which version its template carries and how far the pods have followed.

    `problem` is why the cluster makes no more pods of it, as far as it says.
    """

    name: str
    revision: Revision | None
    replicas: int
    updated: int
    total: int
    available: int
    generation_observed: bool
    minimum_available: bool = False
    deadline_exceeded: bool = False
    paused: bool = False
    problem: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every pod is of the present template, available, and no older pod is left."""
        return self.generation_observed and self.updated == self.total == self.available == self.replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFacts:
    """How the traffic is split: as the route has it written, and as the gateway says that it serves it.

    Until the gateway says of what is written that it serves it, `served` is the newest of those before
    that it may be serving yet, None when no other is known, and `possible` are the rest. `problem` is, in
    a sentence, why it refuses what is written. All of these are without arms, which are no business of a
    rollout; `arms` are those that are served.
    """

    written: TrafficSplit
    served: TrafficSplit | None = None
    possible: tuple[TrafficSplit, ...] = ()
    problem: str | None = None
    arms: tuple[Arm, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFacts:
    """A variant by the name of its ModelDeployment: which version it serves, and whether it answers."""

    name: str
    version: str | None = None
    answers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that a plan may rest on.

    `workload` is the one of the ModelDeployment's own name, `others` are further ones. `pods` are
    only those that Kubernetes itself counts to our workloads. `front` is the workload whose pods alone
    answer at the ModelDeployment's own address, None when all pods do or nothing is there. `unmoved`
    is for how long the candidate came no further, as far as this process can know. `arms` are the
    ModelDeployments of its variants that are there. `given_up` is why the candidate's own backend has gone
    back from it by itself, and will try it no more.
    """

    workload: WorkloadFacts | None = None
    others: tuple[WorkloadFacts, ...] = ()
    pods: tuple[PodFacts, ...] = ()
    route: RouteFacts | None = None
    front: str | None = None
    unmoved: timedelta = timedelta()
    arms: tuple[ArmFacts, ...] = ()
    given_up: str | None = None

    @property
    def workloads(self) -> tuple[WorkloadFacts, ...]:
        """Every workload that is there."""
        return self.others if self.workload is None else (self.workload, *self.others)

    def named(self, name: str | None) -> WorkloadFacts | None:
        """The workload of this name."""
        return next((workload for workload in self.workloads if workload.name == name), None)

    def runs(self, revision: Revision) -> WorkloadFacts | None:
        """The workload that runs this release; the one with most available pods if several do."""
        found = [each for each in self.workloads if revision.is_same(each.revision)]
        return max(found, key=lambda workload: workload.available, default=None)

    def pods_of(self, revision: Revision) -> tuple[PodFacts, ...]:
        """The pods that were made for this version and neither ended nor are on their way out."""
        alive = (pod for pod in self.pods if not pod.deleting and pod.ended is None)
        return tuple(pod for pod in alive if revision.is_same(pod.revision))

    def trees_of(self, revision: Revision) -> frozenset[str]:
        """The different trees that pods of this version proved; more than one is one too many."""
        return frozenset(pod.proof.tree_digest for pod in self.pods_of(revision) if pod.proof)

    def proved(self, revision: Revision) -> frozenset[str]:
        """The same, with what pods proved of this version before."""
        return self.trees_of(revision) | ({revision.tree} if revision.tree else frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a pass wrote: names of objects created, put right again, and deleted.

    `altered` are the fields that the cluster does not take as they are asked for.
    `followed`: a controller will tell that it has seen the change. `arms_trouble` is what kept a variant
    from being brought in line, while everything else was.
    """

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    followed: bool = False
    arms_trouble: LockgateError | None = None

    @property
    def moved(self) -> bool:
        """Whether anything was written of what is to be there."""
        return bool(self.created or self.updated or self.repaired)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return self.moved or bool(self.removed)


def joined(first: Applied, second: Applied) -> Applied:
    """What two together wrote; of two troubles the one that a person must end."""
    troubles = [each.arms_trouble for each in (first, second) if each.arms_trouble]
    troubles.sort(key=lambda each: not isinstance(each, Terminal))
    return Applied(
        created=first.created + second.created,
        updated=first.updated + second.updated,
        repaired=first.repaired + second.repaired,
        removed=first.removed + second.removed,
        altered=first.altered + second.altered,
        followed=first.followed or second.followed,
        arms_trouble=next(iter(troubles), None),
    )


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """That a version failed in another ModelDeployment on the same runtime: where, and how."""

    where: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The version to end on and how it was found (`alias` is absent in a pin's case).

    `warning` is what a gate has to say of it that keeps it from nothing, before it rolls out.
    """

    revision: Revision
    pinned: bool
    failed_elsewhere: Elsewhere | None = None
    warning: str | None = None
