"""The doors as the core sees them. Adapters implement these; tests bring plain classes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from lockgate.domain.model import Contents, ModelReference, ModelVersion
from lockgate.domain.resources import Key, Object, Resource
from lockgate.errors import LockgateError

Lookup = ModelVersion | LockgateError


class Registry(Protocol):
    """A model registry. Calls block for up to the adapter's own deadline; run them in a thread.

    Answers are told apart by error class: missing (`AliasNotFound`, `VersionNotFound`,
    `RegistryNotFound`), refused (`AccessDenied`), down (`RegistryUnavailable`) and broken client
    (`RegistryClientFailed`). An outage is never reported as absence.
    """

    def look_up(self, references: Sequence[ModelReference]) -> Mapping[ModelReference, Lookup]:
        """Resolve every reference, in as few requests as the server allows; never raises."""

    def inspect(self, version: ModelVersion) -> Contents:
        """Read the version's manifest; raises a LockgateError."""

    def close(self) -> None:
        """Release the client and its processes; further calls fail."""


class ClusterView(Protocol):
    """What was last seen of the cluster, kept by the watch; reading it costs no request."""

    def get(self, resource: Resource, key: Key) -> Object | None:
        """The object as last seen."""

    def children(self, resource: Resource, parent: Key) -> Iterable[Object]:
        """The objects that carry the label of this ModelDeployment."""

    def upsert(self, resource: Resource, obj: Object) -> bool:
        """Take an object in; False when what is known is as new."""


class Cluster(Protocol):
    """The Kubernetes API. Every call raises a LockgateError when it fails."""

    async def get(self, resource: Resource, key: Key) -> Object | None:
        """Read one object; None when there is none."""

    async def apply(self, resource: Resource, obj: Object, *, force: bool) -> Object:
        """Server-side apply; with `force` False a field of another owner is a NotOwned."""

    async def apply_status(self, resource: Resource, obj: Object) -> Object:
        """Server-side apply of the status subresource."""

    async def create(self, resource: Resource, obj: Object) -> None:
        """Create an object."""


class Telemetry(Protocol):
    """What the core counts; every call is cheap and cannot fail."""

    def pass_ended(self, key: Key, outcome: str, seconds: float) -> None:
        """A pass ended with an outcome word."""

    def rollout_ended(self, key: Key, outcome: str, seconds: float | None) -> None:
        """A rollout ended."""

    def status_changed(self, key: Key, status: Object, collection: str, alias: str) -> None:
        """A new status was written or first seen."""

    def forgotten(self, key: Key) -> None:
        """The ModelDeployment is gone."""

    def registry_answered(self, operation: str, outcome: str, seconds: float) -> None:
        """A request to the registry ended."""
