"""What was asked of the operator and what the cluster looked like after every write, in order.

The driver tells what it asks; a watch directly at the API server, past the proxy, tells what came
of it. Invariants read this and nothing else.
"""

import contextlib
import http.client
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.order import Heard, Order

from lockgate_sandbox.api import ApiClient, ApiError, Json

Key = tuple[str, str]
KINDS = {
    "ModelDeployment": "/apis/lockgate.dev/v1alpha1/modeldeployments",
    "Deployment": "/apis/apps/v1/deployments",
    "Service": "/api/v1/services",
    "Pod": "/api/v1/pods",
}
# So many seconds pass between two looks at how far all watches have to have come.
_LOOK_SECONDS = 0.25
_LABEL = "lockgate.dev/model-deployment"


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after one write; None where it was not or is no longer."""

    kind: str
    key: Key
    before: Json | None
    after: Json | None
    at: float


@dataclass(slots=True)
class Asked:
    """Everything that was ever asked of one ModelDeployment, with the time of each."""

    versions: list[tuple[float, str]] = field(default_factory=list)
    sizes: list[tuple[float, int]] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    suspended_since: float | None = None
    disturbed_at: float = 0.0

    def ever(self) -> set[str]:
        """Every version that was ever asked for."""
        return {version for _, version in self.versions}

    def since(self, moment: float) -> set[str]:
        """What was asked for at or after a moment, and what held at that moment."""
        held = [version for at, version in self.versions if at <= moment][-1:]
        return {version for at, version in self.versions if at >= moment} | set(held)


class History:
    """The present state of everything, and what was asked."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, Key], Json] = {}
        self.asked: defaultdict[Key, Asked] = defaultdict(Asked)
        self.stable_since: dict[tuple[Key, str], float] = {}
        self.failed_at: dict[tuple[Key, str], float] = {}
        self.trees: dict[tuple[Key, str, str], str] = {}
        # Of a workload, by what it is and by its release: every pod template that it was given.
        self.templates: defaultdict[tuple[Key, str, str], set[str]] = defaultdict(set)
        self.foreign: set[tuple[str, Key]] = set()
        self.qualities: dict[str, str] = {}
        self.round_began = 0.0
        self.whole_at_round: dict[Key, int] = {}
        self.timeline: deque[tuple[float, str]] = deque(maxlen=400)
        self.changes = 0

    def tell(self, text: str) -> None:
        """Remember what was done, for the story of a violation."""
        self.timeline.append((time.monotonic(), text))

    def get(self, kind: str, key: Key) -> Json | None:
        """The object as last seen."""
        return self.objects.get((kind, key))

    def pods(self, key: Key) -> list[Json]:
        """The pods of a ModelDeployment that are not on their way out."""
        return [
            pod
            for (kind, _), pod in self.objects.items()
            if kind == "Pod"
            and pod["metadata"]["namespace"] == key[0]
            and (pod["metadata"].get("labels") or {}).get(_LABEL) == key[1]
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def disturb(self, key: Key) -> None:
        """Somebody else did something to the children of this one."""
        self.asked[key].disturbed_at = time.monotonic()

    def take(self, kind: str, event: Json, at: float) -> Change | None:
        """Take an event in; None when it says nothing new."""
        obj = event["object"]
        metadata = obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        before = self.objects.get((kind, key))
        if event["type"] == "DELETED":
            if before is None or before["metadata"]["uid"] != metadata["uid"]:
                return None
            del self.objects[kind, key]
            return Change(kind, key, before, None, at)
        if before is not None and _version(before) >= _version(obj):
            return None
        self.objects[kind, key] = obj
        self.changes += 1
        return Change(kind, key, before, obj, at)


def _version(obj: Json) -> int:
    return int(obj["metadata"]["resourceVersion"])


def is_ready(pod: Json) -> bool:
    """Whether a pod is Ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def version_of(obj: Json) -> str:
    """The version in an object's annotations."""
    return str((obj["metadata"].get("annotations") or {}).get("lockgate.dev/model-version", ""))


class Onlooker:
    """Watches the true cluster in threads of its own and hands every change on, in order."""

    def __init__(
        self, kubeconfig: Path, namespaces: set[str], history: History, kinds: Mapping[str, str] = KINDS
    ) -> None:
        self._namespaces = namespaces
        self._history = history
        self._kinds = kinds
        self._order = Order()
        self._heard = threading.Condition()
        self._clients = {kind: ApiClient(kubeconfig, timeout=600) for kind in kinds}
        self._asker = ApiClient(kubeconfig, timeout=30)
        self._stopping = threading.Event()
        self.known_until = time.monotonic()
        """Whatever was written before this moment has been handed on."""
        self.on_change: Callable[[Change], None] = lambda change: None
        self._threads = [
            threading.Thread(target=self._watch, args=(kind,), daemon=True) for kind in kinds
        ] + [threading.Thread(target=self._work, daemon=True)]

    def __enter__(self) -> "Onlooker":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        clients = (*self._clients.values(), self._asker)
        for client in clients:
            client.abort()
        for thread in self._threads:
            thread.join(5)
        for client in clients:
            client.close()

    def _watch(self, kind: str) -> None:
        client, path = self._clients[kind], self._kinds[kind]
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, ApiError, http.client.HTTPException, ValueError):
                listed = client.get(path)
                with self._heard:
                    self._order.hear_all(kind, self._ours(listed), time.monotonic())
                    self._heard.notify()
                for event in client.watch(path, resourceVersion=listed["metadata"]["resourceVersion"]):
                    # What ended the watch instead of telling of an object has no namespace.
                    if event["object"].get("metadata", {}).get("namespace") not in self._namespaces:
                        continue
                    with self._heard:
                        self._order.hear(kind, event, time.monotonic())
                        self._heard.notify()
            client.close()
            self._stopping.wait(0.1)

    def _ours(self, listed: Json) -> Json:
        items = [item for item in listed["items"] if item["metadata"]["namespace"] in self._namespaces]
        return {**listed, "items": items}

    def _work(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            now = time.monotonic()
            try:
                lists = {kind: self._ours(self._asker.get(path)) for kind, path in self._kinds.items()}
            except (OSError, ApiError, http.client.HTTPException, ValueError):
                continue
            for heard in self._in_order(lists):
                change = self._history.take(heard.kind, heard.event, heard.at)
                if change is not None:
                    self.on_change(change)
            self.known_until = now

    def _in_order(self, lists: Mapping[str, Json]) -> list[Heard]:
        with self._heard:
            self._order.mark(lists)
            while (due := self._order.due()) is None:
                self._heard.wait(_LOOK_SECONDS)
                if self._stopping.is_set():
                    return []
            return due
