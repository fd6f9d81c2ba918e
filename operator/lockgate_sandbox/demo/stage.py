"""What the acts of the demo play on, and what several of them do: follow a version until it answers.

A rollout by steps is told beside what a crowd counts that asks through the gateway.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.crowds import Crowd
from lockgate_sandbox.demo.screen import Screen, Table
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.parts import lockgate, models, registry, visitor
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.said import Said
from lockgate_sandbox.waiting import until

COLLECTION = f"model/{MODEL}"
HOST = f"{MODEL}.{NAMESPACE}.models.example.com"
ALIAS = "production"
_ANSWERS_IN_A_ROW = 20
_BAR = 14
_TOLD_SECONDS = 3


@dataclass(slots=True)
class Stage:
    """A screen to tell on, a world to act in, room for files, and who asks through the gateway."""

    screen: Screen
    world: ClusterWorld
    scratch: Path
    crowd: Crowd | None = None

    def deploy(self, manifest: Path) -> None:
        """Apply a ModelDeployment, as its author would."""
        self.world.add(models.PART).deploy(manifest)

    def promote(self, version: str) -> None:
        """Move the alias to a version, and follow it until it answers."""
        self.world.add(registry.PART).promote(COLLECTION, version, ALIAS)
        self.follow(version)

    def follow(self, version: str) -> None:
        """Tell what Lockgate says until the version serves, and then what the model answers."""
        self._watch_until(version)
        until(f"{version} answers", partial(self._answers, version))
        self._show_answers()

    def check_visitor(self) -> None:
        """Tell what the visitor has counted until now; SandboxError when one of its requests failed."""
        self._check(self.world.add(visitor.PART), "from inside the cluster")

    def check_crowd(self) -> None:
        """The same of the crowd that asks through the gateway."""
        assert self.crowd is not None
        self._check(self.crowd, "through the gateway")

    def wait_until_routed(self) -> None:
        """Return when the gateway serves one release alone, and Lockgate has read that back."""
        operator = self.world.add(lockgate.PART)
        whole = {"stable": 100}
        until(
            "all of the traffic goes to one release", lambda: operator.says(NAMESPACE, MODEL).traffic == whole
        )

    def watch_steps_until(self, what: str, holds: Callable[[Said], bool]) -> None:
        """Tell where the rollout stands, with what the gateway serves and what the crowd is answered."""
        columns = (("after", 7), ("step", 5), ("weight", 7), ("answers by version", 20), ("p99", 8))
        table = Table(self.screen, (*columns, ("phase", 11), ("why", 64)))
        operator, begun = self.world.add(lockgate.PART), time.monotonic()
        last: tuple[Said, int] | None = None

        def over() -> bool:
            nonlocal last
            said, passed = operator.says(NAMESPACE, MODEL), time.monotonic() - begun
            if last is None or last[0] != said or passed >= last[1] + _TOLD_SECONDS:
                last = (said, int(passed))
                weight = f"{said.traffic.get('candidate', 0)} %" if said.step != "-" else "-"
                shares, slow = self._of_last_second()
                table.row(f"{passed:.1f} s", said.step, weight, shares, slow, said.phase, said.why)
            return holds(said)

        until(what, over)

    def _check(self, crowd: Crowd, by_which_way: str) -> None:
        seen = crowd.count()
        count = crowd.count_after(seen.requests if seen else 0)
        if count.failed:
            raise SandboxError(f"{count.failed} of {count.requests} requests failed: {count.last_failure}")
        answers = ", ".join(f"{number} by {version}" for version, number in sorted(count.versions.items()))
        self.screen.good(f"{count.requests} requests {by_which_way} so far, 0 failed ({answers})")

    def _of_last_second(self) -> tuple[str, str]:
        counted = self.crowd.count() if self.crowd else None
        if counted is None or not counted.last_second.requests:
            return "-", "-"
        lately = counted.last_second
        answered = sum(lately.versions.values()) or 1
        shares = (f"{version} {number / answered:.0%}" for version, number in sorted(lately.versions.items()))
        return ", ".join(shares), f"{lately.p99:.0f} ms"

    def _watch_until(self, version: str) -> None:
        columns = (("after", 7), ("alias", 11), ("desired", 8), ("serving", 8), ("phase", 11), ("ready", 8))
        table = Table(self.screen, (*columns, ("why", 52)))
        operator = self.world.add(lockgate.PART)
        begun = time.monotonic()
        last: Said | None = None

        def serves() -> bool:
            nonlocal last
            said = operator.says(NAMESPACE, MODEL)
            if said != last:
                last = said
                passed = f"{time.monotonic() - begun:.1f} s"
                table.row(passed, said.alias, said.desired, said.serving, said.phase, said.ready, said.why)
            return said.serves(version)

        until(f"{version} serves", serves)

    def _answers(self, version: str) -> bool:
        asked = self.world.add(models.PART)
        # Several in a row: the node's proxy lets go of the old pods a moment after they are told to stop.
        return all(asked.predict(MODEL).version == version for _ in range(_ANSWERS_IN_A_ROW))

    def _show_answers(self) -> None:
        answer = self.world.add(models.PART).predict(MODEL)
        table = Table(self.screen, (("customer", 18), ("probability of churn", 22), ("answered by", 12)))
        for customer, score in answer.scores.items():
            table.row(customer, f"{score:6.1%} {'█' * round(score * _BAR)}", answer.version)
