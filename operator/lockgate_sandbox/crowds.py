"""A crowd: somebody inside the cluster who asks for predictions at a constant rate, and what it counts.

Whom it asks is a Target; what came of it is told in counts, since it began and of its last second, and
in the shares of the versions from some moment on. How its pod comes to be is the business of the part.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.inference import question
from lockgate_sandbox.part import Handle
from lockgate_sandbox.waiting import until

NAMESPACE = "crowd"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a crowd asks, and how.

    `host` goes into the Host header, which is what a gateway routes by. `rate` is requests a second, of
    which at most `in_flight` are under way at a time. Without `keep_alive` each opens a connection of its
    own; at most 200 a second then, or the pod runs out of ports and counts that as failures.
    """

    url: str
    host: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    rate: float = 40.0
    in_flight: int = 8
    keep_alive: bool = True
    body: str = field(default_factory=question)

    def told(self) -> str:
        """The argument of the program."""
        headers = {**({"Host": self.host} if self.host else {}), **self.headers}
        asked: dict[str, Any] = {"url": self.url, "headers": headers, "rate": self.rate, "body": self.body}
        return json.dumps({**asked, "inFlight": self.in_flight, "keepAlive": self.keep_alive})


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests, those that failed (all but 200), answers by model version; durations in milliseconds."""

    requests: int
    failed: int
    versions: Mapping[str, int]
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Count(Tally):
    """A tally since the crowd began, the one of its last second, and what failed last.

    `at` is when it was counted, by the clock that `time.monotonic` reads on this machine.
    """

    last_failure: str
    last_second: Tally
    at: float

    @classmethod
    def by(cls, told: dict[str, Any]) -> Self:
        """As its program tells it."""
        lately, failure = Tally(**told.pop("lastSecond")), told.pop("lastFailure")
        return cls(**told, last_failure=failure, last_second=lately)


@dataclass(frozen=True, kw_only=True)
class Crowd(Handle):
    """One crowd, which is a pod; `url` is what it asks."""

    world: ClusterWorld
    name: str

    def count(self) -> Count | None:
        """What it counted last; None before its first count."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{self.name}/log"
        with ApiClient(self.world.kubeconfig) as client:
            try:
                told = client.get(path, tailLines="1")
            except ApiError:
                return None
        return Count.by(told) if "lastSecond" in told else None

    def count_after(self, requests: int) -> Count:
        """The first count of more than so many requests."""
        return self._when(f"more than {requests} requests", lambda count: count.requests > requests)

    def shares(self, answers: int) -> Mapping[str, float]:
        """The share of each version, 0 to 1, in at least so many answers that come from now on."""
        seen = self.count()
        # What is counted by now may be of a while ago: the next count is the one to begin from.
        before = Counter(self.count_after(seen.requests if seen else 0).versions)
        enough = before.total() + answers
        after = self._when(f"{answers} answers more", lambda count: sum(count.versions.values()) >= enough)
        came = Counter(after.versions) - before
        return {version: number / came.total() for version, number in came.items()}

    def stop(self) -> None:
        """Ask no more, from the next moment on; its name is free when the pod is gone."""
        self.world.kubectl("delete", "pod", self.name, f"-n={NAMESPACE}", "--wait=false")

    def _when(self, what: str, holds: Callable[[Count], bool]) -> Count:
        def counted() -> Count | None:
            count = self.count()
            return count if count and holds(count) else None

        return until(f"the crowd {self.name} counts {what}", counted)
