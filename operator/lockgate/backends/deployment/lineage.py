"""Which pods are really those of a Deployment: pod, its ReplicaSet, the Deployment's UID.

A label says nothing: anybody may write it. A pod counts when its controller is a ReplicaSet whose
controller is our Deployment, by UID: the pods that Kubernetes itself counts. That keeps out
whatever merely carries our labels. It is no defence against somebody who forges owner references
as well; Kubernetes takes such a pod for the ReplicaSet's own, too.

ReplicaSets are not watched, since that costs memory for each of them. One is read when a pod names
it for the first time, and its owner is remembered: an owner's UID never changes.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable

from lockgate.domain.ports import Cluster
from lockgate.domain.resources import REPLICA_SET, Key, Object, controller_of
from lockgate.names import LABEL_POD_TEMPLATE_HASH

# Of one deployment; an honest one has a ReplicaSet for each of its last revisions.
REMEMBERED = 64
READS_A_PASS = 4


class Lineage:
    """Remembers the owners of ReplicaSets, by UID and for each ModelDeployment."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._owners: defaultdict[Key, OrderedDict[str, str]] = defaultdict(OrderedDict)

    def known(self, deployment: Key, workload: Object, pods: Iterable[Object]) -> list[Object]:
        """The pods that are known to be of this workload; costs nothing."""
        owners = self._owners[deployment]
        uid = workload["metadata"]["uid"]
        return [pod for pod in pods if owners.get(_replica_set_of(pod, workload)[1]) == uid]

    async def of(self, deployment: Key, workload: Object, pods: Iterable[Object]) -> list[Object]:
        """The pods of this workload; raises a LockgateError when a ReplicaSet could not be read."""
        pods = tuple(pods)
        named = dict.fromkeys(_replica_set_of(pod, workload) for pod in pods)
        unknown = [(name, uid) for name, uid in named if uid and uid not in self._owners[deployment]]
        for name, uid in unknown[:READS_A_PASS]:
            await self._read(deployment, name, uid)
        return self.known(deployment, workload, pods)

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone."""
        self._owners.pop(deployment, None)

    async def _read(self, deployment: Key, name: str, uid: str) -> None:
        found = await self._cluster.get(REPLICA_SET, (deployment[0], name))
        owners = self._owners[deployment]
        owners[uid] = ""  # gone meanwhile, or never there, unless it is found now
        if found is not None:
            owners[found["metadata"]["uid"]] = (controller_of(found) or {}).get("uid", "")
        while len(owners) > REMEMBERED:
            # Strangers first: nobody can make us forget our own by naming ever new ones.
            del owners[next((known for known, owner in owners.items() if not owner), next(iter(owners)))]


def _replica_set_of(pod: Object, workload: Object) -> tuple[str, str]:
    """Name and UID of the pod's ReplicaSet; empty when it cannot be one of this workload."""
    controller = controller_of(pod) or {}
    made_of = (pod["metadata"].get("labels") or {}).get(LABEL_POD_TEMPLATE_HASH)
    name = f"{workload['metadata']['name']}-{made_of}"
    is_ours = controller.get("kind") == "ReplicaSet" and controller.get("name") == name
    return (name, controller.get("uid", "")) if is_ours else ("", "")
