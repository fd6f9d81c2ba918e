"""Looks at a service of ECS; every answer is of ECS itself, and nothing but what never changes is kept.

A service of our name that does not carry our mark is somebody else's: that is an error, and nothing of it is
read further. At rest a look costs three requests.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from lockgate.api.spec import Identity, ModelDeployment
from lockgate.aws.errors import BackendUnavailable
from lockgate.aws.targets import Target
from lockgate.backends.ecs.marks import (
    TAG_OWNER,
    TAG_RELEASED,
    Definition,
    definition_of,
    service_name,
    tag_in,
)
from lockgate.backends.ecs.seen import NOTHING, Part, Rollout, Seen, Task, part_of, rollout_of, task_of
from lockgate.errors import NotOwned, Terminating
from lockgate.names import FETCH_CONTAINER

_REMEMBERED: Final = 4096
_PAGES: Final = 10
_AT_ONCE: Final = 100


class Ask(Protocol):
    """The door to ECS."""

    async def ask(self, target: Target, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """What ECS answers; raises a LockgateError."""


class Looks:
    """Reads; remembers which definition a revision is of, and what a definition says."""

    def __init__(self, door: Ask) -> None:
        self._door = door
        self._definitions: OrderedDict[tuple[str, str, str], Definition] = OrderedDict()
        self._revisions: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def at(self, deployment: ModelDeployment, target: Target) -> Seen:
        """All that is there; raises NotOwned, Terminating, or what the door raises."""
        service = await self.service(deployment, target)
        if service is None:
            return NOTHING
        last = await self._last(deployment, target, service)
        now = service.get("currentServiceRevisions") or ()
        parts = _whole(await self._parts(deployment, target, now), now, target)
        seen = Seen(
            is_there=True,
            arn=str(service["serviceArn"]),
            asked=int(service.get("desiredCount") or 0),
            released=tag_in(service.get("tags"), TAG_RELEASED),
            parts=parts,
            last=last,
        )
        if _rests(deployment, seen):
            return seen
        return replace(seen, tasks=await self._tasks(deployment, target))

    async def service(self, deployment: Identity, target: Target) -> Mapping[str, Any] | None:
        """The service that is ours, None when there is none; raises NotOwned or Terminating."""
        name = service_name(deployment)
        arguments = {"cluster": target.cluster, "services": [name], "include": ["TAGS"]}
        answer = await self._door.ask(target, "DescribeServices", arguments)
        found = next((one for one in answer.get("services") or () if one.get("serviceName") == name), None)
        if found is None or found.get("status") == "INACTIVE":
            return None
        if tag_in(found.get("tags"), TAG_OWNER) != deployment.uid:
            raise NotOwned(
                f"service {name} is there at target {target.name} and is not of this ModelDeployment; it is "
                "left alone: remove it, or choose another name"
            )
        if found.get("status") == "DRAINING":
            raise Terminating(f"service {name} at target {target.name} is being deleted")
        return dict(found)

    async def definition(self, deployment: Identity, target: Target, arn: str) -> Definition:
        """What a task definition says, asked for once, for it never changes."""
        key = (target.name, deployment.uid, arn)
        known = self._definitions.get(key)
        if known is None:
            arguments = {"taskDefinition": arn, "include": ["TAGS"]}
            answer = await self._door.ask(target, "DescribeTaskDefinition", arguments)
            known = definition_of(answer, deployment)
            _remember(self._definitions, key, known)
        return known

    async def definitions(self, deployment: Identity, target: Target) -> list[str]:
        """Every task definition of our family, the newest first."""
        arguments = {"familyPrefix": service_name(deployment), "status": "ACTIVE", "sort": "DESC"}
        found = await self._pages(target, "ListTaskDefinitions", arguments, "taskDefinitionArns")
        # The prefix of a family is that of longer names, too.
        family = f"/{service_name(deployment)}:"
        return [arn for arn in found if family in arn]

    async def _last(
        self, deployment: ModelDeployment, target: Target, service: Mapping[str, Any]
    ) -> Rollout | None:
        arguments = {"cluster": target.cluster, "service": service_name(deployment)}
        known = await self._pages(target, "ListServiceDeployments", arguments, "serviceDeployments")
        newest = max(known, key=lambda each: float(each.get("createdAt") or 0), default=None)
        arn = newest.get("serviceDeploymentArn") if newest else service.get("currentServiceDeployment")
        if arn is None and newest is not None:
            raise _incomplete(target)
        if arn is None:
            return None
        answer = await self._door.ask(target, "DescribeServiceDeployments", {"serviceDeploymentArns": [arn]})
        raw = next(iter(answer.get("serviceDeployments") or ()), None)
        if raw is None and newest is None:
            return None
        if raw is None:
            raise _incomplete(target)
        before, wanted = raw.get("sourceServiceRevisions") or (), raw.get("targetServiceRevision")
        goal = [wanted] if wanted else []
        sources = await self._parts(deployment, target, before)
        goals = await self._parts(deployment, target, goal)
        last = rollout_of(raw, sources, next(iter(goals), None))
        if last.is_under_way:
            # Of one that has ended ECS forgets in time what it came from.
            _whole(sources, before, target)
            _whole(goals, goal, target)
        return last

    async def _parts(
        self, deployment: ModelDeployment, target: Target, summaries: Iterable[Mapping[str, Any]]
    ) -> tuple[Part, ...]:
        named = {str(each["arn"]): each for each in summaries if each.get("arn")}
        unknown = [arn for arn in named if (target.name, arn) not in self._revisions]
        if unknown:
            answer = await self._door.ask(
                target, "DescribeServiceRevisions", {"serviceRevisionArns": unknown}
            )
            for revision in answer.get("serviceRevisions") or ():
                key = (target.name, str(revision["serviceRevisionArn"]))
                _remember(self._revisions, key, str(revision["taskDefinition"]))
        return tuple(
            [
                part_of(raw, await self.definition(deployment, target, self._revisions[target.name, arn]))
                for arn, raw in named.items()
                if (target.name, arn) in self._revisions
            ]
        )

    async def _tasks(self, deployment: ModelDeployment, target: Target) -> tuple[Task, ...]:
        arguments = {"cluster": target.cluster, "serviceName": service_name(deployment)}
        arns: list[str] = []
        for status in ("RUNNING", "STOPPED"):
            wanted = {**arguments, "desiredStatus": status}
            arns += await self._pages(target, "ListTasks", wanted, "taskArns")
        found: list[Task] = []
        for first in range(0, len(arns), _AT_ONCE):
            asked = {"cluster": target.cluster, "tasks": arns[first : first + _AT_ONCE]}
            for raw in (await self._door.ask(target, "DescribeTasks", asked)).get("tasks") or ():
                definition = await self.definition(deployment, target, str(raw["taskDefinitionArn"]))
                found.append(task_of(raw, definition, FETCH_CONTAINER))
        return tuple(sorted(found, key=lambda task: task.name))

    async def _pages(
        self, target: Target, operation: str, arguments: Mapping[str, Any], field: str
    ) -> list[Any]:
        found: list[Any] = []
        asked = dict(arguments)
        for _ in range(_PAGES):
            answer = await self._door.ask(target, operation, asked)
            found += answer.get(field) or ()
            if not answer.get("nextToken"):
                break
            asked["nextToken"] = answer["nextToken"]
        return found


def _whole(
    parts: tuple[Part, ...], summaries: Collection[Mapping[str, Any]], target: Target
) -> tuple[Part, ...]:
    """All of them: what ECS does not tell of yet would seem to be gone, and be begun once more."""
    if len(parts) < len({each.get("arn") for each in summaries}):
        raise _incomplete(target)
    return parts


def _incomplete(target: Target) -> BackendUnavailable:
    return BackendUnavailable(
        f"target {target.name} names a deployment or a revision and does not tell of it yet"
    )


def _rests(deployment: ModelDeployment, seen: Seen) -> bool:
    """Whether no task could say anything new."""
    status, settled = deployment.status, seen.settled
    if status.rollout.candidate is not None or status.proof is None or settled is None:
        return False
    if seen.last is not None and seen.last.is_under_way:
        return False
    return settled.asked == settled.running == seen.asked and not settled.pending


def _remember(known: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    known[key] = value
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
