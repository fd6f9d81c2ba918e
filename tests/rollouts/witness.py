"""What the route, Deployments and Services of one ModelDeployment looked like after every write, judged.

Reads the API server's own watch, in the order of the writes, and asks the operator nothing. Tells
what was broken, and during which times the gateway served a split that did not change.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from tests.fakes.sums import pods_that_carry
from tests.faults.history import KINDS, Change, History, Onlooker, version_of
from tests.waiting import wait_until

from lockgate.backends.deployment.route import read_route, services_named
from lockgate.domain.split import WHOLE, TrafficSplit
from lockgate_sandbox.api import Json

ROUTE = "HTTPRoute"
WATCHED = {
    ROUTE: "/apis/gateway.networking.k8s.io/v1/httproutes",
    **{kind: KINDS[kind] for kind in ("ModelDeployment", "Deployment", "Service")},
}
_FINAL = ("Accepted", "ResolvedRefs")


@dataclass(frozen=True, slots=True)
class Window:
    """For how long the gateway served these weights, by version; `end` is None until something changes."""

    begin: float
    weights: Mapping[str, int]
    end: float | None = None


@dataclass(slots=True)
class Judge:
    """Takes in one change after the other; a plain value, so that it can be shown any history."""

    namespace: str
    name: str
    history: History = field(default_factory=History)
    broken: list[str] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    # What the gateway may be serving: what is written is the last of them.
    splits: list[TrafficSplit] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    writes: int = 0

    def take(self, change: Change) -> None:
        """One write, in its order; the history has it already."""
        if change.key[0] != self.namespace:
            return
        self.writes += 1
        match change.kind:
            case "HTTPRoute" if change.key[1] == self.name:
                self._route(change)
            case "Deployment":
                self._deployment(change)
            case "Service" if change.after is None and change.key[1] in self.services:
                self._break(f"Service {change.key[1]} is deleted while the route names it")
        self._mind_the_window(change.at)

    def _route(self, change: Change) -> None:
        if change.after is None:
            self._break("the route is deleted")
            self.splits, self.services = [], set()
            return
        split, _ = read_route(change.after, self.name)
        if split is None:
            self._break(f"the route leads nowhere: {change.after['spec'].get('rules')}")
            return
        if not self.splits or self.splits[-1] != split:
            self._written(change.after, split)
        if _is_served(change.after):
            self.splits = [split]
            self.services = services_named(change.after)
        else:
            self.services |= services_named(change.after)

    def _written(self, route: Json, split: TrafficSplit) -> None:
        before = dict(self.splits[-1].weights) if self.splits else {}
        self.splits.append(split)
        main = route["spec"]["rules"][-1]["backendRefs"]
        total = sum(backend.get("weight", 1) for backend in main)
        if total != WHOLE:
            self._break(f"the weights make {total}: {main}")
        for name, weight in split.weights:
            available = self._available(name)
            if weight and not available:
                self._break(f"{weight} % for {name}, of which no pod is available")
            elif weight > before.get(name, 0) and available < pods_that_carry(self._size(), weight):
                self._break(f"{weight} % for {name}, of which {available} of {self._size()} are available")
        for service in services_named(route):
            if self.history.get("Service", (self.namespace, service)) is None:
                self._break(f"the route names the Service {service}, which is not there")

    def _deployment(self, change: Change) -> None:
        name = change.key[1]
        weights = [dict(split.weights).get(name) for split in self.splits]
        if all(weight is None for weight in weights):
            return
        is_gone = change.after is None or "deletionTimestamp" in change.after["metadata"]
        if is_gone:
            # Who has no weight any more is asked for nothing, and is free to go with the next write.
            if weights[-1] is not None or any(weights):
                self._break(f"Deployment {name} is deleted while the route names it, with {weights} %")
            return
        assert change.after is not None
        needed = pods_that_carry(self._size(), max(weight or 0 for weight in weights))
        had = change.before["spec"]["replicas"] if change.before else 0
        has = change.after["spec"]["replicas"]
        if has < had and has < needed:
            self._break(f"{name} is shrunk from {had} to {has} pods and its {weights} % need {needed}")
        if weights[-1] and not self._available(name):
            self._break(f"{name} has {weights[-1]} % and no available pod")

    def _mind_the_window(self, at: float) -> None:
        """Close what is over, and open what begins: the shares are known while all is as it is served."""
        weights = self._weights_by_version()
        is_open = bool(self.windows) and self.windows[-1].end is None
        if is_open and self.windows[-1].weights != weights:
            self.windows[-1] = replace(self.windows[-1], end=at)
            is_open = False
        if not is_open and weights:
            self.windows.append(Window(at, weights))

    def _weights_by_version(self) -> dict[str, int]:
        """Empty while the gateway may serve another split, or a workload is between two versions."""
        if len(self.splits) != 1:
            return {}
        weights: dict[str, int] = {}
        for name, weight in self.splits[0].weights:
            found = self.history.get("Deployment", (self.namespace, name))
            if found is None or not weight:
                continue
            if _is_replacing(found):
                return {}
            weights[version_of(found)] = weights.get(version_of(found), 0) + weight
        return weights

    def _available(self, name: str) -> int:
        found = self.history.get("Deployment", (self.namespace, name))
        return int((found or {}).get("status", {}).get("availableReplicas", 0))

    def _size(self) -> int:
        found = self.history.get("ModelDeployment", (self.namespace, self.name))
        return int(found["spec"]["replicas"]) if found else 0

    def _break(self, what: str) -> None:
        self.broken.append(what)


def _is_served(route: Json) -> bool:
    generation = route["metadata"]["generation"]
    for parent in (route.get("status") or {}).get("parents") or ():
        told = {c["type"]: c for c in parent.get("conditions") or ()}
        if all(
            told.get(type_, {}).get("status") == "True"
            and told[type_].get("observedGeneration", 0) >= generation
            for type_ in _FINAL
        ):
            return True
    return False


def _is_replacing(deployment: Json) -> bool:
    """Whether pods of two templates may answer."""
    status = deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return True
    return int(status.get("updatedReplicas", 0)) < int(status.get("replicas", 0))


class Witness:
    """A judge who watches a cluster, on threads of its own."""

    def __init__(self, kubeconfig: Path, namespace: str, name: str) -> None:
        self._judge = Judge(namespace, name)
        self._lock = threading.Lock()
        self._onlooker = Onlooker(kubeconfig, {namespace}, self._judge.history, WATCHED)
        self._onlooker.on_change = self._take

    def __enter__(self) -> "Witness":
        self._onlooker.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._onlooker.__exit__()

    def _take(self, change: Change) -> None:
        with self._lock:
            self._judge.take(change)

    @property
    def writes(self) -> int:
        """How many changes it has judged."""
        return self._judge.writes

    def broken(self) -> list[str]:
        """What was broken since this was last asked, up to now."""
        now = time.monotonic()
        wait_until("the watches have told all", lambda: self._onlooker.known_until >= now)
        with self._lock:
            told, self._judge.broken = self._judge.broken, []
            return told

    def windows(self, since: float) -> list[Window]:
        """The times since a moment in which the shares did not change, as far as is known by now."""
        now = self._onlooker.known_until
        with self._lock:
            found = list(self._judge.windows)
        ended = [replace(each, end=now if each.end is None else each.end) for each in found]
        return [
            replace(each, begin=max(each.begin, since)) for each in ended if each.end and each.end > since
        ]
