"""The doors as the core sees them. Adapters implement these; tests bring plain classes."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Protocol

from lockgate.api.spec import Followed
from lockgate.api.status import ModelDeploymentStatus
from lockgate.domain.analysis import Measured
from lockgate.domain.resources import Key, Object, Resource, Tried
from lockgate.domain.version import Contents, Reference, Version
from lockgate.errors import LockgateError

Lookup = Version | LockgateError


class Registry(Protocol):
    """A model registry. Calls block for up to the adapter's own deadline; run them in a thread.

    Answers are told apart by error class: missing (`AliasNotFound`, `VersionNotFound`,
    `RegistryNotFound`), refused (`AccessDenied`), down (`RegistryUnavailable`) and broken client
    (`RegistryClientFailed`). An outage is never reported as absence.
    """

    def warm(self) -> None:
        """Load the client, so that the first look-up is as quick as any; raises a LockgateError."""

    def look_up(self, references: Sequence[Reference]) -> Mapping[Reference, Lookup]:
        """Resolve references, in as few requests as the server allows; never raises.

        In the order given, as far as the time allows: what was not asked for has no answer.
        """

    def inspect(self, version: Version) -> Contents:
        """Read the version's manifest, within limits; raises a LockgateError."""

    def close(self) -> None:
        """Release the client and its processes, soon; further calls fail."""


class ClusterView(Protocol):
    """What was last seen of the cluster, kept by the watch; reading it costs no request."""

    def get(self, resource: Resource, key: Key) -> Object | None:
        """The object as last seen."""

    def stamp(self, resource: Resource, key: Key) -> bytes | None:
        """Equal as long as nothing changes that is read of the object; None when there is none.

        Much cheaper than to get the object.
        """

    def children(self, resource: Resource, parent: Key) -> Iterable[Object]:
        """The objects that carry the label of this ModelDeployment."""

    def names(self, resource: Resource, parent: Key) -> tuple[Key, ...]:
        """Where those are; costs much less than to read them."""

    def on_runtime(self, runtime: str) -> tuple[int, Set[Key]]:
        """How many ModelDeployments name a runtime, and which of them roll because it was edited."""

    def failed_in(self, tried: Tried) -> tuple[Key, ...]:
        """The ModelDeployments that remember such a version as one that failed on such a runtime."""

    def upsert(self, resource: Resource, obj: Object) -> bool:
        """Take an object in; False when what is known is as new."""

    def remove(self, resource: Resource, obj: Object) -> bool:
        """Forget an object that is gone; False when a newer one of that name is known."""


class Sight(Protocol):
    """Which kinds are seen: what is not seen may be there all the same."""

    def sees(self, resource: Resource, namespace: str) -> bool:
        """Whether every object of a kind was listed there, and may be listed still."""

    def lacks(self, resource: Resource) -> bool:
        """Whether the cluster is known to have no such kind, so that there is no object of it."""


class Cluster(Protocol):
    """The Kubernetes API. Every call raises a LockgateError when it fails."""

    async def get(self, resource: Resource, key: Key) -> Object | None:
        """Read one object; None when there is none."""

    async def apply(self, resource: Resource, obj: Object, *, force: bool) -> Object:
        """Server-side apply; with `force` False a field of another owner is a NotOwned."""

    async def apply_status(self, resource: Resource, obj: Object) -> Object:
        """Replace the status; raises Conflict when the object is no longer in the version given."""

    async def hold(self, resource: Resource, obj: Object, finalizers: Sequence[str]) -> Object:
        """Let it wait for these when it is deleted, in just this version; raises Conflict for another."""

    async def create(self, resource: Resource, obj: Object) -> Object:
        """Create an object; raises AlreadyExists when one of that name is there, whoever made it."""

    async def delete(self, resource: Resource, obj: Object) -> None:
        """Delete just this object, by its UID and version; raises Conflict when it is another by now."""


class Telemetry(Protocol):
    """What the core counts; every call is cheap and cannot fail."""

    def pass_ended(self, key: Key, outcome: str, seconds: float) -> None:
        """A pass ended with an outcome word."""

    def rollout_ended(self, key: Key, strategy: str, outcome: str, seconds: float | None) -> None:
        """A rollout ended."""

    def status_changed(
        self, key: Key, status: ModelDeploymentStatus, followed: Followed, now: datetime
    ) -> None:
        """A pass ended with this status; cheap when it is the last one's."""

    def analysis_judged(self, key: Key, measured: Sequence[Measured]) -> None:
        """What an analysis found of the candidate of a status that was shown; nothing when none is made."""

    def request_answered(self, verb: str, outcome: str) -> None:
        """A request of a person was granted or refused; `verb` is empty for what is no request."""

    def forgotten(self, key: Key) -> None:
        """The ModelDeployment is gone."""

    def event_dropped(self) -> None:
        """An Event will never be written."""

    def task_restarted(self, task: str) -> None:
        """A part of the operator failed and began anew."""

    def registry_answered(self, source: str, operation: str, outcome: str, seconds: float) -> None:
        """A request to the registry of that name ended."""
