"""A whole operator on fakes, whose every write is judged as those on a real API server are.

The invariants of tests/faults and the judge of tests/rollouts are told of every single change, in their
order and in stepped time; of how the operator works they know nothing. Pods, gateway and registry are
played here; what happens to them is in lives.py.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any

from tests.fakes.builders import PODS, deployment_object, version
from tests.fakes.cluster import corrupt_pod, pod_of, ready_pod
from tests.fakes.rig import KEY, Rig
from tests.fakes.stages import PUBLIC, said
from tests.faults.history import History, is_ready, version_of
from tests.faults.invariants import INVARIANTS
from tests.rollouts.witness import Judge

from lockgate.backends.settings import PodSettings
from lockgate.domain.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_DEPLOYMENT, POD, Key, Object, Resource
from lockgate.errors import LockgateError
from lockgate.names import LABEL_WORKLOAD

# So long that no write is of the time before the wish changed (invariants allow for ten seconds).
BETWEEN_LOOKS = 15.0
CHILDREN = ("Deployment", "Service", "HTTPRoute")


class Broken(Exception):
    """A write broke what is promised; the text says which promise, and how."""


class Judged:
    """One ModelDeployment growth/churn, an operator, and who plays everybody else."""

    def __init__(self, **spec: Any) -> None:
        self.rig = Rig()
        self.cluster, self.registry = self.rig.cluster, self.rig.registry
        self.history = History()
        self.judge = Judge(*KEY, history=self.history)
        self.asked = self.history.asked[KEY]
        self.bad: set[str] = set()
        """Versions whose bytes are others than the registry promises."""
        self._still = ""
        self._found: list[str] = []
        self.cluster.server.onlookers.append(self._hear)
        self.restart()
        self.spec = {"replicas": 3, "traffic": {"gateway": "public"}} | spec
        if not self.spec["traffic"]:
            del self.spec["traffic"]
        self.asked.sizes.append((self.now, self.spec["replicas"]))
        self.rig.create(**self.spec)

    @property
    def now(self) -> float:
        """The time by which everything is judged."""
        return self.rig.monotonic

    def restart(self, pods: PodSettings = PODS) -> None:
        """Another process, which remembers nothing, with these settings."""
        backend = self.rig.backend(pods=pods, gateways={"public": PUBLIC})
        self.rig.reconciler = replace(self.rig.reconciler, backend=backend)

    def _hear(self, type_: str, resource: Resource, obj: Object) -> None:
        change = self.history.take(resource.kind, {"type": type_, "object": obj}, self.now)
        if change is None:
            return
        for invariant in INVARIANTS:
            if wrong := invariant(self.history, change):
                self._found.append(f"{invariant.__name__}: {change.kind} {change.key[1]}: {wrong}")
        self.judge.take(change)
        self._found += [f"the judge of writes: {wrong}" for wrong in self.judge.broken]
        self.judge.broken.clear()
        before, after = ((each or {}).get("spec") for each in (change.before, change.after))
        if self._still and change.kind in CHILDREN and before != after:
            self._found.append(f"{self._still}: {change.kind} {change.key[1]} is written")

    def check(self) -> None:
        """Raises Broken with what was found so far."""
        if self._found:
            raise Broken("; ".join(self._found))

    async def move(self, number: int, alias: str = "production", *, waits: bool = True) -> None:
        """The alias moves; whoever follows it has heard of it then."""
        self.registry.point(alias, version(number))
        self.registry.point(f"v{number}", version(number))
        if "pin" not in self.spec and self.spec.get("model", {}).get("alias", "production") == alias:
            self.asked.versions.append((self.now, f"v{number}"))
        self.asked.changes.append(self.now)
        await self.rig.poll()
        if waits:
            await self.settles()

    async def edit(self, version_asked: str = "", **spec: Any) -> None:
        """A person edits the spec; None takes a field away."""
        known = self.cluster.objects[MODEL_DEPLOYMENT, KEY]
        self.spec = {name: value for name, value in (self.spec | spec).items() if value is not None}
        if version_asked:
            self.asked.versions.append((self.now, version_asked))
        self.asked.sizes.append((self.now, self.spec["replicas"]))
        self.asked.changes.append(self.now)
        self.asked.suspended_since = self.now if self.spec.get("suspend") else None
        edited = deployment_object(**self.spec) | {"status": known.get("status", {})}
        self.cluster.put(MODEL_DEPLOYMENT, edited | {"metadata": deepcopy(known["metadata"])})
        await self.settles()

    async def request(self, text: str) -> None:
        """A person asks by the annotation."""
        known = deepcopy(self.cluster.objects[MODEL_DEPLOYMENT, KEY])
        known["metadata"].setdefault("annotations", {})["lockgate.dev/request"] = text
        self.asked.changes.append(self.now)
        self.cluster.put(MODEL_DEPLOYMENT, known)
        await self.settles()

    @contextmanager
    def still(self, why: str) -> Iterator[None]:
        """Nobody writes any child meanwhile."""
        self.check()
        self._still = why
        yield
        self._still = ""
        self.check()

    async def settles(self, looks: int = 60) -> None:
        """Passes, pods and gateway, until nothing is written any more; then more time than anything takes."""
        quiet = 0
        for _ in range(looks):
            before = len(self.cluster.writes)
            await self.look()
            self.play()
            self.check()
            self.rig.wait(seconds=BETWEEN_LOOKS)
            quiet = quiet + 1 if len(self.cluster.writes) == before else 0
            if quiet == 3:
                break
        else:
            raise Broken(f"it comes to rest: still writing {self.cluster.writes[-4:]}")
        self.history.round_began = self.now
        ready = sum(map(is_ready, self.history.pods(KEY)))
        self.history.whole_at_round[KEY] = min(ready, self.spec["replicas"])

    async def look(self) -> None:
        """One pass, and what is to be said of its writes."""
        with suppress(LockgateError):
            # The next pass sees what this one did not.
            await self.rig.look()
        self.check()

    async def rests(self) -> None:
        """Until nothing is kept warm any more."""
        self.rig.wait(minutes=30)
        await self.settles()

    def play(self) -> None:
        """The Deployment controller, the kubelet and the gateway, each one look."""
        for resource, key in [place for place in self.cluster.objects if place[0] is DEPLOYMENT]:
            if not self.cluster.objects[resource, key]["spec"].get("paused"):
                self._bring_out(key)
        route = deepcopy(self.cluster.objects.get((HTTP_ROUTE, KEY)))
        if route is not None:
            route["status"] = {"parents": [said(route["spec"]["parentRefs"][0], route)]}
            self.cluster.put(HTTP_ROUTE, route)

    def _bring_out(self, key: Key) -> None:
        workload = deepcopy(self.cluster.objects[DEPLOYMENT, key])
        size, owner = workload["spec"]["replicas"], self.cluster.replica_set(key)
        mine = {
            place[1]: pod
            for place, pod in self.cluster.objects.items()
            if place[0] is POD and pod["metadata"]["labels"][LABEL_WORKLOAD] == key[1]
        }
        names = [f"{owner['metadata']['name']}-{number}" for number in range(size)]
        number = version_of(owner["spec"]["template"])
        for name in names:
            if (key[0], name) not in mine:
                status = corrupt_pod(3)(name) if number in self.bad else _served(name, number)
                made = pod_of(owner, name) | {"status": status}
                mine[key[0], name] = self.cluster.put(POD, made)
        new = {(key[0], name) for name in names}
        if all(is_ready(mine[place]) for place in new):
            for place in mine.keys() - new:
                self.cluster.drop(POD, place)
                del mine[place]
        ready = sum(is_ready(pod) for pod in mine.values())
        workload["status"] = {
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": len(mine),
            "updatedReplicas": len(names),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": [{"type": "Available", "status": "True" if ready >= size else "False"}],
        }
        self.cluster.put(DEPLOYMENT, workload)


def _served(name: str, number: str) -> Object:
    """The status of a pod that proved the files of its version."""
    status = ready_pod(name)
    ended = status["initContainerStatuses"][0]["state"]["terminated"]
    told = json.loads(ended["message"])
    told["treeDigest"] = f"sha256:{int(number.removeprefix('v') or 0):064x}"
    ended["message"] = json.dumps(told)
    return status
