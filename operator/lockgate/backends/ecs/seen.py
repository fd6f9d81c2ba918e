"""What ECS told in one look at a service: revisions, their tasks, the deployment that came last. Pure.

Values of ours made of answers of ECS; a word of ECS that is not known here is one that means nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockgate.api.status import Revision
from lockgate.backends.ecs.marks import Definition
from lockgate.sentences import listed, sentence

MOVING: Final = frozenset({"PENDING", "IN_PROGRESS"})
GOING_BACK: Final = frozenset({"STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
TAKEN_BACK: Final = frozenset({"STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})
# Until then the tasks of a revision are on their way, whatever runs of them.
_BEFORE_SCALED: Final = frozenset({"", "RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP"})
_SHIFTING: Final = "PRODUCTION_TRAFFIC_SHIFT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A revision of the service: what it is of, how many tasks are asked for, run, are on their way.

    `weight` is percent of the traffic, None where ECS does not say.
    """

    definition: Definition
    asked: int = 0
    running: int = 0
    pending: int = 0
    weight: int | None = None

    @property
    def release(self) -> Revision | None:
        """What it is of."""
        return self.definition.revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A deployment of ECS: from which parts to which, how far, and who is waited for.

    `hook` is the one that waits for a word of ours.
    """

    arn: str
    status: str
    stage: str
    sources: tuple[Part, ...]
    goal: Part | None
    hook: str = ""
    told: str = ""

    @property
    def is_moving(self) -> bool:
        """Whether it goes on by itself, or will when it is let."""
        return self.status in MOVING

    @property
    def is_going_back(self) -> bool:
        """Whether it is being taken back."""
        return self.status in GOING_BACK

    @property
    def was_taken_back(self) -> bool:
        """Whether ECS, or somebody at ECS, has decided against it."""
        return self.status in GOING_BACK | TAKEN_BACK

    @property
    def is_under_way(self) -> bool:
        """Whether it has not ended."""
        return self.is_moving or self.is_going_back

    @property
    def is_scaled(self) -> bool:
        """Whether all tasks of the goal have come up."""
        return self.stage not in _BEFORE_SCALED

    @property
    def is_shifting(self) -> bool:
        """Whether a shift of traffic is under way, so that nobody can say who gets how much."""
        return self.stage == _SHIFTING and not self.hook


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task: of which definition, and how its two containers fare."""

    name: str
    definition: Definition
    is_ready: bool = False
    is_ending: bool = False
    has_ended: bool = False
    fetch_code: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All of one look; without a service nothing of ours is there."""

    is_there: bool = False
    arn: str = ""
    asked: int = 0
    released: str = ""
    parts: tuple[Part, ...] = ()
    last: Rollout | None = None
    tasks: tuple[Task, ...] = ()

    @property
    def settled(self) -> Part | None:
        """The one part that is left when nothing is under way; None while more than one release is there."""
        there = [part for part in self.parts if part.release is not None]
        first = there[0] if there else None
        if first is None or any(not part.release.is_same(first.release) for part in there if part.release):
            return None
        return first


NOTHING: Final = Seen()


def rollout_of(raw: Mapping[str, Any], sources: tuple[Part, ...], goal: Part | None) -> Rollout:
    """A deployment as ECS describes it."""
    hooks = [
        str(hook.get("hookId", ""))
        for hook in raw.get("lifecycleHookDetails") or ()
        if hook.get("status") == "AWAITING_ACTION" and hook.get("targetType", "PAUSE") == "PAUSE"
    ]
    return Rollout(
        arn=str(raw["serviceDeploymentArn"]),
        status=str(raw.get("status", "")),
        stage=str(raw.get("lifecycleStage", "")),
        sources=sources,
        goal=goal,
        hook=next(filter(None, hooks), ""),
        told=_told(raw),
    )


def _told(raw: Mapping[str, Any]) -> str:
    """Why it was taken back, in a sentence that no count of tasks moves."""
    alarms, breaker = raw.get("alarms") or {}, raw.get("deploymentCircuitBreaker") or {}
    if alarms.get("status") == "TRIGGERED" or alarms.get("triggeredAlarmNames"):
        return f"alarm {listed(map(str, alarms.get('triggeredAlarmNames') or ['of the target']))} went off"
    if breaker.get("status") == "TRIGGERED":
        return "its tasks failed again and again, so the circuit breaker opened"
    reason = raw.get("statusReason") or (raw.get("rollback") or {}).get("reason")
    return sentence(reason, 300) if reason else ""


def part_of(raw: Mapping[str, Any], definition: Definition) -> Part:
    """A revision as a deployment or a service counts it."""
    weight = raw.get("requestedProductionTrafficWeight")
    return Part(
        definition=definition,
        asked=int(raw.get("requestedTaskCount") or 0),
        running=int(raw.get("runningTaskCount") or 0),
        pending=int(raw.get("pendingTaskCount") or 0),
        weight=None if weight is None else round(weight),
    )


def task_of(raw: Mapping[str, Any], definition: Definition, fetch: str) -> Task:
    """A task as ECS describes it; `fetch` is the name of the container that fetches."""
    containers = {str(each.get("name")): each for each in raw.get("containers") or ()}
    status = raw.get("lastStatus")
    return Task(
        name=str(raw["taskArn"]).rpartition("/")[2],
        definition=definition,
        is_ready=status == "RUNNING" and raw.get("healthStatus") != "UNHEALTHY",
        is_ending=raw.get("desiredStatus") == "STOPPED",
        has_ended=status in ("STOPPED", "DELETED"),
        fetch_code=containers.get(fetch, {}).get("exitCode"),
        why=sentence(raw["stoppedReason"], 300) if raw.get("stoppedReason") else "",
    )
