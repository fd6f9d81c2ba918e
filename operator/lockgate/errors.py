"""What can go wrong, as a tree that decides what happens next.

    LockgateError(reason, message)
    ├── Terminal          a human must act: Stalled, looked at again on a change (else at an interval)
    │   ├── InvalidSpec   a field of the resource cannot be used as it stands
    │   ├── ArtifactRejected   the version may never be served (empty, references, format, bytes)
    │   ├── DigestChanged      one version was seen with two contents
    │   ├── NotOwned      an object of that name exists and is not ours
    │   ├── Refused       the API server will never take what was to be written
    │   └── QueryRefused  Prometheus will never answer what it was asked with one number
    ├── NotReadyYet       nothing is broken: looked at again at a fixed interval, no back-off
    │   ├── Missing       AliasNotFound, VersionNotFound, RegistryNotFound
    │   ├── AccessDenied, ArtifactPending
    │   ├── RuntimeNotFound, GatewayNotReady
    │   ├── Unanswered    the registry was asked, and will be heard
    │   ├── GateWaiting   a service that a gate asks has said neither yes nor no
    │   └── Terminating   an object of ours is on its way out, and its name is taken meanwhile
    └── Transient(after)  jittered back-off; a hint of the server wins
        ├── RegistryUnavailable, RegistryClientFailed, RegistryUntrusted
        ├── ClusterUnavailable, Conflict (AlreadyExists), Forbidden
        ├── PrometheusUnavailable
        ├── BackendUnavailable, BackendDenied  (aws/errors.py)
        ├── Contested     somebody else keeps changing what we put right
        └── InternalError a defect of Lockgate itself

Doors translate foreign errors into these with `raise ... from`. Messages are one sentence for a
person, name the thing and the fix, and never carry a secret, a signed address or a header; they
are bounded and printable as soon as they are made. An error knows the condition that it speaks
of beside Ready. A gate that fails is a decision, not an error.
"""

from typing import ClassVar

from lockgate.names import ConditionType, Reason
from lockgate.sentences import cause, sentence


class LockgateError(Exception):
    """Anything a pass can end with; `reason` is the condition reason, `message` the sentence.

    `condition` is RESOLVED when what failed is the registry's answer, None when nothing but the
    summary is concerned.
    """

    reason: ClassVar[Reason] = Reason.INTERNAL_ERROR
    condition: ClassVar[ConditionType | None] = None

    def __init__(self, message: str) -> None:
        self.message = sentence(message)
        super().__init__(self.message)


class Terminal(LockgateError):
    """A human must act; nothing is retried before something changes.

    `end_is_told` says whether an event tells us that it changed. Where none does we look again.
    """

    end_is_told: ClassVar[bool] = True


class InvalidSpec(Terminal):
    """A field cannot be used; `path` names it the way kubectl explain does."""

    reason = Reason.INVALID_SPEC

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{sentence(path, 200)} {problem}")
        self.path, self.problem = path, problem


class ArtifactRejected(Terminal):
    """The registry's version must not be served."""

    reason = Reason.ARTIFACT_REJECTED
    condition = ConditionType.RESOLVED


class GateRefused(ArtifactRejected):
    """A version does not pass a gate; `version` and `recipe` name it and a question not to be asked again."""

    reason = Reason.GATE_REFUSED

    def __init__(self, message: str, *, version: str = "", recipe: str = "") -> None:
        super().__init__(message)
        self.version, self.recipe = version, recipe


class RuntimeMismatch(ArtifactRejected):
    """A version is pinned to another image than that of its runtime."""

    reason = Reason.RUNTIME_MISMATCH


class FormatNotAccepted(ArtifactRejected):
    """The runtime does not accept the model's format."""

    reason = Reason.FORMAT_NOT_ACCEPTED


class DigestChanged(ArtifactRejected):
    """A version that was served before now claims other contents."""

    reason = Reason.DIGEST_CHANGED


class TemplateLost(Terminal):
    """What the pods of a release were made of is nowhere to be found, so it cannot be put right."""

    reason = Reason.TEMPLATE_LOST


class NotOwned(Terminal):
    """An object with the name of one of ours belongs to somebody else."""

    reason = Reason.NOT_OWNED
    end_is_told = False  # an object without our label is not watched


class Refused(Terminal):
    """The API server will never take what was to be written, as it stands."""

    reason = Reason.REFUSED
    end_is_told = False  # policies and admission webhooks are not watched


class QueryRefused(Terminal):
    """Prometheus will never answer what it was asked, as it stands, with one number for each moment."""

    reason = Reason.QUERY_REFUSED
    end_is_told = False  # what a query meets in Prometheus is not watched


class NotReadyYet(LockgateError):
    """Not a failure of ours: look again after a fixed interval."""


class Missing(NotReadyYet):
    """What the spec names is not in the registry, or the key cannot see it."""

    condition = ConditionType.RESOLVED


class AliasNotFound(Missing):
    """The collection has no such alias, or the key cannot see it (W&B answers both alike)."""

    reason = Reason.ALIAS_NOT_FOUND


class VersionNotFound(Missing):
    """A pinned version does not exist in the collection, or the key cannot see it."""

    reason = Reason.VERSION_NOT_FOUND


class RegistryNotFound(Missing):
    """The registry or the collection does not exist, or the key cannot see it."""

    reason = Reason.REGISTRY_NOT_FOUND


class AccessDenied(NotReadyYet):
    """The registry refused the key."""

    reason = Reason.ACCESS_DENIED
    condition = ConditionType.RESOLVED


class ArtifactPending(NotReadyYet):
    """The version is still being uploaded."""

    reason = Reason.ARTIFACT_PENDING
    condition = ConditionType.RESOLVED


class RuntimeNotFound(NotReadyYet):
    """The named ModelRuntime does not exist (yet)."""

    reason = Reason.RUNTIME_NOT_FOUND


class GatewayNotReady(NotReadyYet):
    """No route can be made as things are: the kind is not there, or may not be seen."""

    reason = Reason.GATEWAY_NOT_READY


class BackendNotReady(NotReadyYet):
    """Nothing can run where it is to run, as things are: the kind is not there, or may not be seen."""

    reason = Reason.BACKEND_NOT_READY


class Unanswered(NotReadyYet):
    """The registry was asked and has not answered yet; its answer wakes whoever waits for it.

    `waited` tells for how long (seconds) its answer has been waited for.
    """

    reason = Reason.WAITING_FOR_REGISTRY
    condition = ConditionType.RESOLVED

    def __init__(self, message: str, waited: float = 0.0) -> None:
        super().__init__(message)
        self.waited = waited


class GateWaiting(NotReadyYet):
    """A service that a gate asks has said neither yes nor no; its answer wakes whoever waits for it."""

    reason = Reason.GATE_WAITING
    condition = ConditionType.RESOLVED


class Terminating(NotReadyYet):
    """An object of ours is being deleted; the end of that wakes whoever waits for it."""

    reason = Reason.WAITING_FOR_DELETION


class Transient(LockgateError):
    """Expected to pass; `after` (seconds) is the server's own hint, if it gave one."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RegistryUnavailable(Transient):
    """The registry did not answer, was throttled, or answered something that is no answer."""

    reason = Reason.REGISTRY_UNAVAILABLE
    condition = ConditionType.RESOLVED


class RegistryClientFailed(Transient):
    """The registry's client process died and is being rebuilt."""

    reason = Reason.REGISTRY_CLIENT_FAILED
    condition = ConditionType.RESOLVED


class RegistryUntrusted(Transient):
    """The registry's certificate is signed by nobody that is trusted here."""

    reason = Reason.REGISTRY_UNTRUSTED
    condition = ConditionType.RESOLVED


class ClusterUnavailable(Transient):
    """The Kubernetes API did not answer or asked for patience."""

    reason = Reason.CLUSTER_UNAVAILABLE


class PrometheusUnavailable(Transient):
    """Prometheus did not answer, refused the token, asked for patience, or gave no answer of Prometheus."""

    reason = Reason.PROMETHEUS_UNAVAILABLE


class Conflict(Transient):
    """Our view was older than the object; the next pass reads again."""

    reason = Reason.CONFLICT


class AlreadyExists(Conflict):
    """An object of that name is there already, whoever made it."""


class Forbidden(Transient):
    """The Kubernetes API refused the operator's rights."""

    reason = Reason.FORBIDDEN


class Contested(Transient):
    """Somebody else keeps changing an object of ours; both going on would never end."""

    reason = Reason.CONTESTED


class InternalError(Transient):
    """A defect of Lockgate; logged with its traceback and tried again with back-off."""

    reason = Reason.INTERNAL_ERROR

    @classmethod
    def of(cls, defect: BaseException, doing: str) -> "InternalError":
        """What is told of a defect: the same each time, so that a status stays as it is.

        Its own words are for the log: nobody has checked what they carry.
        """
        kind = cause(type(defect).__name__)
        return cls(
            f"a defect of Lockgate ({kind}) stopped {doing}; what serves goes on serving, it is tried "
            "again, and the operator's log says more"
        )
