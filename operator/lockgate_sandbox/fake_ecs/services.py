"""Services and what they are at: each has at most one deployment under way, and revisions that are left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate_sandbox.fake_ecs.rollouts import Rollout
from lockgate_sandbox.fake_ecs.shapes import FakeFault
from lockgate_sandbox.fake_ecs.tasks import Fate, Revision, Task

_KEPT = (
    "loadBalancers",
    "deploymentConfiguration",
    "networkConfiguration",
    "launchType",
    "schedulingStrategy",
    "propagateTags",
    "healthCheckGracePeriodSeconds",
)


@dataclass
class Service:
    """One service of ECS."""

    arn: str
    name: str
    cluster: str
    began: float
    tags: dict[str, str]
    status: str = "ACTIVE"
    asked: int = 0
    kept: dict[str, Any] = field(default_factory=dict)
    current: list[Revision] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    definition: str = ""

    @property
    def under_way(self) -> Rollout | None:
        """The deployment that has not ended."""
        last = self.rollouts[-1] if self.rollouts else None
        return last if last is not None and last.is_under_way else None

    @property
    def revisions(self) -> list[Revision]:
        """Every revision that has tasks, or is to have some."""
        goal = [self.under_way.goal] if self.under_way else []
        return [*self.current, *(each for each in goal if each not in self.current)]

    @property
    def tasks(self) -> Iterator[Task]:
        """Every task that ECS still tells of."""
        known = {id(each): each for rollout in self.rollouts for each in (*rollout.sources, rollout.goal)}
        for revision in known.values():
            yield from revision.tasks

    def take(self, arguments: Mapping[str, Any]) -> None:
        """Settings of a request that makes or changes it."""
        self.kept |= {name: arguments[name] for name in _KEPT if name in arguments}
        self.asked = arguments.get("desiredCount", self.asked)

    def begin(self, definition: str, fate: Fate, now: float) -> None:
        """A deployment of a definition; one that is under way is stopped where it is."""
        number = len(self.rollouts) + 1
        before = self.under_way
        if before is not None:
            before.status, before.reason = "STOPPED", "superseded by another deployment"
            if before.goal not in self.current:
                self.current.append(before.goal)
        place = f"{self.cluster.rpartition('/')[2]}/{self.name}"
        prefix = self.arn.rpartition(":service/")[0]
        goal = Revision(
            arn=f"{prefix}:service-revision/{place}/{number}",
            definition=definition,
            service=self.name,
            fate=fate,
            prefix=f"{prefix}:task/{self.cluster.rpartition('/')[2]}/{self.name.replace('_', '-')}-{number}",
            asked=self.asked,
        )
        self.definition = definition
        self.rollouts.append(
            Rollout(
                arn=f"{prefix}:service-deployment/{place}/{number}",
                configuration=dict(self.kept.get("deploymentConfiguration") or {}),
                sources=list(self.current),
                goal=goal,
                began=now,
            )
        )

    def scale(self) -> None:
        """So many tasks of what runs as are asked for."""
        for revision in self.current[:1] if self.under_way is None else self.revisions:
            revision.asked = self.asked

    def beat(self, now: float) -> None:
        """One beat of everything."""
        rollout = self.under_way
        for revision in self.revisions:
            revision.beat()
        if rollout is None:
            return
        rollout.beat(now)
        if rollout.status == "SUCCESSFUL":
            self.current = [rollout.goal]
        elif rollout.status == "ROLLBACK_SUCCESSFUL":
            self.current = list(rollout.sources)
            self.definition = self.current[0].definition
        elif rollout.status == "STOPPED" and rollout.goal not in self.current:
            # It is left as it is, with the tasks of both.
            self.current.append(rollout.goal)

    def described(self, *, with_tags: bool) -> dict[str, Any]:
        """As DescribeServices has it."""
        there = self.revisions
        told: dict[str, Any] = {
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": self.cluster,
            "status": self.status,
            "desiredCount": self.asked,
            "runningCount": sum(each.running for each in there),
            "pendingCount": sum(each.pending for each in there),
            "taskDefinition": self.definition,
            "createdAt": self.began,
            "currentServiceRevisions": [each.counts() for each in there],
            **self.kept,
        }
        if self.under_way is not None:
            told["currentServiceDeployment"] = self.under_way.arn
        if with_tags:
            told["tags"] = [{"key": key, "value": value} for key, value in self.tags.items()]
        return told

    def check_active(self) -> None:
        """Raise a FakeFault for a service that is on its way out."""
        if self.status != "ACTIVE":
            raise FakeFault("ServiceNotActiveException", "Service was not ACTIVE.")
