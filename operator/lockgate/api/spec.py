"""What users write, as frozen values: the spec of a ModelDeployment and of a ModelRuntime.

Field for field the schemas under crds/ (a contract test holds the two together). No logic
beyond what a field means; parsing lives in `parse.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from lockgate.api.analysis import Analysis
from lockgate.api.backend import BackendChoice
from lockgate.api.gates import Gates
from lockgate.api.lifecycle import OnFailure, Settle, Supersede
from lockgate.api.status import ModelDeploymentStatus
from lockgate.api.strategy import Strategy, Traffic, Variant


class OnAliasMissing(StrEnum):
    """What Ready says when the alias is gone; the last version serves on either way."""

    HOLD = "Hold"
    FAIL = "Fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version fixed by a human, for a reason, possibly until a moment."""

    version: str
    reason: str
    until: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether the pin holds at this moment."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Requests and limits by resource name; quantities stay the text that was written."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which object a pass speaks of, in which state of it: enough to write a status or an Event."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name, the key of queue and store."""
        return (self.namespace, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDeployment(Identity):
    """One ModelDeployment as it was read: identity, spec and the status of the last pass.

    `retry` is the value of the annotation by which people ask for an aborted version once more,
    `request` that of the one by which they ask for anything (`api/requests.py`).
    `serves_as` is the name by which clients ask for its model: of a variant, that of the ModelDeployment
    beside which it stands, for requests come to either. `source` is which of the registry servers that
    the operator knows holds the collection. `keep_warm` is for how long the pods of the release before
    stay ready once another has taken over from them.
    Without a `progress_deadline` it is that of the size (`domain/patience.py`).
    """

    retry: str
    request: str
    serves_as: str
    source: str
    registry: str
    collection: str
    alias: str
    runtime: str
    backend: BackendChoice
    replicas: int
    strategy: Strategy
    traffic: Traffic | None
    variants: tuple[Variant, ...]
    keep_warm: timedelta
    analysis: Analysis | None
    gates: Gates
    resources: Resources
    pin: Pin | None
    suspend: bool
    on_alias_missing: OnAliasMissing
    settle: Settle
    supersede: Supersede
    on_failure: OnFailure
    progress_deadline: timedelta | None
    min_ready_seconds: int
    revision_history_limit: int
    status: ModelDeploymentStatus

    @property
    def model(self) -> str:
        """Registry and collection as people name them."""
        return f"{self.registry}/{self.collection}"


@dataclass(frozen=True, slots=True)
class Followed:
    """What a spec follows, by which strategy and where, for those who count; whatever else it says."""

    collection: str
    alias: str
    strategy: str
    backend: str = "deployment"


class OnChange(StrEnum):
    """When an edit of a runtime reaches the models that run on it."""

    ROLLOUT = "Rollout"
    NEXT_VERSION = "NextVersion"


class Protocol(StrEnum):
    """What clients of a runtime speak."""

    OPEN_INFERENCE_V2 = "OpenInferenceV2"
    OPEN_INFERENCE_V1 = "OpenInferenceV1"
    OPENAI = "OpenAI"
    CUSTOM = "Custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeMetrics:
    """Where a server's metrics are and the PromQL for the three that matter.

    They give requests a second, failed requests a second, and seconds; for the pods of one release where
    the text names `$release`.
    """

    path: str
    port: int | None = None
    requests: str | None = None
    errors: str | None = None
    latency: str | None = None


RAY_PORT: Final = 8000
"""Where Ray Serve answers unless it is told otherwise, which it is not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayServer:
    """How an image serves on Ray: its version of that, the Serve application, the deployment that answers."""

    version: str
    import_path: str
    deployment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRuntime:
    """A model server that the platform team offers."""

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    port: int
    protocol: Protocol
    readiness_path: str
    accepted_formats: tuple[str, ...]
    resources: Resources
    ceilings: Mapping[str, str]
    termination_grace_period_seconds: int
    metrics: RuntimeMetrics | None
    ray: RayServer | None
    on_change: OnChange
