"""A stand-in for the kubelet in worlds that have none: it plays one Ready node and all pods on it.

It registers a node, moves pods that the real scheduler bound to it to Running and Ready after a
delay (or to another fate the test chooses), and removes pods that are being deleted. All of it goes
through the real API server under a real node's identity. It proves nothing about containers: no image
is pulled, no program starts, no probe runs, no volume is mounted, no address answers, and no
termination takes time. What depends on those belongs on a cluster world.
"""

from __future__ import annotations

import contextlib
import datetime
import heapq
import http.client
import itertools
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from lockgate_sandbox.api import ApiClient, ApiError, Json
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.pod_fates import BecomesReady, Fate, statuses
from lockgate_sandbox.running import RunningWorld

_HOST_IP = "192.0.2.10"  # an address that is reserved for documentation and so never answers
_LEASE_SECONDS = 40
_RENEW_SECONDS = 10.0
_AGAIN_SECONDS = 0.5
_WATCH_SECONDS = 120.0
_REGISTER_SECONDS = 10.0

Behaviour = Callable[[Json], Fate]


def everything_becomes_ready(_pod: Json) -> Fate:
    """The default behaviour."""
    return BecomesReady()


class NodeActor:
    """One node that is not there. A context manager; runs in two threads of its own."""

    def __init__(
        self,
        kubeconfig: Path,
        name: str = "stand-in",
        behaviour: Behaviour = everything_becomes_ready,
        delay: float = 0.05,
    ) -> None:
        """Play node `name` with the rights of `kubeconfig`, acting `delay` seconds after each cause.

        `behaviour` decides the fate of each pod from its dict; replace it any time.
        """
        self.behaviour = behaviour
        self.delay = delay
        self._name = name
        self._client = ApiClient(kubeconfig)
        self._watcher = ApiClient(kubeconfig, timeout=_WATCH_SECONDS)
        self._seen: queue.SimpleQueue[Json] = queue.SimpleQueue()
        self._pods: dict[str, Json] = {}
        self._due: list[tuple[float, int, str, Json]] = []
        self._counter = itertools.count()
        self._addresses = itertools.count(2)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._watch, self._work)]

    @classmethod
    def on(
        cls,
        world: RunningWorld,
        name: str = "stand-in",
        behaviour: Behaviour = everything_becomes_ready,
        delay: float = 0.05,
    ) -> Self:
        """An actor for a world of the sandbox, known to its API server as that node."""
        return cls(world.kubeconfig_for(f"system:node:{name}", ["system:nodes"]), name, behaviour, delay)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Register the node and begin to act; returns when pods can be scheduled on it."""
        self._register()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop acting. The node object stays and will be found not ready in time."""
        self._stopping.set()
        self._watcher.abort()
        self._seen.put({})
        for thread in self._threads:
            thread.join(5)
        self._client.close()

    def reconsider(self) -> None:
        """Ask `behaviour` again about every pod on the node, as when the cause of a failure is gone."""
        self._seen.put({"type": "RECONSIDER"})

    def _register(self) -> None:
        capacity = {"cpu": "10000", "memory": "100Ti", "pods": "100000", "ephemeral-storage": "100Ti"}
        node = {
            "metadata": {"name": self._name, "labels": {"kubernetes.io/hostname": self._name}},
            "spec": {},
            "status": {
                "capacity": capacity,
                "allocatable": capacity,
                "addresses": [{"type": "InternalIP", "address": _HOST_IP}],
                "conditions": [{"type": "Ready", "status": "True", "reason": "StandIn"}],
            },
        }
        try:
            self._client.post("/api/v1/nodes", node)
        except ApiError as error:
            if error.status != http.client.CONFLICT:
                raise
        self._client.merge(f"/api/v1/nodes/{self._name}/status", {"status": node["status"]})
        self._renew()
        # Every new node begins tainted; the node controller takes that away once it has seen it Ready.
        deadline = time.monotonic() + _REGISTER_SECONDS
        while self._client.get(f"/api/v1/nodes/{self._name}")["spec"].get("taints"):
            if time.monotonic() > deadline:
                raise SandboxError(f"node {self._name!r} kept its taints for {_REGISTER_SECONDS:g} s")
            time.sleep(0.02)

    def _renew(self) -> None:
        leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        spec = {
            "holderIdentity": self._name,
            "leaseDurationSeconds": _LEASE_SECONDS,
            "renewTime": _now(micro=True),
        }
        try:
            self._client.merge(f"{leases}/{self._name}", {"spec": spec})
        except ApiError as error:
            if error.status != http.client.NOT_FOUND:
                raise
            self._client.post(leases, {"metadata": {"name": self._name}, "spec": spec})

    def _watch(self) -> None:
        mine = {"fieldSelector": f"spec.nodeName={self._name}"}
        while not self._stopping.is_set():
            # Whatever ends a watch (time, a restart of the API server), a fresh list puts it right.
            with contextlib.suppress(OSError, ApiError, http.client.HTTPException, ValueError):
                listed = self._watcher.get("/api/v1/pods", **mine)
                for pod in listed["items"]:
                    self._seen.put({"type": "MODIFIED", "object": pod})
                version = listed["metadata"]["resourceVersion"]
                for event in self._watcher.watch("/api/v1/pods", resourceVersion=version, **mine):
                    self._seen.put(event)
            self._watcher.close()
            self._stopping.wait(0.1)

    def _work(self) -> None:
        renew_at = time.monotonic() + _RENEW_SECONDS
        while not self._stopping.is_set():
            now = time.monotonic()
            if now >= renew_at:
                renew_at = now + _RENEW_SECONDS
                self._attempt(self._renew)
            while self._due and self._due[0][0] <= now:
                _, _, uid, status = heapq.heappop(self._due)
                if not self._attempt(partial(self._report, uid, status)):
                    heapq.heappush(self._due, (now + _AGAIN_SECONDS, next(self._counter), uid, status))
            wake = min(renew_at, self._due[0][0] if self._due else renew_at)
            with contextlib.suppress(queue.Empty):
                self._notice(self._seen.get(timeout=max(0.0, wake - time.monotonic())))

    def _notice(self, event: Json) -> None:
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                pod = event["object"]
                uid = pod["metadata"]["uid"]
                known = self._pods.get(uid)
                self._pods[uid] = pod
                if pod["metadata"].get("deletionTimestamp"):
                    self._attempt(partial(self._remove, pod))
                elif known is None and "podIP" not in pod.get("status", {}):
                    self._decide(pod)
            case "DELETED":
                self._pods.pop(event["object"]["metadata"]["uid"], None)
            case "RECONSIDER":
                self._due.clear()
                for pod in self._pods.values():
                    self._decide(pod)

    def _decide(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        address = pod.get("status", {}).get("podIP") or self._next_address()
        story = statuses(pod, self.behaviour(pod), address, _HOST_IP, _now())
        for position, status in enumerate(story, start=1):
            due = time.monotonic() + position * self.delay
            heapq.heappush(self._due, (due, next(self._counter), uid, status))

    def _report(self, uid: str, status: Json) -> None:
        pod = self._pods.get(uid)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        self._client.merge(f"{_path(pod)}/status", {"metadata": {"uid": uid}, "status": status})

    def _remove(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        self._client.delete(_path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})

    def _attempt(self, call: Callable[[], None]) -> bool:
        """A real kubelet outlives an API server that is away, and a pod that is gone meanwhile.

        False when the call is worth another try.
        """
        try:
            call()
        except ApiError as error:
            return error.status in (http.client.NOT_FOUND, http.client.CONFLICT)
        except (OSError, http.client.HTTPException):
            return False
        return True

    def _next_address(self) -> str:
        number = next(self._addresses)
        return f"10.244.{number // 256 % 256}.{number % 256}"


def _path(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


def _now(micro: bool = False) -> str:
    text = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds" if micro else "seconds")
    return text.replace("+00:00", "Z")
