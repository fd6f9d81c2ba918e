"""A cluster in memory behind the port `Cluster`: an API server, and what acts on it in a real one.

Lockgate's requests are counted here; other clients, the Deployment controller and the kubelet do
what a test tells them to. The rules of the API server are in api_server.py.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from tests.fakes.api_server import FakeApiServer

from lockgate.domain.resources import DEPLOYMENT, EVENT, POD, REPLICA_SET, Key, Object, Resource, key_of
from lockgate.errors import LockgateError
from lockgate.names import FETCH_CONTAINER, FIELD_MANAGER, LABEL_WORKLOAD, SERVER_CONTAINER
from lockgate.watch.store import Store

SOMEBODY = "somebody"


class FakeCluster:
    """The port, with the writes that were made through it, and the hands of everybody else."""

    def __init__(self, store: Store) -> None:
        self.server = FakeApiServer(self._hear)
        self.objects = self.server.objects
        self.writes: list[str] = []
        self.events: list[Object] = []
        self.fail_next: list[LockgateError] = []
        self._store = store

    async def get(self, resource: Resource, key: Key) -> Object | None:
        return deepcopy(self.objects.get((resource, key)))

    async def apply(self, resource: Resource, obj: Object, *, force: bool) -> Object:
        self._count(f"apply {resource.kind}")
        return self.server.apply(resource, obj, FIELD_MANAGER, force=force)

    async def apply_status(self, resource: Resource, obj: Object) -> Object:
        self._count(f"status {resource.kind}")
        return self.server.replace(resource, obj, FIELD_MANAGER, subresource="status")

    async def hold(self, resource: Resource, obj: Object, finalizers: Sequence[str]) -> Object:
        self._count(f"hold {resource.kind}")
        return self.server.hold(resource, obj, finalizers, FIELD_MANAGER)

    async def create(self, resource: Resource, obj: Object) -> Object:
        if resource is EVENT:
            self.events.append(deepcopy(obj))
            return obj
        self._count(f"create {resource.kind}")
        return self.server.create(resource, obj, FIELD_MANAGER)

    async def delete(self, resource: Resource, obj: Object) -> None:
        self._count(f"delete {resource.kind}")
        if (resource, key_of(obj)) in self.objects:
            self.server.delete(resource, key_of(obj), meant=obj)

    def put(self, resource: Resource, obj: Object) -> Object:
        """What another client wrote, status and all."""
        return self.server.put(resource, obj, SOMEBODY)

    def drop(self, resource: Resource, key: Key) -> None:
        """What is gone at once, with nothing that it owned."""
        self.server.remove(resource, key)

    def erase(self, resource: Resource, key: Key, *, foreground: bool = False) -> None:
        """What another client deleted, with everything that it owned."""
        self.server.delete(resource, key, foreground=foreground)

    def lag(self) -> None:
        """From now on the watch tells nothing before `deliver`."""
        self.server.lagging = True

    def deliver(self, number: int | None = None) -> int:
        """Let the watch tell the oldest events, all or so many."""
        return self.server.deliver(number)

    def _count(self, write: str) -> None:
        if self.fail_next:
            raise self.fail_next.pop(0)
        self.writes.append(write)

    def _hear(self, type_: str, resource: Resource, obj: Object) -> None:
        if type_ == "DELETED":
            self._store.remove(resource, obj)
        else:
            self._store.upsert(resource, obj)

    def roll(self, key: Key, pod_status: Callable[[str], Object], *, complete: bool = True) -> None:
        """Let the Deployment controller and the kubelet bring a Deployment's pods out."""
        workload = deepcopy(self.objects[DEPLOYMENT, key])
        called = workload["spec"]["template"]["metadata"]["labels"][LABEL_WORKLOAD]
        for resource, pod_key in [k for k in self.objects if k[0] is POD]:
            if self.objects[resource, pod_key]["metadata"]["labels"][LABEL_WORKLOAD] == called:
                self.drop(resource, pod_key)
        replicas = workload["spec"]["replicas"]
        owner = self.replica_set(key)
        for number in range(replicas):
            name = f"{owner['metadata']['name']}-{number}"
            self.put(POD, pod_of(owner, name) | {"status": pod_status(name)})
        available = replicas if complete else 0
        workload["status"] = {
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": available,
            "availableReplicas": available,
            "conditions": [{"type": "Available", "status": "True" if complete else "False"}],
        }
        self.put(DEPLOYMENT, workload)

    def replica_set(self, key: Key) -> Object:
        """The ReplicaSet of a Deployment's present template, as the Deployment controller makes it."""
        workload = self.objects[DEPLOYMENT, key]
        template = deepcopy(workload["spec"]["template"])
        hashed = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        name = f"{key[1]}-{hashed}"
        known = self.objects.get((REPLICA_SET, (key[0], name)))
        if known is not None:
            return known
        labels = template["metadata"].setdefault("labels", {})
        labels["pod-template-hash"] = hashed
        metadata = {
            "name": name,
            "namespace": key[0],
            "labels": deepcopy(labels),
            "ownerReferences": [_controlled_by(DEPLOYMENT, workload)],
        }
        spec = {"replicas": workload["spec"]["replicas"], "template": template}
        return self.put(REPLICA_SET, {"metadata": metadata, "spec": spec})

    def begin_roll(self, key: Key) -> None:
        """Let the Deployment controller see a new template: no pod of it is up, the old ones serve on."""
        workload = deepcopy(self.objects[DEPLOYMENT, key])
        workload["status"] |= {
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": workload["spec"]["replicas"] + 1,
            "updatedReplicas": 1,
        }
        self.put(DEPLOYMENT, workload)


def _controlled_by(resource: Resource, owner: Object) -> Object:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_of(owner: Object, name: str) -> Object:
    """A pod as a ReplicaSet makes it, without a status."""
    metadata = deepcopy(owner["spec"]["template"]["metadata"])
    metadata |= {"name": name, "namespace": owner["metadata"]["namespace"]}
    metadata["ownerReferences"] = [_controlled_by(REPLICA_SET, owner)]
    return {"metadata": metadata}


def ready_pod(name: str) -> Object:
    """The status of a pod that fetched, proved and serves."""
    message = {
        "ok": True,
        "uri": "wandb://acme-org/wandb-registry-model/churn:v1",
        "claim": "wandb-md5:" + "0" * 32,
        "treeDigest": "sha256:" + "7" * 64,
        "files": 1,
        "bytes": 1001,
        "seconds": 0.2,
    }
    return {
        "conditions": [{"type": "Ready", "status": "True"}],
        "initContainerStatuses": [_terminated(0, message)],
        "containerStatuses": [{"name": SERVER_CONTAINER, "restartCount": 0, "state": {"running": {}}}],
    }


def corrupt_pod(attempts: int) -> Callable[[str], Object]:
    """The status of a pod whose fetch found wrong bytes, so many times."""
    message = {"ok": False, "reason": "CorruptFile", "message": "model.onnx has other bytes than v2 promises"}

    def status(name: str) -> Object:
        return {"initContainerStatuses": [_terminated(1, message) | {"restartCount": attempts - 1}]}

    return status


def _terminated(code: int, message: dict[str, Any]) -> Object:
    ended = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "message": json.dumps(message),
    }
    return {"name": FETCH_CONTAINER, "restartCount": 0, "state": {"terminated": ended}}
