"""What the stand-in for a kubelet reports of a pod: the fates it can meet and the status of each.

Pure: a fate and a pod in, statuses out, in the order in which a kubelet would report them. The
clock is an argument. Readiness gates, probes and restarts over time are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BecomesReady:
    """Init containers complete, each leaving `init_message`; all containers run and are ready."""

    init_message: str = ""


@dataclass(frozen=True, slots=True)
class InitFails:
    """An init container (by name, else the first) keeps failing and leaves `message`."""

    message: str
    exit_code: int = 1
    container: str | None = None
    restarts: int = 1


@dataclass(frozen=True, slots=True)
class CrashLoops:
    """A container (by name, else the first) keeps ending after the init containers completed."""

    message: str = ""
    exit_code: int = 1
    container: str | None = None
    init_message: str = ""


@dataclass(frozen=True, slots=True)
class NeverReady:
    """All containers run and none becomes ready."""

    init_message: str = ""


Fate = BecomesReady | InitFails | CrashLoops | NeverReady


def statuses(pod: Json, fate: Fate, pod_ip: str, host_ip: str, now: str) -> list[Json]:
    """The statuses a pod goes through, last one lasting. `now` is an RFC 3339 time."""
    teller = _Teller(pod, pod_ip, host_ip, now)
    match fate:
        case BecomesReady(init_message):
            return [teller.running(init_message, ready=True)]
        case NeverReady(init_message):
            return [teller.running(init_message, ready=False)]
        case InitFails(message, exit_code, container, restarts):
            return [teller.init_failed(container, exit_code, message, count) for count in (0, restarts)]
        case CrashLoops(message, exit_code, container, init_message):
            return [
                teller.crashed(container, exit_code, message, init_message, again) for again in (False, True)
            ]
        case other:
            assert_never(other)


class _Teller:
    def __init__(self, pod: Json, pod_ip: str, host_ip: str, now: str) -> None:
        self._inits: list[Json] = pod["spec"].get("initContainers") or []
        self._containers: list[Json] = pod["spec"]["containers"]
        self._pod_ip, self._host_ip, self._now = pod_ip, host_ip, now

    def running(self, init_message: str, ready: bool) -> Json:
        containers = [self._runs(container, ready) for container in self._containers]
        return self._status("Running", self._completed(init_message), containers, True, ready)

    def init_failed(self, name: str | None, exit_code: int, message: str, restarts: int) -> Json:
        failing = _position(self._inits, name)
        inits = self._completed("")[:failing]
        inits.append(self._ends(self._inits[failing], exit_code, message, restarts))
        inits += [self._waits(later) for later in self._inits[failing + 1 :]]
        containers = [self._waits(container) for container in self._containers]
        return self._status("Pending", inits, containers, False, False)

    def crashed(self, name: str | None, exit_code: int, message: str, init_message: str, again: bool) -> Json:
        failing = _position(self._containers, name)
        containers = [self._runs(container, True) for container in self._containers]
        containers[failing] = self._ends(self._containers[failing], exit_code, message, int(again))
        return self._status("Running", self._completed(init_message), containers, True, False)

    def _completed(self, message: str) -> list[Json]:
        return [
            # An init container that restarts always is a sidecar: it runs on.
            self._runs(container, True)
            if container.get("restartPolicy") == "Always"
            else {
                **self._base(container, ready=True),
                "started": False,
                "state": {"terminated": self._terminated(0, "Completed", message)},
            }
            for container in self._inits
        ]

    def _runs(self, container: Json, ready: bool) -> Json:
        state = {"running": {"startedAt": self._now}}
        return {**self._base(container, ready), "started": True, "state": state}

    def _waits(self, container: Json) -> Json:
        state = {"waiting": {"reason": "PodInitializing"}}
        return {**self._base(container, ready=False), "started": False, "state": state}

    def _ends(self, container: Json, exit_code: int, message: str, restarts: int) -> Json:
        ended = {"terminated": self._terminated(exit_code, "Error", message)}
        status = {**self._base(container, ready=False), "started": False}
        if not restarts:
            return {**status, "state": ended}
        waiting = {
            "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
        }
        return {**status, "state": waiting, "lastState": ended, "restartCount": restarts}

    def _terminated(self, exit_code: int, reason: str, message: str) -> Json:
        told = {"message": message} if message else {}
        return {
            "exitCode": exit_code,
            "reason": reason,
            "startedAt": self._now,
            "finishedAt": self._now,
            **told,
        }

    def _base(self, container: Json, ready: bool) -> Json:
        image = container["image"]
        return {
            "name": container["name"],
            "image": image,
            "imageID": image,
            "ready": ready,
            "restartCount": 0,
            "containerID": f"stand-in://{container['name']}",
        }

    def _status(
        self, phase: str, inits: list[Json], containers: list[Json], initialized: bool, ready: bool
    ) -> Json:
        states = {"PodScheduled": True, "Initialized": initialized, "ContainersReady": ready, "Ready": ready}
        return {
            "phase": phase,
            "startTime": self._now,
            "podIP": self._pod_ip,
            "podIPs": [{"ip": self._pod_ip}],
            "hostIP": self._host_ip,
            "conditions": [
                {"type": kind, "status": str(value), "lastTransitionTime": self._now}
                for kind, value in states.items()
            ],
            "initContainerStatuses": inits,
            "containerStatuses": containers,
        }


def _position(containers: list[Json], name: str | None) -> int:
    names = [container["name"] for container in containers]
    if name is None and names:
        return 0
    if name not in names:
        raise ValueError(f"the pod has no container {name!r}; it has {', '.join(names) or 'none'}")
    return names.index(name)
