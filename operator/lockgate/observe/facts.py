"""Kubernetes objects as facts: what a Deployment and its pods say about a version. Pure."""

from collections.abc import Iterable
from typing import Any

from lockgate.api.status import Proof, Revision
from lockgate.domain.observed import FetchFacts, PodFacts, WorkloadFacts
from lockgate.domain.resources import Object
from lockgate.fetch.outcome import FetchOutcome, parse_outcome
from lockgate.names import (
    ANNOTATION_DIGEST,
    ANNOTATION_REFERENCE,
    ANNOTATION_VERSION,
    FETCH_CONTAINER,
    SERVER_CONTAINER,
)

# Waiting reasons that mean "not yet", not "something is wrong".
_ORDINARY_WAITING = frozenset({"PodInitializing", "ContainerCreating"})


def revision_of(annotations: dict[str, str] | None) -> Revision | None:
    """The version that an object was rendered for, from its annotations."""
    annotations = annotations or {}
    version, digest = annotations.get(ANNOTATION_VERSION), annotations.get(ANNOTATION_DIGEST)
    if not version or not digest:
        return None
    return Revision(version=version, digest=digest, reference=annotations.get(ANNOTATION_REFERENCE))


def workload_facts(deployment: Object) -> WorkloadFacts:
    """What a Deployment says; counts that its controller has not set yet are 0."""
    spec, status = deployment["spec"], deployment.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    return WorkloadFacts(
        revision=revision_of(spec["template"]["metadata"].get("annotations")),
        replicas=spec.get("replicas", 1),
        updated=status.get("updatedReplicas", 0),
        total=status.get("replicas", 0),
        available=status.get("availableReplicas", 0),
        generation_observed=status.get("observedGeneration", 0) >= deployment["metadata"]["generation"],
        minimum_available=conditions.get("Available", {}).get("status") == "True",
        deadline_exceeded=conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded",
    )


def pod_facts(pod: Object) -> PodFacts:
    """What a pod says."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    init, main = status.get("initContainerStatuses") or (), status.get("containerStatuses") or ()
    return PodFacts(
        name=metadata["name"],
        revision=revision_of(metadata.get("annotations")),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ()),
        deleting="deletionTimestamp" in metadata,
        fetch=_fetch_facts(_named(init, FETCH_CONTAINER)),
        problem=_waiting(_named(init, FETCH_CONTAINER))
        or _waiting(_named(main, SERVER_CONTAINER))
        or _unschedulable(status),
    )


def _named(statuses: Iterable[Object], name: str) -> Object:
    return next((status for status in statuses if status["name"] == name), {})


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
    problem = outcome.message if outcome and not outcome.ok else _exit_sentence(ended)
    return FetchFacts(
        attempts=attempts, problem=problem, permanent=bool(outcome and not outcome.ok and outcome.permanent)
    )


def _proof(outcome: FetchOutcome | None) -> Proof | None:
    if outcome is None or not outcome.ok or not outcome.tree_digest:
        return None
    return Proof(tree_digest=outcome.tree_digest, files=outcome.files, size=outcome.size)


def _exit_sentence(ended: Object) -> str:
    reason = ended.get("reason", "Error")
    return f"the fetch container ended with exit code {ended.get('exitCode')} ({reason})"


def _waiting(status: Object) -> str | None:
    waiting: dict[str, Any] = (status.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason")
    if not reason or reason in _ORDINARY_WAITING:
        return None
    container = "the fetch container" if status["name"] == FETCH_CONTAINER else "the model server"
    if reason == "CrashLoopBackOff":
        ended = (status.get("lastState") or {}).get("terminated") or {}
        said = (ended.get("message") or "").strip().splitlines()
        return f"{container} keeps exiting with code {ended.get('exitCode')}" + (
            f": {said[-1][:300]}" if said else ""
        )
    return f"{container} waits: {reason}"


def _unschedulable(status: Object) -> str | None:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"it cannot be scheduled: {condition.get('message', '')[:300]}"
    return None
