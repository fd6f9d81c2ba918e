"""What one pass saw of the cluster: facts that a plan may rest on, with no client in sight."""

from dataclasses import dataclass

from lockgate.api.status import Proof, Revision


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
    """One pod of a workload: which version it was made for and what stands in its way."""

    name: str
    revision: Revision | None
    ready: bool
    deleting: bool
    fetch: FetchFacts | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadFacts:
    """A Deployment: which version its template carries and how far the pods have followed."""

    revision: Revision | None
    replicas: int
    updated: int
    total: int
    available: int
    generation_observed: bool
    minimum_available: bool = False
    deadline_exceeded: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every pod is of the present template, available, and no older pod is left."""
        return self.generation_observed and self.updated == self.total == self.available == self.replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that a plan may rest on."""

    workload: WorkloadFacts | None = None
    pods: tuple[PodFacts, ...] = ()

    def pods_of(self, revision: Revision) -> tuple[PodFacts, ...]:
        """The pods that were made for this version and are not on their way out."""
        return tuple(p for p in self.pods if not p.deleting and revision.is_same(p.revision))


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a pass wrote: names of objects created, and of objects put right again."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.created or self.updated or self.repaired)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The version to end on and how it was found (`alias` is absent in a pin's case)."""

    revision: Revision
    pinned: bool
