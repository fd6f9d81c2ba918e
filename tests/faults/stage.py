"""Does what a story says: to the registry, the cluster, the proxies, the clock and the process.

Every action can be done in every state; where it makes no sense it does nothing, so that a story
stays playable whichever of its actions are left out.
"""

import contextlib
import http.client
import json
import time
from collections.abc import Iterator

from tests.faults.history import History, Key
from tests.faults.rig import FaultSite
from tests.faults.story import Action
from tests.faults.trouble import Trouble
from tests.faults.wishes import Published, Wish, Wishes
from tests.integration.site import proof_for

from lockgate.registries.wandb.naming import claim_of
from lockgate_sandbox.api import ApiClient, ApiError, Json
from lockgate_sandbox.pod_fates import BecomesReady, CrashLoops, Fate, InitFails, NeverReady

GROUPS = {"modeldeployments": "/apis/lockgate.dev/v1alpha1", "deployments": "/apis/apps/v1"}
LABEL = "lockgate.dev/model-deployment"
WRONG_BYTES = json.dumps(
    {"ok": False, "reason": "CorruptFile", "message": "model.onnx holds other bytes than promised"}
)


def path(kind: str, key: Key, named: bool = True) -> str:
    """Where an object, or its collection, is."""
    base = f"{GROUPS.get(kind, '/api/v1')}/namespaces/{key[0]}/{kind}"
    return f"{base}/{key[1]}" if named else base


class Stage(Trouble):
    """The hands of a story."""

    def __init__(self, site: FaultSite, history: History, wishes: Wishes) -> None:
        super().__init__(site)
        self.history = history
        self.wishes = wishes
        self.client = ApiClient(site.world.kubeconfig)
        self._files = 0
        self._storm = False
        assert site.actor is not None
        site.actor.behaviour = self._fate

    def perform(self, action: Action) -> None:
        """Do it; what the API server refuses because of another action is no failure."""
        name = action.kind.replace(": ", "_").replace(" ", "_").lower()
        with contextlib.suppress(ApiError):
            getattr(self, f"_{name}")(**action.arguments)

    def set_up(self) -> None:
        """Three collections' worth of versions, and everything that is always there."""
        for collection, aliases in (("churn", ("production",)), ("fraud", ("production", "staging"))):
            self._publish(collection, aliases[0], "good", moves=False)
            self._publish(collection, aliases[0], "good", moves=False)
            for alias in aliases:
                self._move_the_alias(collection, alias, 1)
        for number, _ in enumerate(self.wishes.always()):
            self._create(number)

    def calm(self) -> bool:
        """End every fault and make sure that the operator runs; tells whether it had died by itself."""
        self.relieve()
        if self._storm:
            self._storm = False
            assert self.site.actor is not None
            self.site.actor.reconsider()
        return self.site.operator.revive()

    # what people ask for

    def _publish(self, collection: str, alias: str, quality: str, moves: bool = True) -> None:
        self._files += 1
        name = "model.pkl" if quality == "pickle" else "model.onnx"
        files = {name: f"weights {self._files} {self.site.namespace}".encode()}
        made = self.site.registry.seed_version(collection=collection, files=files)
        self.history.qualities[claim_of(made.digest)] = quality
        self.wishes.published.setdefault(collection, []).append(Published(made.version, made.digest, quality))
        if quality == "pending":
            self.site.registry.mark_pending("model", collection, made.version)
        if moves:
            self._move_the_alias(collection, alias, 0)

    def _move_the_alias(self, collection: str, alias: str, back: int) -> None:
        self._means(collection, alias, self._version(collection, back))

    def _remove_the_alias(self, collection: str, alias: str) -> None:
        if self.wishes.aliases.pop((collection, alias), None):
            self.wishes.changed(*self.wishes.followers(collection, alias))
            self.site.registry.remove_alias("model", collection, alias)

    def _means(self, collection: str, alias: str, version: str) -> None:
        self.wishes.aliases[collection, alias] = version
        self.wishes.changed(*self.wishes.followers(collection, alias))
        self.site.registry.move_alias("model", collection, alias, version)

    def _version(self, collection: str, back: int) -> str:
        known = self.wishes.published[collection]
        return known[max(0, len(known) - 1 - back)].version

    def _pin(self, of: int, back: int) -> None:
        wish = self.wishes.wishes[of]
        wish.pin = self._version(wish.collection, back)
        self._change(wish, {"pin": {"version": wish.pin, "reason": "a story says so"}})

    def _unpin(self, of: int) -> None:
        wish = self.wishes.wishes[of]
        wish.pin = None
        self._change(wish, {"pin": None})

    def _suspend(self, of: int) -> None:
        wish = self.wishes.wishes[of]
        if not wish.suspended:
            wish.suspended = True
            self._change(wish, {"suspend": True})
            self.history.asked[wish.key].suspended_since = time.monotonic()

    def _resume(self, of: int) -> None:
        wish = self.wishes.wishes[of]
        self.history.asked[wish.key].suspended_since = None
        wish.suspended = False
        self._change(wish, {"suspend": None})

    def _scale(self, of: int, size: int) -> None:
        wish = self.wishes.wishes[of]
        wish.size = size
        self._change(wish, {"replicas": size})

    def _edit_something_else(self, of: int, limit: int) -> None:
        self._change(self.wishes.wishes[of], {"revisionHistoryLimit": limit})

    def _change(self, wish: Wish, spec: Json) -> None:
        self.wishes.changed(wish)
        if wish.exists:
            self.client.merge(path("modeldeployments", wish.key), {"spec": spec})

    def _delete(self, of: int) -> None:
        wish = self.wishes.wishes[of]
        self.history.disturb(wish.key)
        wish.exists = False
        self.client.delete(path("modeldeployments", wish.key))

    def _create(self, of: int) -> None:
        wish = self.wishes.wishes[of]
        if wish.exists:
            return
        self.history.disturb(wish.key)
        self.wishes.changed(wish)
        spec: Json = {
            "model": {"registry": "model", "collection": wish.collection, "alias": wish.alias},
            "runtime": {"name": "onnx"},
            "replicas": wish.size,
            "progressDeadline": "30s",
            "suspend": wish.suspended,
        }
        if wish.pin:
            spec["pin"] = {"version": wish.pin, "reason": "a story says so"}
        kind = {"apiVersion": "lockgate.dev/v1alpha1", "kind": "ModelDeployment"}
        body = kind | {"metadata": {"name": wish.key[1]}, "spec": spec}
        self.client.post(path("modeldeployments", wish.key, named=False), body)
        wish.exists = True

    # what strangers do

    def _scale_the_workload(self, of: int, size: int) -> None:
        key = self._disturbed(of)
        self.history.asked[key].sizes.insert(0, (0.0, size))  # a size that somebody asked for, not we
        self.client.merge(path("deployments", key), {"spec": {"replicas": size}})

    def _take_the_label_off(self, of: int, kind: str) -> None:
        self.client.merge(path(kind, self._disturbed(of)), {"metadata": {"labels": {LABEL: None}}})

    def _turn_the_selector(self, of: int) -> None:
        self.client.merge(path("services", self._disturbed(of)), {"spec": {"selector": {LABEL: "nobody"}}})

    def _delete_a_child(self, of: int, kind: str, way: str) -> None:
        self.client.delete(path(kind, self._disturbed(of)), {"propagationPolicy": way})

    def _delete_a_pod(self, of: int) -> None:
        key = self._disturbed(of)
        names = sorted(pod["metadata"]["name"] for pod in self.history.pods(key))
        if names:
            self.client.delete(path("pods", (key[0], names[0])))

    def _put_something_in_the_way(self, of: int, kind: str) -> None:
        wish = self.wishes.wishes[of]
        if wish.in_the_way:
            return
        if wish.exists or self.history.get("Deployment", wish.key):
            # The place is not free yet; the next stranger may find it so.
            self._delete(of)
            return
        labels = {"app": "a-stranger"}
        spec: Json = {"selector": labels, "ports": [{"port": 80}]}
        if kind == "deployments":
            template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
            spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        name = kind[:-1].capitalize()
        self.history.foreign.add((name, wish.key))
        body = {"metadata": {"name": wish.key[1]}, "spec": spec}
        try:
            self.client.post(path(kind, wish.key, named=False), body)
        except ApiError:
            self.history.foreign.discard((name, wish.key))
            raise
        wish.in_the_way = True
        self._create(of)

    def _take_it_out_of_the_way(self, of: int) -> None:
        wish = self.wishes.wishes[of]
        if not wish.in_the_way:
            return
        for kind in ("deployments", "services"):
            name = (kind[:-1].capitalize(), wish.key)
            if name in self.history.foreign:
                self.client.delete(path(kind, wish.key))
                self.history.foreign.discard(name)
        wish.in_the_way = False
        # Nobody watches what is not ours: the owner says that it is gone.
        self._change(wish, {"revisionHistoryLimit": 10 + int(time.monotonic()) % 30})

    def _disturbed(self, of: int) -> Key:
        wish = self.wishes.wishes[of]
        self.history.disturb(wish.key)
        if wish.in_the_way:
            raise ApiError(404, "not ours to touch")
        return wish.key

    # the node

    def _no_pod_becomes_ready_for_now(self) -> None:
        self._storm = True

    def _fate(self, pod: Json) -> Fate:
        notes = pod["metadata"].get("annotations") or {}
        if "lockgate.dev/model-digest" not in notes:
            return BecomesReady()
        proof = proof_for(pod)
        match self.history.qualities.get(notes["lockgate.dev/model-digest"]):
            case "wrong bytes":
                return InitFails(WRONG_BYTES, restarts=3)
            case "crashes":
                return CrashLoops("it crashed", init_message=proof)
        return NeverReady(init_message=proof) if self._storm else BecomesReady(init_message=proof)


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """What may fail while a world is torn down."""
    with contextlib.suppress(ApiError, OSError, http.client.HTTPException):
        yield
