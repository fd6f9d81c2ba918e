"""A cluster in memory behind the port `Cluster`: applies, counts writes, and plays the kubelet.

It keeps to what the API server promises and no more: versions rise, generations follow the spec,
preconditions are checked, a field of another owner refuses an apply without force. It proves
nothing about schemas, defaulting or garbage collection; the integration tests do.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from lockgate.domain.resources import DEPLOYMENT, POD, Key, Object, Resource, key_of
from lockgate.errors import Conflict, LockgateError, NotOwned
from lockgate.names import FETCH_CONTAINER, LABEL_MODEL_DEPLOYMENT, SERVER_CONTAINER
from lockgate.watch.store import Store


class FakeCluster:
    """Objects by kind and key, with the writes that were made to them."""

    def __init__(self, store: Store) -> None:
        self.objects: dict[tuple[Resource, Key], Object] = {}
        self.writes: list[str] = []
        self.events: list[Object] = []
        self.fail_next: list[LockgateError] = []
        self._store = store
        self._clock = 100

    def put(self, resource: Resource, obj: Object) -> Object:
        """What another client wrote; seen by the watch at once."""
        stored = self._store_away(resource, deepcopy(obj))
        self._store.upsert(resource, stored)
        return stored

    def drop(self, resource: Resource, key: Key) -> None:
        """What another client deleted; seen by the watch at once."""
        gone = self.objects.pop((resource, key))
        self._clock += 1
        gone["metadata"]["resourceVersion"] = str(self._clock)
        self._store.remove(resource, gone)

    async def get(self, resource: Resource, key: Key) -> Object | None:
        return deepcopy(self.objects.get((resource, key)))

    async def apply(self, resource: Resource, obj: Object, *, force: bool) -> Object:
        self._count(f"apply {resource.kind}")
        known = self.objects.get((resource, key_of(obj)))
        if known is not None:
            uid = obj["metadata"].get("uid")
            if uid is not None and uid != known["metadata"]["uid"]:
                raise Conflict(f"could not apply {resource.kind}: it changed meanwhile")
            if not force:
                raise NotOwned(f"could not apply {resource.kind}: another manager owns fields of it")
        merged = _merge(deepcopy(known) if known else {}, deepcopy(obj))
        return deepcopy(self._store_away(resource, merged))

    async def apply_status(self, resource: Resource, obj: Object) -> Object:
        self._count(f"status {resource.kind}")
        known = self.objects.get((resource, key_of(obj)))
        if known is None or known["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise Conflict("could not apply the status: it changed meanwhile")
        return deepcopy(self._store_away(resource, {**known, "status": deepcopy(obj["status"])}))

    async def create(self, resource: Resource, obj: Object) -> None:
        self.events.append(deepcopy(obj))

    def _count(self, write: str) -> None:
        if self.fail_next:
            raise self.fail_next.pop(0)
        self.writes.append(write)

    def _store_away(self, resource: Resource, obj: Object) -> Object:
        key = (resource, key_of(obj))
        known = self.objects.get(key)
        self._clock += 1
        metadata = obj["metadata"]
        metadata["resourceVersion"] = str(self._clock)
        metadata.setdefault("uid", f"uid-{self._clock}")
        before = known["metadata"].get("generation", 0) if known else 0
        changed = known is None or json.dumps(known.get("spec"), sort_keys=True) != json.dumps(
            obj.get("spec"), sort_keys=True
        )
        metadata["generation"] = max(metadata.get("generation", 1), before + 1) if changed else before
        self.objects[key] = obj
        return obj

    def roll(self, key: Key, pod_status: Callable[[str], Object], *, complete: bool = True) -> None:
        """Let the Deployment controller and the kubelet bring a Deployment's pods out."""
        workload = deepcopy(self.objects[DEPLOYMENT, key])
        for resource, pod_key in [k for k in self.objects if k[0] is POD]:
            if self.objects[resource, pod_key]["metadata"]["labels"][LABEL_MODEL_DEPLOYMENT] == key[1]:
                self.drop(resource, pod_key)
        replicas = workload["spec"]["replicas"]
        template = workload["spec"]["template"]
        for number in range(replicas):
            name = f"{key[1]}-{workload['metadata']['generation']}-{number}"
            self.put(
                POD,
                {
                    "metadata": {"name": name, "namespace": key[0], **deepcopy(template["metadata"])},
                    "status": pod_status(name),
                },
            )
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

    def begin_roll(self, key: Key) -> None:
        """Let the Deployment controller see a new template: no pod of it is up, the old ones serve on."""
        workload = deepcopy(self.objects[DEPLOYMENT, key])
        workload["status"] |= {
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": workload["spec"]["replicas"] + 1,
            "updatedReplicas": 1,
        }
        self.put(DEPLOYMENT, workload)


def ready_pod(name: str) -> Object:
    """The status of a pod that fetched, proved and serves."""
    message = {
        "ok": True,
        "reference": "acme-org/wandb-registry-model/churn:v1",
        "digest": "0" * 32,
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


def _merge(known: Object, applied: Object) -> Object:
    for name, value in applied.items():
        both = isinstance(value, dict) and isinstance(known.get(name), dict)
        known[name] = _merge(known[name], value) if both else value
    return known
