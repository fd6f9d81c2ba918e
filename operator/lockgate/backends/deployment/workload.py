"""The Deployment around the pods of a release: how many, replaced how, found by which labels. Pure.

What its pods are made of is not drawn here (`template.py`).
"""

from typing import Any

from lockgate.api.spec import ModelDeployment
from lockgate.api.strategy import Rolling
from lockgate.backends.deployment.marks import release_annotations, release_labels, workload_labels
from lockgate.domain.patience import patience_with
from lockgate.domain.plan import Track


def render_workload(deployment: ModelDeployment, track: Track) -> dict[str, Any]:
    """The Deployment of a release, without its pod template."""
    # Left out where it is 0, as it always was, so that what runs is not written anew.
    bounds = deployment.strategy if isinstance(deployment.strategy, Rolling) else Rolling()
    scale = {} if track.replicas is None else {"replicas": track.replicas}
    settling = {"minReadySeconds": deployment.min_ready_seconds} if deployment.min_ready_seconds else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": track.workload,
            "labels": release_labels(track.release),
            "annotations": release_annotations(track.release),
        },
        "spec": {
            **scale,
            "paused": track.paused,
            "revisionHistoryLimit": deployment.revision_history_limit,
            "progressDeadlineSeconds": int(patience_with(deployment, track.release).total_seconds()),
            **settling,
            "selector": {"matchLabels": workload_labels(deployment, track.workload)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": bounds.max_surge,
                    "maxUnavailable": bounds.max_unavailable,
                },
            },
        },
    }
