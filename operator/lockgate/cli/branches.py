"""Which releases of a ModelDeployment have pods, which part each plays, and what their workloads are to have.

Stable and candidate are named by the status; what else has pods was before, and is warm, or is leaving. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lockgate.api.shares import Role
from lockgate.api.status import Revision
from lockgate.cli.pods import SeenPod
from lockgate.cli.seen import Seen
from lockgate.domain.resources import Object
from lockgate.names import LABEL_MODEL_DEPLOYMENT, LABEL_WORKLOAD

STABLE: Final = Role.STABLE.value
CANDIDATE: Final = Role.CANDIDATE.value
VARIANT: Final = "variant"
"""Another ModelDeployment with a part of the same traffic; its pods are shown there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A group of pods as its controller counts them: how many it is to have, and what keeps it from that."""

    name: str
    namespace: str
    deployment: str
    asked: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known of pods and workloads; `hidden` says why something of it is not."""

    pods: Sequence[SeenPod] = ()
    workloads: Sequence[Workload] = ()
    hidden: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A release and its pods."""

    role: str
    version: str
    release: str
    weight: int | None
    pods: Sequence[SeenPod]


def see_workload(raw: Object) -> Workload:
    """Read a Deployment: ours, or one that KServe made of an object of ours, with the labels of that."""
    labels, status = raw["metadata"].get("labels") or {}, raw.get("status") or {}
    failures = (one for one in status.get("conditions") or () if one.get("type") == "ReplicaFailure")
    return Workload(
        name=str(labels.get(LABEL_WORKLOAD) or raw["metadata"]["name"]),
        namespace=raw["metadata"].get("namespace", ""),
        deployment=labels.get(LABEL_MODEL_DEPLOYMENT, ""),
        asked=(raw.get("spec") or {}).get("replicas", 1),
        problem=next((str(one.get("message") or "") for one in failures if one.get("status") == "True"), ""),
    )


def branches_of(one: Seen, pods: Sequence[SeenPod]) -> list[Branch]:
    """Stable first, then the candidate, then whatever else has pods, warm if it was before; and variants."""
    left = list(pods)
    branches = []
    for role, revision in ((STABLE, one.stable), (CANDIDATE, one.candidate)):
        if revision is not None:
            own = [pod for pod in left if _is_of(pod, revision)]
            left = [pod for pod in left if pod not in own]
            branches.append(_branch(role, revision.version, revision.release or "", one.weight(role), own))
    releases = dict.fromkeys((pod.release, pod.version) for pod in left)
    for release, version in releases:
        own = [pod for pod in left if (pod.release, pod.version) == (release, version)]
        leaving = all(pod.is_leaving for pod in own)
        is_previous = one.previous is not None and _is_of(own[0], one.previous)
        role = "leaving" if leaving else ("warm" if is_previous else "other")
        branches.append(_branch(role, version, release, None, own))
    branches += [_branch(VARIANT, each.version or "-", each.track, each.weight, ()) for each in one.variants]
    return branches


def _branch(role: str, version: str, release: str, weight: int | None, pods: Sequence[SeenPod]) -> Branch:
    ordered = sorted(pods, key=lambda pod: pod.name)
    return Branch(role=role, version=version, release=release, weight=weight, pods=ordered)


def _is_of(pod: SeenPod, revision: Revision) -> bool:
    if pod.release and revision.release:
        return pod.release == revision.release
    return pod.version == revision.version
