"""What should be: the aliases, the pins and the sizes as people left them, and what must come of it.

Nothing in here looks at the operator; it is what a person with perfect knowledge would expect.
"""

import time
from dataclasses import dataclass, field

from tests.faults.history import History, Key
from tests.faults.story import ALWAYS_THERE, DEPLOYMENTS

from lockgate_sandbox.api import Json


@dataclass(slots=True)
class Wish:
    """What is asked of one ModelDeployment."""

    key: Key
    collection: str
    alias: str
    exists: bool = False
    pin: str | None = None
    suspended: bool = False
    size: int = 2
    in_the_way: bool = False


@dataclass(slots=True)
class Published:
    """A version of a collection."""

    version: str
    digest: str
    quality: str


@dataclass(slots=True)
class Wishes:
    """What is asked of all of them, and the registry as it is."""

    history: History
    wishes: list[Wish]
    published: dict[str, list[Published]] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, history: History, namespaces: tuple[str, ...]) -> "Wishes":
        """Nothing has been asked yet."""
        return cls(
            history,
            [
                Wish((namespaces[space], name), collection, alias)
                for space, name, collection, alias in DEPLOYMENTS
            ],
        )

    def always(self) -> list[Wish]:
        """Those that exist from the beginning."""
        return self.wishes[:ALWAYS_THERE]

    def meant(self, wish: Wish) -> str | None:
        """The version that is asked for at present."""
        return wish.pin or self.aliases.get((wish.collection, wish.alias))

    def quality(self, wish: Wish, version: str | None) -> str:
        """What there is to say of a version."""
        known = self.published[wish.collection]
        return next((p.quality for p in known if p.version == version), "missing")

    def changed(self, *wishes: Wish) -> None:
        """Remember what is asked from now on; call before the cluster or the registry is told."""
        now = time.monotonic()
        for wish in wishes:
            asked = self.history.asked[wish.key]
            version = self.meant(wish)
            if version is not None:
                asked.versions.append((now, version))
            asked.sizes.append((now, wish.size))
            asked.changes.append(now)

    def followers(self, collection: str, alias: str) -> list[Wish]:
        """Who follows an alias."""
        return [w for w in self.wishes if (w.collection, w.alias) == (collection, alias)]

    def unmet(self, wish: Wish) -> str | None:
        """What is not yet as it should be once everything is quiet; None when all is well."""
        found = self.history.get("ModelDeployment", wish.key)
        if not wish.exists:
            return "it is still there" if found else None
        if found is None:
            return "it is not there"
        status = found.get("status") or {}
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            return "its spec has not been looked at"
        if wish.suspended:
            return None if _condition(status, "Paused")[0] == "True" else "Paused is not told"
        if wish.in_the_way:
            # Whoever has nothing to deploy is in nobody's way.
            version = self.meant(wish)
            is_idle = version is None or self.quality(wish, version) in ("pickle", "pending")
            told = is_idle or _condition(status, "Stalled") == ("True", "NotOwned")
            return None if told else f"NotOwned is not told (Ready: {_condition(status, 'Ready')})"
        return self._unserved(wish, status)

    def _unserved(self, wish: Wish, status: Json) -> str | None:
        version = self.meant(wish)
        stable = (status.get("stable") or {}).get("version")
        ready = _condition(status, "Ready")
        if self.quality(wish, version) == "good":
            if stable != version:
                return f"{version} is asked for, good, and not stable (stable: {stable}, Ready: {ready})"
            if ready[0] != "True":
                return f"{version} is asked for, good, stable and not Ready {ready}"
        elif stable and status.get("candidate"):
            return f"{version} is {self.quality(wish, version)} and still a candidate"
        return self._misshapen(wish, stable) if stable else None

    def _misshapen(self, wish: Wish, stable: str) -> str | None:
        workload, service = (self.history.get(kind, wish.key) for kind in ("Deployment", "Service"))
        if workload is None or service is None:
            return "a child is missing"
        annotations = workload["spec"]["template"]["metadata"]["annotations"]
        if annotations["lockgate.dev/model-version"] != stable:
            return f"{stable} is stable and the workload is of {annotations['lockgate.dev/model-version']}"
        if workload["spec"]["replicas"] != wish.size:
            return f"the workload has {workload['spec']['replicas']} replicas, {wish.size} are asked for"
        if workload.get("status", {}).get("availableReplicas", 0) != wish.size:
            return "not all pods are available"
        label = "lockgate.dev/model-deployment"
        if any(label not in (child["metadata"].get("labels") or {}) for child in (workload, service)):
            return "a child has lost its label"
        if service["spec"]["selector"].get(label) != wish.key[1]:
            return "the service selects something else"
        return None


def _condition(status: Json, type_: str) -> tuple[str, str]:
    for condition in status.get("conditions") or ():
        if condition["type"] == type_:
            return condition["status"], condition["reason"]
    return "", ""
