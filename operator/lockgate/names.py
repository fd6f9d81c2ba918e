"""Every name Lockgate writes into a cluster: group, labels, annotations, conditions, reasons.

A name that users see is part of the contract, so it is spelled once, here. No logic.
"""

from enum import StrEnum
from typing import Final

GROUP: Final = "lockgate.dev"
API_VERSION: Final = "v1alpha1"
MODEL_DEPLOYMENT_KIND: Final = "ModelDeployment"
MODEL_DEPLOYMENTS: Final = "modeldeployments"
MODEL_RUNTIME_KIND: Final = "ModelRuntime"
MODEL_RUNTIMES: Final = "modelruntimes"

# Of what lies outside the cluster: no garbage collector would find it.
FINALIZER: Final = "lockgate.dev/elsewhere"
FIELD_MANAGER: Final = "lockgate"
FIELD_MANAGER_OF_PEOPLE: Final = "lockgate-cli"
DEFAULT_SOURCE: Final = "default"

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_MODEL_DEPLOYMENT: Final = "lockgate.dev/model-deployment"
LABEL_WORKLOAD: Final = "lockgate.dev/workload"
LABEL_RELEASE: Final = "lockgate.dev/release"
LABEL_POD_TEMPLATE_HASH: Final = "pod-template-hash"
MANAGED_BY: Final = "lockgate"
MANAGED_SELECTOR: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"

ANNOTATION_URI: Final = "lockgate.dev/model-uri"
ANNOTATION_SOURCE: Final = "lockgate.dev/model-source"
ANNOTATION_VERSION: Final = "lockgate.dev/model-version"
ANNOTATION_DIGEST: Final = "lockgate.dev/model-digest"
ANNOTATION_SIZE: Final = "lockgate.dev/model-size"
ANNOTATION_RUNTIME: Final = "lockgate.dev/model-runtime"
# What a release on Ray is served by, kept with the template of its pods.
ANNOTATION_RAY_VERSION: Final = "lockgate.dev/ray-version"
ANNOTATION_RAY_IMPORT_PATH: Final = "lockgate.dev/ray-import-path"
ANNOTATION_RAY_DEPLOYMENT: Final = "lockgate.dev/ray-deployment"
ANNOTATION_BACKEND: Final = "lockgate.dev/backend"
ANNOTATION_APPLIED_GENERATION: Final = "lockgate.dev/applied-generation"
ANNOTATION_RENDER_HASH: Final = "lockgate.dev/render-hash"
ANNOTATION_RETRY: Final = "lockgate.dev/retry"
ANNOTATION_REQUEST: Final = "lockgate.dev/request"
# Not ours, but what scrapers that look for annotations look for.
ANNOTATION_SCRAPE: Final = "prometheus.io/scrape"
ANNOTATION_SCRAPE_PATH: Final = "prometheus.io/path"
ANNOTATION_SCRAPE_PORT: Final = "prometheus.io/port"

SERVER_CONTAINER: Final = "server"
FETCH_CONTAINER: Final = "fetch"
# What KServe calls the two: it tells how these fare in the status of its own object.
KSERVE_SERVER_CONTAINER: Final = "kserve-container"
KSERVE_FETCH_CONTAINER: Final = "storage-initializer"
SERVER_CONTAINERS: Final = (SERVER_CONTAINER, KSERVE_SERVER_CONTAINER)
FETCH_CONTAINERS: Final = (FETCH_CONTAINER, KSERVE_FETCH_CONTAINER)
MODEL_MOUNT_PATH: Final = "/mnt/models"


class ConditionType(StrEnum):
    """Condition types of a ModelDeployment; `Reconciling` and `Stalled` exist only while true."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    RESOLVED = "Resolved"
    AVAILABLE = "Available"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    VERIFIED = "Verified"


class Reason(StrEnum):
    """The closed set of reasons: of conditions, of Events and of errors."""

    # resolve
    RESOLVED = "Resolved"
    PINNED = "Pinned"
    ALIAS_NOT_FOUND = "AliasNotFound"
    VERSION_NOT_FOUND = "VersionNotFound"
    REGISTRY_NOT_FOUND = "RegistryNotFound"
    ACCESS_DENIED = "AccessDenied"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    REGISTRY_CLIENT_FAILED = "RegistryClientFailed"
    REGISTRY_UNTRUSTED = "RegistryUntrusted"
    ARTIFACT_PENDING = "ArtifactPending"
    ARTIFACT_REJECTED = "ArtifactRejected"
    DIGEST_CHANGED = "DigestChanged"
    FORMAT_NOT_ACCEPTED = "FormatNotAccepted"
    GATE_REFUSED = "GateRefused"
    RUNTIME_MISMATCH = "RuntimeMismatch"
    GATE_WAITING = "GateWaiting"
    GATE_WARNED = "GateWarned"
    # spec and platform
    INVALID_SPEC = "InvalidSpec"
    RUNTIME_NOT_FOUND = "RuntimeNotFound"
    TEMPLATE_LOST = "TemplateLost"
    NOT_OWNED = "NotOwned"
    CONTESTED = "Contested"
    REFUSED = "Refused"
    WAITING_FOR_DELETION = "WaitingForDeletion"
    # rollout
    ROLLING_OUT = "RollingOut"
    ROLLED_OUT = "RolledOut"
    SETTLING = "Settling"
    FROZEN = "Frozen"
    QUARANTINED = "Quarantined"
    ROLLOUT_STARTED = "RolloutStarted"
    ROLLOUT_SUPERSEDED = "RolloutSuperseded"
    ROLLOUT_ABORTED = "RolloutAborted"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    WAITING_FOR_REGISTRY = "WaitingForRegistry"
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"
    DRIFT_REPAIRED = "DriftRepaired"
    WAITING_FOR_APPROVAL = "WaitingForApproval"
    STEP_HELD = "StepHeld"
    STEP_REACHED = "StepReached"
    ABORTED_BY_REQUEST = "AbortedByRequest"
    ANALYSIS_FAILED = "AnalysisFailed"
    ANALYSIS_INCONCLUSIVE = "AnalysisInconclusive"
    ANALYSIS_RUNNING = "AnalysisRunning"
    ROUTE_REFUSED = "RouteRefused"
    GATEWAY_NOT_READY = "GatewayNotReady"
    BACKEND_NOT_READY = "BackendNotReady"
    ROLLED_BACK = "RolledBack"
    # availability and verification
    MINIMUM_REPLICAS_AVAILABLE = "MinimumReplicasAvailable"
    MINIMUM_REPLICAS_UNAVAILABLE = "MinimumReplicasUnavailable"
    NOT_DEPLOYED = "NotDeployed"
    FILES_VERIFIED = "FilesVerified"
    FETCH_FAILED = "FetchFailed"
    AWAITING_PODS = "AwaitingPods"
    # doors
    CLUSTER_UNAVAILABLE = "ClusterUnavailable"
    PROMETHEUS_UNAVAILABLE = "PrometheusUnavailable"
    QUERY_REFUSED = "QueryRefused"
    BACKEND_UNAVAILABLE = "BackendUnavailable"
    BACKEND_DENIED = "BackendDenied"
    CONFLICT = "Conflict"
    FORBIDDEN = "Forbidden"
    INTERNAL_ERROR = "InternalError"
