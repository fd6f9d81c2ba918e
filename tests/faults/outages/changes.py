"""What people and strangers change past the proxy, and when Lockgate has acted on it.

Every change goes to the true API server or registry while the operator cannot be told. What is
asked for is kept as a person would know it; what came of it is what an onlooker has seen.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.history import History, Key
from tests.faults.outages.draws import Change
from tests.faults.rig import FaultSite
from tests.faults.stage import LABEL, path
from tests.integration.site import runtime

from lockgate.backends.deployment.template import DRAIN_SECONDS
from lockgate_sandbox.api import ApiClient, ApiError, Json

RUNTIMES = "/apis/lockgate.dev/v1alpha1/modelruntimes"
COLLECTIONS = ("churn", "fraud")
VERSIONS = 2
EACH = 3
_KIND = {"deployments": "Deployment", "services": "Service"}
Check = Callable[[], str | None]


@dataclass(slots=True)
class Asked:
    """What is asked of one ModelDeployment at present."""

    key: Key
    collection: str
    size: int = 2
    cpu: str | None = None
    generation: int = 1
    exists: bool = True


class Changes:
    """Makes changes, and says of each what is still missing."""

    def __init__(self, site: FaultSite, history: History, namespaces: tuple[str, ...]) -> None:
        self.asked: list[Asked] = []
        self.client = ApiClient(site.world.kubeconfig)
        self._site = site
        self._history = history
        self._namespaces = namespaces
        self._runtime = f"outages-{namespaces[0]}"
        self._grace = 30
        self._means = dict.fromkeys(COLLECTIONS, 0)

    def set_up(self) -> None:
        """Some that follow each collection, in both namespaces."""
        body = runtime(self._runtime, terminationGracePeriodSeconds=self._grace)
        self.client.post(RUNTIMES, body)
        for collection in COLLECTIONS:
            for number in range(VERSIONS):
                files = {"model.onnx": f"{collection} {number} {self._runtime}".encode()}
                self._site.registry.seed_version(collection=collection, files=files)
            self._site.registry.move_alias("model", collection, "production", "v0")
        for _ in range(EACH * len(COLLECTIONS)):
            self._create(len(self.asked), 2)

    def tear_down(self) -> None:
        """Leave nothing behind in the cluster's own place."""
        self.client.delete(f"{RUNTIMES}/{self._runtime}")
        self.client.close()

    def make(self, change: Change) -> Check | None:
        """Make it; what says whether it was acted on, None where there was nothing to change."""
        try:
            check: Check | None = getattr(self, f"_{change.kind.replace(' ', '_')}")(**change.arguments)
        except ApiError:
            return None  # another change of the round came before: a child is gone, say
        return check

    def unmet(self) -> str | None:
        """What is not as it should be once everything is quiet; None when all is well."""
        for one in self.asked:
            found = self._unmet(one) if one.exists else self._ghost(one)
            if found:
                return f"{'/'.join(one.key)}: {found}"
        return None

    # what people ask for

    def _scale(self, of: int, size: int) -> Check:
        one = self._one(of)
        one.size = size
        return self._edit(one, {"replicas": size}, lambda: self._wrong_size(one))

    def _ask_for_more(self, of: int, cpu: str) -> Check:
        one = self._one(of)
        one.cpu = cpu
        return self._edit(one, {"resources": {"requests": {"cpu": cpu}}}, lambda: self._wrong_template(one))

    def _move_the_alias(self, of: int) -> Check:
        collection = COLLECTIONS[of % len(COLLECTIONS)]
        self._means[collection] = (self._means[collection] + 1) % VERSIONS
        self._site.registry.move_alias("model", collection, "production", f"v{self._means[collection]}")
        return lambda: self._first(
            self._wrong_template, [one for one in self.asked if one.collection == collection]
        )

    def _change_the_runtime(self, of: int, grace: int) -> Check:
        self._grace = grace
        self.client.merge(f"{RUNTIMES}/{self._runtime}", {"spec": {"terminationGracePeriodSeconds": grace}})
        return lambda: self._first(self._wrong_template, self.asked)

    def _create(self, of: int, size: int) -> Check:
        place = self._namespaces[of % len(self._namespaces)]
        # Two by two, so that each collection has followers in each namespace.
        collection = COLLECTIONS[of // 2 % len(COLLECTIONS)]
        one = Asked((place, f"m-{len(self.asked)}"), collection, size)
        spec = {
            "model": {"registry": "model", "collection": collection, "alias": "production"},
            "runtime": {"name": self._runtime},
            "replicas": size,
        }
        kind = {"apiVersion": "lockgate.dev/v1alpha1", "kind": "ModelDeployment"}
        body = kind | {"metadata": {"name": one.key[1]}, "spec": spec}
        self.client.post(path("modeldeployments", one.key, named=False), body)
        self.asked.append(one)
        return lambda: self._wrong_size(one) or self._wrong_service(one) or self._unlooked(one)

    def _delete(self, of: int) -> Check | None:
        here = [one for one in self.asked if one.exists]
        if len(here) <= EACH * len(COLLECTIONS):
            return None  # some must be left to be changed
        one = here[of % len(here)]
        one.exists = False
        self.client.delete(path("modeldeployments", one.key))
        return lambda: self._ghost(one)

    # what strangers do

    def _delete_a_child(self, of: int, kind: str) -> Check:
        one = self._one(of)
        uid = self.client.get(path(kind, one.key))["metadata"]["uid"]
        self.client.delete(path(kind, one.key), {"propagationPolicy": "Background"})

        def missing() -> str | None:
            found = self._child(kind, one)
            return None if found and found["metadata"]["uid"] != uid else f"its {kind[:-1]} was not remade"

        return self._while_it_exists(one, missing)

    def _take_the_label_off(self, of: int, kind: str) -> Check:
        one = self._one(of)
        self.client.merge(path(kind, one.key), {"metadata": {"labels": {LABEL: None}}})
        return self._while_it_exists(one, lambda: self._unlabelled(kind, one))

    def _scale_the_workload(self, of: int, size: int) -> Check:
        one = self._one(of)
        self.client.merge(path("deployments", one.key), {"spec": {"replicas": size}})
        return self._while_it_exists(one, lambda: self._wrong_size(one))

    def _turn_the_selector(self, of: int) -> Check:
        one = self._one(of)
        self.client.merge(path("services", one.key), {"spec": {"selector": {LABEL: "nobody"}}})
        return self._while_it_exists(one, lambda: self._wrong_service(one))

    def _one(self, of: int) -> Asked:
        here = [one for one in self.asked if one.exists]
        return here[of % len(here)]

    def _edit(self, one: Asked, spec: Json, check: Check) -> Check:
        told = self.client.merge(path("modeldeployments", one.key), {"spec": spec})
        one.generation = told["metadata"]["generation"]
        return self._while_it_exists(one, lambda: check() or self._unlooked(one))

    # what came of it

    def _while_it_exists(self, one: Asked, check: Check) -> Check:
        return lambda: check() if one.exists else None

    def _first(self, wrong: Callable[[Asked], str | None], of: list[Asked]) -> str | None:
        found = ((one, wrong(one)) for one in of if one.exists)
        return next((f"{'/'.join(one.key)}: {said}" for one, said in found if said), None)

    def _child(self, kind: str, one: Asked) -> Json | None:
        return self._history.get(_KIND[kind], one.key)

    def _ghost(self, one: Asked) -> str | None:
        # The operator has nothing to do for it but to let go of it; the children are the collector's.
        shown = f'lockgate_modeldeployment_condition{{name="{one.key[1]}",namespace="{one.key[0]}"'
        return f"{one.key[1]} is gone and still shown" if shown in self._site.operator.page() else None

    def _unlooked(self, one: Asked) -> str | None:
        status = (self._history.get("ModelDeployment", one.key) or {}).get("status") or {}
        seen = status.get("observedGeneration", 0)
        return None if seen >= one.generation else f"generation {one.generation} was not looked at ({seen})"

    def _wrong_size(self, one: Asked) -> str | None:
        found = self._child("deployments", one)
        size = found["spec"]["replicas"] if found else None
        return None if size == one.size else f"{one.size} replicas are asked for, its deployment has {size}"

    def _wrong_template(self, one: Asked) -> str | None:
        found = self._child("deployments", one)
        if found is None:
            return "it has no deployment"
        template = found["spec"]["template"]
        version = template["metadata"]["annotations"]["lockgate.dev/model-version"]
        meant = f"v{self._means[one.collection]}"
        if version != meant:
            return f"its deployment is of {version}, {meant} is meant"
        grace = template["spec"]["terminationGracePeriodSeconds"]
        if grace != self._grace + DRAIN_SECONDS:
            return f"its deployment has {grace} s to end, its runtime says {self._grace}"
        asks = [c["resources"].get("requests", {}).get("cpu") for c in template["spec"]["containers"]]
        return None if one.cpu in (None, *asks) else f"{one.cpu} is asked for, its deployment asks {asks}"

    def _wrong_service(self, one: Asked) -> str | None:
        found = self._child("services", one)
        if found is None:
            return "it has no service"
        selects = found["spec"]["selector"].get(LABEL)
        return None if selects == one.key[1] else f"its service selects {selects}"

    def _unlabelled(self, kind: str, one: Asked) -> str | None:
        found = self._child(kind, one)
        labels = (found or {}).get("metadata", {}).get("labels") or {}
        return None if LABEL in labels else f"its {kind[:-1]} has no label"

    def _unmet(self, one: Asked) -> str | None:
        return (
            self._wrong_template(one)
            or self._wrong_size(one)
            or self._wrong_service(one)
            or self._unlabelled("deployments", one)
            or self._unlabelled("services", one)
            or self._unlooked(one)
            or self._unserved(one)
        )

    def _unserved(self, one: Asked) -> str | None:
        status = (self._history.get("ModelDeployment", one.key) or {}).get("status") or {}
        stable = (status.get("stable") or {}).get("version")
        ready = [c["status"] for c in status.get("conditions") or () if c["type"] == "Ready"]
        workload = self._child("deployments", one) or {}
        available = (workload.get("status") or {}).get("availableReplicas", 0)
        good = stable == f"v{self._means[one.collection]}" and ready == ["True"] and available == one.size
        return None if good else f"stable: {stable}, Ready: {ready}, {available} of {one.size} available"
