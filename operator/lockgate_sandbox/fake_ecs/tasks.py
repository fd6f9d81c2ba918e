"""Tasks of one revision of a service: they are asked for, fetch, run, and end as a test has it.

A task needs one beat to be placed and one to fetch; what becomes of it then is the fate of its version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FETCH, SERVER = "fetch", "server"


class Fate(StrEnum):
    """What becomes of the tasks of a version."""

    RUNS = "runs"
    WRONG_BYTES = "wrong bytes"
    CRASHES = "crashes"
    NEVER_STARTS = "never starts"


_ENDS = {
    Fate.WRONG_BYTES: (1, "Essential container in task exited: a dependency did not succeed"),
    Fate.CRASHES: (0, "Essential container in task exited"),
}


@dataclass
class Task:
    """One task."""

    arn: str
    definition: str
    service: str
    status: str = "PROVISIONING"
    desired: str = "RUNNING"
    fetch_code: int | None = None
    why: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended, and is not meant to."""
        return self.status != "STOPPED" and self.desired == "RUNNING"

    def described(self, cluster: str) -> dict[str, Any]:
        """As DescribeTasks has it."""
        has_fetched = self.fetch_code is not None
        fetch: dict[str, Any] = {"name": FETCH, "lastStatus": "STOPPED" if has_fetched else self.status}
        if has_fetched:
            fetch["exitCode"] = self.fetch_code
        told: dict[str, Any] = {
            "taskArn": self.arn,
            "clusterArn": cluster,
            "taskDefinitionArn": self.definition,
            "group": f"service:{self.service}",
            "lastStatus": self.status,
            "desiredStatus": self.desired,
            "healthStatus": "UNKNOWN",
            "launchType": "FARGATE",
            "containers": [fetch, {"name": SERVER, "lastStatus": self.status}],
        }
        if self.why:
            told["stoppedReason"] = self.why
        return told


@dataclass
class Revision:
    """A revision of a service: which definition, and the tasks of it."""

    arn: str
    definition: str
    service: str
    fate: Fate
    prefix: str
    asked: int = 0
    failures: int = 0
    weight: float = 0.0
    tasks: list[Task] = field(default_factory=list)
    made: int = 0

    @property
    def alive(self) -> list[Task]:
        """The tasks that are meant to run."""
        return [task for task in self.tasks if task.is_alive]

    @property
    def running(self) -> int:
        """How many run."""
        return sum(task.status == "RUNNING" for task in self.alive)

    @property
    def pending(self) -> int:
        """How many are on their way."""
        return len(self.alive) - self.running

    def beat(self) -> None:
        """One beat: tasks go on, and there are as many as are asked for."""
        for task in list(self.alive):
            self._go_on(task)
        for task in self.alive[self.asked :]:
            self._end(task, "Scaling activity initiated by deployment")
        while len(self.alive) < self.asked:
            self.made += 1
            arn = f"{self.prefix}-{self.made}"
            self.tasks.append(Task(arn=arn, definition=self.definition, service=self.service))

    def stop(self) -> None:
        """No task is asked for any more."""
        self.asked, self.weight = 0, 0.0
        for task in self.alive:
            self._end(task, "Service deployment ended")

    def summary(self) -> dict[str, Any]:
        """As a deployment counts it."""
        return self.counts() | {"requestedProductionTrafficWeight": self.weight}

    def counts(self) -> dict[str, Any]:
        """As a service counts it."""
        return {
            "arn": self.arn,
            "requestedTaskCount": self.asked,
            "runningTaskCount": self.running,
            "pendingTaskCount": self.pending,
        }

    def ended(self) -> Iterator[Task]:
        """The tasks that ECS still tells of though they ended."""
        yield from (task for task in self.tasks if not task.is_alive)

    def _go_on(self, task: Task) -> None:
        if task.status == "PROVISIONING":
            task.status = "PENDING"
        elif task.status == "PENDING" and self.fate in _ENDS:
            task.fetch_code, why = _ENDS[self.fate]
            self.failures += 1
            self._end(task, why)
        elif task.status == "PENDING" and self.fate is Fate.RUNS:
            task.fetch_code, task.status = 0, "RUNNING"

    @staticmethod
    def _end(task: Task, why: str) -> None:
        task.status, task.desired, task.why = "STOPPED", "STOPPED", why
