"""A stand-in for the kubelet in worlds that have none: it plays one Ready node and all pods on it.

It registers a node, moves pods that the real scheduler bound to it to Running and Ready after a
delay (or to another fate the test chooses), and removes pods that are being deleted. All of it goes
through the real API server under a real node's identity. It proves nothing about containers: no image
is pulled, no program starts, no probe runs, no volume is mounted, no address answers, and no
termination takes time. What depends on those belongs on a cluster world.
"""

from __future__ import annotations

import datetime
import http.client
import itertools
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from lockgate_sandbox.acting import Acting
from lockgate_sandbox.api import ApiError, Json
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.pod_fates import BecomesReady, Fate, statuses
from lockgate_sandbox.running import RunningWorld

_HOST_IP = "192.0.2.10"  # an address that is reserved for documentation and so never answers
_LEASE_SECONDS = 40
_RENEW_SECONDS = 10.0
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
        self._acting = Acting(kubeconfig)
        self._client = self._acting.client
        self._acting.watch("/api/v1/pods", self._notice, {"fieldSelector": f"spec.nodeName={name}"})
        self._pods: dict[str, Json] = {}
        self._round = 0
        self._addresses = itertools.count(2)

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
        self._acting.soon(self._keep_lease)
        self._acting.start()

    def stop(self) -> None:
        """Stop acting. The node object stays and will be found not ready in time."""
        self._acting.stop()

    def reconsider(self) -> None:
        """Ask `behaviour` again about every pod on the node, as when the cause of a failure is gone."""
        self._acting.soon(self._decide_all_anew)

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

    def _keep_lease(self) -> None:
        self._renew()
        self._acting.later(_RENEW_SECONDS, self._keep_lease)

    def _notice(self, event: Json) -> None:
        pod = event["object"]
        uid = pod["metadata"]["uid"]
        known = self._pods.pop(uid, None)
        if event["type"] == "DELETED":
            return
        self._pods[uid] = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._acting.later(0, partial(self._remove, pod))
        elif known is None and "podIP" not in pod.get("status", {}):
            self._decide(pod)

    def _decide_all_anew(self) -> None:
        self._round += 1
        for pod in self._pods.values():
            self._decide(pod)

    def _decide(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        address = pod.get("status", {}).get("podIP") or self._next_address()
        story = statuses(pod, self.behaviour(pod), address, _HOST_IP, _now())
        for position, status in enumerate(story, start=1):
            self._acting.later(position * self.delay, partial(self._report, uid, status, self._round))

    def _report(self, uid: str, status: Json, decided: int) -> None:
        pod = self._pods.get(uid)
        if decided != self._round or pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        self._client.merge(f"{_path(pod)}/status", {"metadata": {"uid": uid}, "status": status})

    def _remove(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        self._client.delete(_path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})

    def _next_address(self) -> str:
        number = next(self._addresses)
        return f"10.244.{number // 256 % 256}.{number % 256}"


def _path(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


def _now(micro: bool = False) -> str:
    text = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds" if micro else "seconds")
    return text.replace("+00:00", "Z")
