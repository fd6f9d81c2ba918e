"""What can go wrong, as a tree that decides what happens next.

    LockgateError(reason, message)
    ├── Terminal          a human must act: Stalled, looked at again on a change or a slow resync
    │   ├── InvalidSpec   a field of the resource cannot be used as it stands
    │   ├── ArtifactRejected   the version may never be served (empty, references, format, bytes)
    │   ├── DigestChanged      one version was seen with two contents
    │   └── NotOwned      an object of that name exists and is not ours
    ├── NotReadyYet       nothing is broken: looked at again at a fixed interval, no back-off
    │   ├── AliasNotFound, VersionNotFound, RegistryNotFound, AccessDenied
    │   ├── ArtifactPending
    │   └── RuntimeNotFound
    └── Transient(after)  jittered back-off; a hint of the server wins
        ├── RegistryUnavailable, RegistryClientFailed
        ├── ClusterUnavailable, Conflict, Forbidden
        └── Contested     somebody else keeps changing what we put right

Doors translate foreign errors into these with `raise ... from`. Messages are one sentence for a
person, name the thing and the fix, and never carry a secret, a signed address or a header.
A gate that fails is a decision, not an error.
"""

from typing import ClassVar

from lockgate.names import Reason


class LockgateError(Exception):
    """Anything a pass can end with; `reason` is the condition reason, `message` the sentence."""

    reason: ClassVar[Reason] = Reason.INTERNAL_ERROR

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Terminal(LockgateError):
    """A human must act; nothing is retried before something changes."""


class InvalidSpec(Terminal):
    """A field cannot be used; `path` names it the way kubectl explain does."""

    reason = Reason.INVALID_SPEC

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path


class ArtifactRejected(Terminal):
    """The registry's version must not be served."""

    reason = Reason.ARTIFACT_REJECTED


class FormatNotAccepted(ArtifactRejected):
    """The runtime does not accept the model's format."""

    reason = Reason.FORMAT_NOT_ACCEPTED


class DigestChanged(ArtifactRejected):
    """A version that was served before now claims other contents."""

    reason = Reason.DIGEST_CHANGED


class NotOwned(Terminal):
    """An object with the name of one of ours belongs to somebody else."""

    reason = Reason.NOT_OWNED


class NotReadyYet(LockgateError):
    """Not a failure of ours: look again after a fixed interval."""


class AliasNotFound(NotReadyYet):
    """The collection has no such alias, or the key cannot see it (W&B answers both alike)."""

    reason = Reason.ALIAS_NOT_FOUND


class VersionNotFound(NotReadyYet):
    """A pinned version does not exist in the collection, or the key cannot see it."""

    reason = Reason.VERSION_NOT_FOUND


class RegistryNotFound(NotReadyYet):
    """The registry or the collection does not exist, or the key cannot see it."""

    reason = Reason.REGISTRY_NOT_FOUND


class AccessDenied(NotReadyYet):
    """The registry refused the key."""

    reason = Reason.ACCESS_DENIED


class ArtifactPending(NotReadyYet):
    """The version is still being uploaded."""

    reason = Reason.ARTIFACT_PENDING


class RuntimeNotFound(NotReadyYet):
    """The named ModelRuntime does not exist (yet)."""

    reason = Reason.RUNTIME_NOT_FOUND


class Transient(LockgateError):
    """Expected to pass; `after` (seconds) is the server's own hint, if it gave one."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RegistryUnavailable(Transient):
    """The registry did not answer, was throttled, or answered something that is no answer."""

    reason = Reason.REGISTRY_UNAVAILABLE


class RegistryClientFailed(Transient):
    """The registry's client process died and is being rebuilt."""

    reason = Reason.REGISTRY_CLIENT_FAILED


class ClusterUnavailable(Transient):
    """The Kubernetes API did not answer or asked for patience."""

    reason = Reason.CLUSTER_UNAVAILABLE


class Conflict(Transient):
    """Our view was older than the object; the next pass reads again."""

    reason = Reason.CONFLICT


class Forbidden(Transient):
    """The Kubernetes API refused the operator's rights."""

    reason = Reason.FORBIDDEN


class Contested(Transient):
    """Somebody else keeps changing an object of ours; both going on would never end."""

    reason = Reason.CONTESTED


class InternalError(Transient):
    """A defect of Lockgate; logged with its traceback and tried again with back-off."""

    reason = Reason.INTERNAL_ERROR
