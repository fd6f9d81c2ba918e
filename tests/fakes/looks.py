"""A small fleet as people look at it: objects with all that a cluster puts into them, at one moment."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 1, 5, 9, 12, 30, tzinfo=UTC)
RELEASES = {"v10": "11aa22bb", "v11": "77c0ffee", "v12": "8f14e45f", "v13": "3fa9c1d2"}
Json = dict[str, Any]


def ago(**length: float) -> str:
    """That long before now, as Kubernetes writes it."""
    return f"{(NOW - timedelta(**length)).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def named(version: str, alias: str | None = "production") -> Json:
    """A version as a status names it."""
    known = {
        "version": version,
        "uri": f"wandb://acme/wandb-registry-model/churn:{version}",
        "digest": "wandb-md5:" + version * 8,
        "model": "model/churn",
        "release": RELEASES.get(version, "deadbeef"),
        "runtime": "onnx@8c397287",
    }
    return known | ({"alias": alias} if alias else {})


def condition(type_: str, status: str, reason: str, message: str) -> Json:
    """A condition of generation 4."""
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(minutes=1),
        "observedGeneration": 4,
    }


HISTORY = [
    named("v12")
    | {
        "outcome": "Promoted",
        "trigger": "AliasMoved",
        "startedAt": ago(days=3, minutes=4),
        "finishedAt": ago(days=3),
    },
    named("v11")
    | {
        "outcome": "Aborted",
        "trigger": "AliasMoved",
        "startedAt": ago(days=5, minutes=21),
        "finishedAt": ago(days=5),
        "by": "jane@example.com",
        "message": "error rate 4.1 % is above the 1 % that spec.analysis allows, over 12 of 15 minutes",
    },
    named("v11")
    | {
        "outcome": "Superseded",
        "trigger": "AliasMoved",
        "startedAt": ago(days=6, seconds=50),
        "finishedAt": ago(days=6),
        "message": "superseded by v12",
    },
    named("v10", None)
    | {
        "outcome": "Promoted",
        "trigger": "Pinned",
        "startedAt": ago(days=20, minutes=3),
        "finishedAt": ago(days=20),
    },
]


def deployment(
    name: str = "churn", *, namespace: str = "growth", spec: Json | None = None, **status: Any
) -> Json:
    """A ModelDeployment with that in its status."""
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "generation": 4,
            "resourceVersion": "71",
            "creationTimestamp": ago(days=41),
            "annotations": {},
        },
        "spec": {
            "model": {"registry": "model", "collection": name, "alias": "production"},
            "runtime": {"name": "onnx"},
            "replicas": 3,
        }
        | (spec or {}),
        "status": {"observedGeneration": 4, "history": deepcopy(HISTORY)} | status,
    }


def serving(name: str = "churn", **more: Any) -> Json:
    """One at rest."""
    return deployment(
        name,
        **{
            "phase": "Serving",
            "desired": named("v12"),
            "stable": named("v12"),
            "previous": named("v10"),
            "traffic": [{"track": "stable", "version": "v12", "weight": 100}],
            "conditions": [condition("Ready", "True", "RolledOut", "v12 is rolled out")],
        }
        | more,
    )


def canary(name: str = "churn", weight: int = 10, **more: Any) -> Json:
    """One amid a rollout in steps."""
    why = "v13 is being rolled out over v12: step 2 of 4 waits until its pods are available"
    return deployment(
        name,
        **{
            "phase": "RollingOut",
            "step": "2/4",
            "desired": named("v13"),
            "stable": named("v12"),
            "candidate": named("v13"),
            "previous": named("v10"),
            "traffic": [
                {"track": "stable", "version": "v12", "weight": 100 - weight},
                {"track": "candidate", "version": "v13", "weight": weight},
            ],
            "rollout": {
                "candidate": named("v13"),
                "stable": named("v12"),
                "step": 1,
                "startedAt": ago(minutes=6),
                "trigger": "AliasMoved",
            },
            "conditions": [
                condition("Ready", "Unknown", "RollingOut", why),
                condition("Progressing", "True", "RollingOut", why),
                condition("Paused", "False", "NotSuspended", "nobody holds the rollout"),
            ],
        }
        | more,
    )


def pod(name: str, version: str, workload: str = "churn", **status: Any) -> Json:
    """A pod of a release."""
    return {
        "metadata": {
            "name": name,
            "namespace": "growth",
            "resourceVersion": "9",
            "creationTimestamp": ago(seconds=75),
            "labels": {
                "app.kubernetes.io/managed-by": "lockgate",
                "lockgate.dev/model-deployment": "churn",
                "lockgate.dev/workload": workload,
                "lockgate.dev/release": RELEASES[version],
            },
            "annotations": {"lockgate.dev/model-version": version},
        },
        "status": {"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}]} | status,
    }


FETCHED = [
    {
        "name": "fetch",
        "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "finishedAt": ago(seconds=14), "message": '{"ok": true}'}},
    }
]


def ready_pod(name: str, version: str, workload: str = "churn") -> Json:
    """A pod that serves."""
    held = {"type": "Ready", "status": "True", "lastTransitionTime": ago(days=3)}
    return pod(name, version, workload, conditions=[{"type": "PodScheduled", "status": "True"}, held])


def downloading_pod(name: str, version: str, workload: str = "churn") -> Json:
    """A pod that fetches its model."""
    running = {"name": "fetch", "restartCount": 0, "state": {"running": {"startedAt": ago(seconds=42)}}}
    return pod(name, version, workload, initContainerStatuses=[running])


def loading_pod(name: str, version: str, workload: str = "churn", restarts: int = 0) -> Json:
    """A pod whose server has not come up yet."""
    running = {
        "name": "server",
        "restartCount": restarts,
        "state": {"running": {"startedAt": ago(seconds=12)}},
    }
    return pod(name, version, workload, initContainerStatuses=FETCHED, containerStatuses=[running])


def failing_pod(name: str, version: str, workload: str = "churn") -> Json:
    """A pod whose fetch fails over and over."""
    why = "model.onnx has other bytes than its manifest says"
    told = json.dumps({"ok": False, "reason": "DigestMismatch", "message": why})
    failed = {
        "name": "fetch",
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3, "message": told}},
    }
    return pod(name, version, workload, initContainerStatuses=[failed])


def leaving_pod(name: str, version: str, workload: str = "churn") -> Json:
    """A pod that is on its way out."""
    left = ready_pod(name, version, workload)
    left["metadata"]["deletionTimestamp"] = ago(seconds=5)
    return left


def workload(name: str = "churn", asked: int = 3, problem: str = "") -> Json:
    """A Deployment of pods."""
    failure = {"type": "ReplicaFailure", "status": "True", "message": problem}
    return {
        "metadata": {
            "name": name,
            "namespace": "growth",
            "resourceVersion": "8",
            "labels": {"app.kubernetes.io/managed-by": "lockgate", "lockgate.dev/model-deployment": "churn"},
        },
        "spec": {"replicas": asked},
        "status": {"conditions": [failure] if problem else []},
    }
