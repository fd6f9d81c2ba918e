"""Which pods are really those of our workloads: pod, its ReplicaSet or cluster of Ray, the workload's UID.

A label says nothing: anybody may write it. A pod counts when its controller is a ReplicaSet whose
controller is a Deployment of ours, by UID: the pods that Kubernetes itself counts. Likewise with
Ray. That keeps out whatever merely carries our labels. It is no defence against somebody who forges
owner references as well; Kubernetes takes such a pod for the ReplicaSet's own, too.

ReplicaSets are not watched, since that costs memory for each of them. One is read when a pod names
it for the first time, and its owner is remembered: an owner's UID never changes.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lockgate.domain.ports import Cluster
from lockgate.domain.resources import RAY_CLUSTER, REPLICA_SET, Key, Object, Resource, controller_of
from lockgate.names import LABEL_POD_TEMPLATE_HASH

# Of one ModelDeployment; an honest one has a ReplicaSet for each of its last revisions.
REMEMBERED = 64
READS_A_PASS = 4


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A ReplicaSet or a cluster of Ray, and the workload that it belongs to if it is what it is called."""

    resource: Resource
    name: str
    uid: str
    owner: str


class Lineage:
    """Remembers the owners of ReplicaSets, by UID and for each ModelDeployment."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._owners: defaultdict[Key, OrderedDict[str, str]] = defaultdict(OrderedDict)

    def known(self, deployment: Key, workloads: Sequence[Object], pods: Iterable[Object]) -> list[Object]:
        """The pods that are known to be of these workloads; costs nothing."""
        owners, uids = self._owners[deployment], _uids_by_name(workloads)
        return [
            pod
            for pod in pods
            if (claimed := _claimed_by(pod, uids)) is not None and owners.get(claimed.uid) == claimed.owner
        ]

    async def of(self, deployment: Key, workloads: Sequence[Object], pods: Iterable[Object]) -> list[Object]:
        """The pods of these workloads; raises a LockgateError when a ReplicaSet could not be read."""
        pods, uids = tuple(pods), _uids_by_name(workloads)
        named = dict.fromkeys(_claimed_by(pod, uids) for pod in pods)
        unknown = [claimed for claimed in named if claimed and claimed.uid not in self._owners[deployment]]
        for claimed in unknown[:READS_A_PASS]:
            await self._read(deployment, claimed)
        return self.known(deployment, workloads, pods)

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone."""
        self._owners.pop(deployment, None)

    async def _read(self, deployment: Key, claimed: _Claimed) -> None:
        found = await self._cluster.get(claimed.resource, (deployment[0], claimed.name))
        owners = self._owners[deployment]
        owners[claimed.uid] = ""  # gone meanwhile, or never there, unless it is found now
        if found is not None:
            owners[found["metadata"]["uid"]] = (controller_of(found) or {}).get("uid", "")
        while len(owners) > REMEMBERED:
            # Strangers first: nobody can make us forget our own by naming ever new ones.
            del owners[next((known for known, owner in owners.items() if not owner), next(iter(owners)))]


def _uids_by_name(workloads: Iterable[Object]) -> dict[str, str]:
    return {workload["metadata"]["name"]: workload["metadata"]["uid"] for workload in workloads}


def _claimed_by(pod: Object, uids: Mapping[str, str]) -> _Claimed | None:
    """What a pod names as its maker; None when it cannot be one of these workloads'."""
    controller = controller_of(pod) or {}
    kind, name, uid = (controller.get(each, "") for each in ("kind", "name", "uid"))
    if kind == RAY_CLUSTER.kind:
        # ray-operator 1.6, GenerateRayClusterName: a dash and five random characters more.
        resource, workload = RAY_CLUSTER, name.rpartition("-")[0]
    else:
        made_of = (pod["metadata"].get("labels") or {}).get(LABEL_POD_TEMPLATE_HASH)
        suffix = f"-{made_of}"
        is_claim = kind == REPLICA_SET.kind and name.endswith(suffix)
        resource, workload = REPLICA_SET, name.removesuffix(suffix) if is_claim else ""
    owner = uids.get(workload, "")
    return _Claimed(resource, name, uid, owner) if owner and uid else None
