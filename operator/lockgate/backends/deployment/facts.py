"""Kubernetes objects as facts: what a Deployment and its pods say about a version.

What containers, kubelets and annotations say is a stranger's text: it is bounded here. Pure.
"""

from collections.abc import Iterable
from typing import Any

from lockgate.api.conditions import ConditionStatus, find
from lockgate.api.status import Proof, Revision
from lockgate.api.status_codec import parse_status
from lockgate.domain.fetched import FetchOutcome, parse_outcome
from lockgate.domain.observed import ArmFacts, FetchFacts, PodFacts, WorkloadFacts
from lockgate.domain.resources import Object
from lockgate.names import (
    ANNOTATION_BACKEND,
    ANNOTATION_DIGEST,
    ANNOTATION_RUNTIME,
    ANNOTATION_SIZE,
    ANNOTATION_SOURCE,
    ANNOTATION_URI,
    ANNOTATION_VERSION,
    DEFAULT_SOURCE,
    FETCH_CONTAINERS,
    LABEL_RELEASE,
    SERVER_CONTAINERS,
    ConditionType,
)
from lockgate.sentences import sentence

_TEXT_LIMIT = 300
# Waiting reasons that mean "not yet", not "something is wrong".
_ORDINARY_WAITING = frozenset({"PodInitializing", "ContainerCreating"})


def revision_of(metadata: Object) -> Revision | None:
    """The release that an object was drawn for, from its annotations and labels."""
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    try:
        return Revision(
            version=annotations.get(ANNOTATION_VERSION, ""),
            uri=annotations.get(ANNOTATION_URI, ""),
            digest=annotations.get(ANNOTATION_DIGEST) or None,
            source=annotations.get(ANNOTATION_SOURCE, DEFAULT_SOURCE),
            size=int(annotations[ANNOTATION_SIZE]) if ANNOTATION_SIZE in annotations else None,
            release=labels.get(LABEL_RELEASE) or None,
            runtime=annotations.get(ANNOTATION_RUNTIME) or None,
            backend=annotations.get(ANNOTATION_BACKEND) or None,
        )
    except ValueError:
        return None


def workload_facts(deployment: Object) -> WorkloadFacts:
    """What a Deployment says; counts that its controller has not set yet are 0."""
    spec, status = deployment["spec"], deployment.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    return WorkloadFacts(
        name=deployment["metadata"]["name"],
        revision=revision_of(spec["template"]["metadata"]),
        replicas=spec.get("replicas", 1),
        updated=status.get("updatedReplicas", 0),
        total=status.get("replicas", 0),
        available=status.get("availableReplicas", 0),
        generation_observed=status.get("observedGeneration", 0) >= deployment["metadata"]["generation"],
        minimum_available=conditions.get("Available", {}).get("status") == "True",
        paused=spec.get("paused", False),
        deadline_exceeded=conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded",
        problem=_not_made(conditions.get("ReplicaFailure", {})),
    )


def arm_facts(deployment: Object) -> ArmFacts:
    """What the ModelDeployment of a variant says of itself: by that it answers, as its people see it."""
    status = parse_status(deployment.get("status"))
    stable, available = status.stable, find(status.conditions, ConditionType.AVAILABLE)
    is_available = available is not None and available.status is ConditionStatus.TRUE
    return ArmFacts(
        name=deployment["metadata"]["name"],
        version=stable.version if stable else None,
        # Of no pods enough are available.
        answers=stable is not None
        and is_available
        and deployment["spec"].get("replicas", 1) != 0
        and "deletionTimestamp" not in deployment["metadata"],
    )


def pod_facts(pod: Object) -> PodFacts:
    """What a pod says."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    init, main = status.get("initContainerStatuses") or (), status.get("containerStatuses") or ()
    return PodFacts(
        name=metadata["name"],
        revision=revision_of(metadata),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ()),
        deleting="deletionTimestamp" in metadata,
        fetch=_fetch_facts(_named(init, FETCH_CONTAINERS)),
        problem=_waiting(_named(init, FETCH_CONTAINERS))
        or _waiting(_named(main, SERVER_CONTAINERS))
        or _unschedulable(status),
        ended=_ended(status),
    )


def _not_made(failure: Object) -> str | None:
    """What keeps pods from being made at all: a quota, pod security, an admission webhook."""
    if failure.get("status") != "True":
        return None
    return (
        f"no pod can be made: {sentence(failure.get('message') or failure.get('reason') or '', _TEXT_LIMIT)}"
    )


def _ended(status: Object) -> str | None:
    if status.get("phase") not in ("Failed", "Succeeded"):
        return None
    return sentence(status.get("reason") or status["phase"], _TEXT_LIMIT)


def _named(statuses: Iterable[Object], names: Iterable[str]) -> Object:
    return next((status for status in statuses if status["name"] in names), {})


def _fetch_facts(status: Object) -> FetchFacts | None:
    if not status:
        return None
    attempts = status.get("restartCount", 0) + 1
    ended = (status.get("state") or {}).get("terminated") or (status.get("lastState") or {}).get("terminated")
    if not ended:
        return FetchFacts(attempts=attempts)
    outcome = parse_outcome(ended.get("message") or "")
    if ended.get("exitCode") == 0:
        return FetchFacts(attempts=attempts, proof=_proof(outcome))
    problem = sentence(outcome.message, _TEXT_LIMIT) if outcome and not outcome.ok else _exit_sentence(ended)
    return FetchFacts(
        attempts=attempts, problem=problem, permanent=bool(outcome and not outcome.ok and outcome.permanent)
    )


def _proof(outcome: FetchOutcome | None) -> Proof | None:
    if outcome is None or not outcome.ok or not outcome.tree_digest:
        return None
    try:
        return Proof(tree_digest=outcome.tree_digest, files=outcome.files, size=outcome.size)
    except ValueError:
        return None


def _exit_sentence(ended: Object) -> str:
    reason = sentence(ended.get("reason") or "Error", _TEXT_LIMIT)
    return f"the fetch container ended with exit code {ended.get('exitCode')} ({reason})"


def _waiting(status: Object) -> str | None:
    waiting: dict[str, Any] = (status.get("state") or {}).get("waiting") or {}
    reason, is_failing = waiting.get("reason"), _is_failing(status)
    if not is_failing and (not reason or reason in _ORDINARY_WAITING):
        return None
    container = "the fetch container" if status["name"] in FETCH_CONTAINERS else "the model server"
    if is_failing:
        state, before = status.get("state") or {}, status.get("lastState") or {}
        ended = state.get("terminated") or before.get("terminated") or {}
        said = (ended.get("message") or "").strip().splitlines()
        return f"{container} keeps exiting with code {ended.get('exitCode')}" + (
            f": {sentence(said[-1], _TEXT_LIMIT)}" if said else ""
        )
    return f"{container} waits: {sentence(reason, _TEXT_LIMIT)}"


def _is_failing(status: Object) -> bool:
    """Whether it ends again and again, be it between two tries, at one of them, or just ended."""
    state, again = status.get("state") or {}, status.get("restartCount", 0) > 0
    if (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
        return True
    before = (status.get("lastState") or {}).get("terminated") if again else None
    ended: Object = state.get("terminated") or before or {}
    return not status.get("ready", False) and ended.get("exitCode", 0) != 0


def _unschedulable(status: Object) -> str | None:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"it cannot be scheduled: {sentence(condition.get('message') or '', _TEXT_LIMIT)}"
    return None
