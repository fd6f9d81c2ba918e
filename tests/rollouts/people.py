"""What people do with a model, and what they are told of it: aliases, pins, verbs, and the status.

Waits for nothing, and judges nothing.
"""

from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Self

from lockgate.api.requests import Request, Verb
from lockgate.names import ANNOTATION_REQUEST, ANNOTATION_RETRY
from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.parts.registry import Registry

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What the status says at a moment; versions are "" where there are none.

    `release` is that of the candidate, `ended` the version and the outcome of the last rollout.
    """

    stable: str
    candidate: str
    release: str
    step: int
    is_reached: bool
    is_ready: bool
    waits_for_approval: bool
    traffic: dict[str, int] = field(default_factory=dict)
    answered: str = ""
    outcome: str = ""
    ended: tuple[str, str] = ("", "")
    why: str = ""

    @classmethod
    def by(cls, found: Json) -> Self:
        """What this ModelDeployment says."""
        status = found.get("status") or {}
        rollout = status.get("rollout") or {}
        candidate = rollout.get("candidate") or {}
        conditions = {c["type"]: c for c in status.get("conditions") or ()}
        ready, paused = conditions.get("Ready", {}), conditions.get("Paused", {})
        is_seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        ended: Json = next(iter(status.get("history") or ()), {})
        answer = status.get("lastRequest") or {}
        return cls(
            stable=(rollout.get("stable") or {}).get("version", ""),
            candidate=candidate.get("version", ""),
            release=candidate.get("release", ""),
            step=rollout.get("step", 0),
            is_reached="reachedAt" in rollout,
            is_ready=is_seen and ready.get("status") == "True",
            waits_for_approval=paused.get("reason") == "WaitingForApproval",
            traffic={share["track"]: share["weight"] for share in status.get("traffic") or ()},
            answered=answer.get("request", ""),
            outcome=answer.get("outcome", ""),
            ended=(ended.get("version", ""), ended.get("outcome", "")),
            why=ready.get("message", ""),
        )

    @property
    def is_whole(self) -> bool:
        """Whether all of the traffic goes to stable, as the gateway says."""
        return {track: weight for track, weight in self.traffic.items() if weight} == {"stable": 100}

    def rests_on(self, version: str) -> bool:
        """Whether that version serves alone, and nothing is under way."""
        return self.stable == version and not self.candidate and self.is_whole and self.is_ready


class People:
    """Author, platform and operators of one model."""

    def __init__(
        self, client: ApiClient, registry: Registry, collection: str, place: tuple[str, str]
    ) -> None:
        self._client = client
        self._registry = registry
        self._collection = collection
        self._path = "/apis/lockgate.dev/v1alpha1/namespaces/{}/modeldeployments/{}".format(*place)

    def look(self) -> Look:
        """What the status says now."""
        return Look.by(self._client.get(self._path))

    def move_alias(self, version: str) -> None:
        """Point the alias that is followed at a version."""
        self._registry.promote(self._collection, version, "production")

    def edit(self, **spec: Any) -> None:
        """Change fields of the spec."""
        self._client.merge(self._path, {"spec": spec})

    def choose(self, strategy: str, block: Json) -> None:
        """Change the strategy: this block, and nothing that is left of another."""
        edit: Any = [{"op": "add", "path": "/spec/strategy", "value": {strategy: block}}]
        self._client.call("PATCH", self._path, edit, "application/json-patch+json")

    def pin(self, version: str | None) -> None:
        """Pin a version, or none."""
        self.edit(pin=None if version is None else {"version": version, "reason": "a rollback"})

    def ask(self, verb: Verb, release: str | None = None) -> str:
        """Ask for something by the annotation of people; the text by which the answer is known."""
        text = Request(verb=verb, release=release, by="somebody", token=token_hex(4)).text
        self._annotate(ANNOTATION_REQUEST, text)
        return text

    def forgive(self, token: str) -> None:
        """Whatever was aborted before may be tried again once it is wanted."""
        self._annotate(ANNOTATION_RETRY, token)

    def _annotate(self, name: str, value: str) -> None:
        self._client.merge(self._path, {"metadata": {"annotations": {name: value}}})
