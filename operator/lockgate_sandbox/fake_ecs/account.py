"""One account of the stand-in: what each operation does, each request and answer held against the model.

A test says which tasks of which version fail, which alarm goes off, what is refused, and how time passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lockgate_sandbox.fake_ecs.rollouts import BEAT_SECONDS, Rollout, check_configuration
from lockgate_sandbox.fake_ecs.services import Service
from lockgate_sandbox.fake_ecs.shapes import FakeFault, check_answer, check_fault, check_request
from lockgate_sandbox.fake_ecs.tasks import SERVER, Fate

_PREFIX = "arn:aws:ecs:eu-central-1:123456789012"
Arguments = Mapping[str, Any]


class Account:
    """Clusters, services, task definitions; nothing happens in it before time passes."""

    def __init__(self, now: float = 1_767_600_000.0, clusters: tuple[str, ...] = ("models",)) -> None:
        self.now = now
        self.clusters = {name: f"{_PREFIX}:cluster/{name}" for name in clusters}
        self.services: dict[tuple[str, str], Service] = {}
        self.definitions: dict[str, dict[str, Any]] = {}
        self.fates: dict[str, Fate] = {}
        self.refusals: list[tuple[str, FakeFault]] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._operations: dict[str, Callable[[Arguments], dict[str, Any]]] = {
            "ContinueServiceDeployment": self._continue,
            "CreateService": self._create,
            "DeleteService": self._delete,
            "DeregisterTaskDefinition": self._deregister,
            "DescribeClusters": self._describe_clusters,
            "DescribeServiceDeployments": self._describe_deployments,
            "DescribeServiceRevisions": self._describe_revisions,
            "DescribeServices": self._describe_services,
            "DescribeTaskDefinition": self._describe_definition,
            "DescribeTasks": self._describe_tasks,
            "ListServiceDeployments": self._list_deployments,
            "ListServices": self._list_services,
            "ListTagsForResource": self._list_tags,
            "ListTaskDefinitions": self._list_definitions,
            "ListTasks": self._list_tasks,
            "RegisterTaskDefinition": self._register,
            "StopServiceDeployment": self._stop,
            "TagResource": self._tag,
            "UpdateService": self._update,
        }

    def answer(self, operation: str, arguments: Arguments) -> dict[str, Any]:
        """What ECS answers; raises FakeFault for an error of it, NotAws for a defect of the stand-in."""
        self.requests.append((operation, dict(arguments)))
        try:
            check_request(operation, arguments)
            for refused, fault in self.refusals:
                if refused in ("", operation):
                    raise fault
            if operation not in self._operations:
                raise FakeFault("ClientException", f"the stand-in does not know {operation}")
            answer = self._operations[operation](arguments)
        except FakeFault as fault:
            check_fault(operation, fault)
            raise
        check_answer(operation, answer)
        return answer

    def advance(self, seconds: float) -> None:
        """Let time pass, a beat every ten seconds."""
        end = self.now + seconds
        while self.now < end:
            self.now += BEAT_SECONDS
            for service in self.services.values():
                service.beat(self.now)

    def set_off(self, alarm: str) -> None:
        """An alarm goes off for every deployment that listens to it."""
        for service in self.services.values():
            known = service.kept.get("deploymentConfiguration", {}).get("alarms") or {}
            if service.under_way and known.get("enable") and alarm in known["alarmNames"]:
                service.under_way.alarms.append(alarm)

    def refuse(self, operation: str, code: str, message: str = "refused by a test") -> None:
        """From now on an operation (every one, where it is empty) is answered with this error."""
        self.refusals.append((operation, FakeFault(code, message)))

    def _cluster(self, arguments: Arguments) -> str:
        name = str(arguments.get("cluster", "default")).rpartition("/")[2]
        if name not in self.clusters:
            raise FakeFault("ClusterNotFoundException", "Cluster not found.")
        return name

    def _service(self, arguments: Arguments, field: str = "service") -> Service:
        found = self.services.get((self._cluster(arguments), str(arguments[field]).rpartition("/")[2]))
        if found is None:
            raise FakeFault("ServiceNotFoundException", "Service not found.")
        return found

    def _rollout(self, arn: str) -> tuple[Service, Rollout]:
        for service in self.services.values():
            for rollout in service.rollouts:
                if rollout.arn == arn:
                    return service, rollout
        raise FakeFault("ServiceDeploymentNotFoundException", "Service deployment not found.")

    def _definition(self, name: object) -> dict[str, Any]:
        found = self.definitions.get(str(name))
        if found is None:
            raise FakeFault("ClientException", "Unable to describe task definition.")
        return found

    def _fate(self, definition: Mapping[str, Any]) -> Fate:
        server = next(each for each in definition["containerDefinitions"] if each["name"] == SERVER)
        told = {each["name"]: each["value"] for each in server.get("environment") or ()}
        return self.fates.get(told.get("MODEL_VERSION", ""), Fate.RUNS)

    def _register(self, arguments: Arguments) -> dict[str, Any]:
        family = arguments["family"]
        number = sum(each["family"] == family for each in self.definitions.values()) + 1
        known = {name: value for name, value in arguments.items() if name != "tags"}
        definition = known | {
            "taskDefinitionArn": f"{_PREFIX}:task-definition/{family}:{number}",
            "revision": number,
            "status": "ACTIVE",
            "registeredAt": self.now,
        }
        self.definitions[definition["taskDefinitionArn"]] = definition | {"tags": arguments.get("tags") or []}
        return {"taskDefinition": definition, "tags": arguments.get("tags") or []}

    def _describe_definition(self, arguments: Arguments) -> dict[str, Any]:
        found = dict(self._definition(arguments["taskDefinition"]))
        tags = found.pop("tags")
        told: dict[str, Any] = {"taskDefinition": found}
        return told | ({"tags": tags} if "TAGS" in arguments.get("include", ()) else {})

    def _deregister(self, arguments: Arguments) -> dict[str, Any]:
        found = self._definition(arguments["taskDefinition"])
        found["status"], found["deregisteredAt"] = "INACTIVE", self.now
        return {"taskDefinition": {name: value for name, value in found.items() if name != "tags"}}

    def _list_definitions(self, arguments: Arguments) -> dict[str, Any]:
        prefix, status = arguments.get("familyPrefix", ""), arguments.get("status", "ACTIVE")
        arns = [
            arn
            for arn, each in self.definitions.items()
            if each["family"].startswith(prefix) and each["status"] == status
        ]
        return {"taskDefinitionArns": arns[::-1] if arguments.get("sort") == "DESC" else arns}

    def _create(self, arguments: Arguments) -> dict[str, Any]:
        cluster, name = self._cluster(arguments), arguments["serviceName"]
        before = self.services.get((cluster, name))
        if before is not None and before.status != "INACTIVE":
            raise FakeFault("InvalidParameterException", "Creation of service was not idempotent.")
        check_configuration(arguments.get("deploymentConfiguration") or {})
        service = Service(
            arn=f"{_PREFIX}:service/{cluster}/{name}",
            name=name,
            cluster=self.clusters[cluster],
            began=self.now,
            tags={tag["key"]: tag["value"] for tag in arguments.get("tags") or ()},
        )
        self.services[cluster, name] = service
        service.take(arguments)
        self._begin(service, arguments["taskDefinition"])
        return {"service": service.described(with_tags=True)}

    def _update(self, arguments: Arguments) -> dict[str, Any]:
        service = self._service(arguments)
        service.check_active()
        check_configuration(arguments.get("deploymentConfiguration") or {})
        service.take(arguments)
        if arguments.get("taskDefinition", service.definition) != service.definition or arguments.get(
            "forceNewDeployment"
        ):
            self._begin(service, arguments.get("taskDefinition", service.definition))
        else:
            service.scale()
        return {"service": service.described(with_tags=False)}

    def _begin(self, service: Service, definition: str) -> None:
        known = self._definition(definition)
        if known["status"] != "ACTIVE":
            raise FakeFault("ClientException", "TaskDefinition is inactive")
        service.begin(definition, self._fate(known), self.now)

    def _delete(self, arguments: Arguments) -> dict[str, Any]:
        service = self._service(arguments)
        for revision in service.revisions:
            revision.stop()
        service.status, service.asked = "INACTIVE", 0
        return {"service": service.described(with_tags=False)}

    def _describe_services(self, arguments: Arguments) -> dict[str, Any]:
        cluster, found, failures = self._cluster(arguments), [], []
        for name in arguments["services"]:
            service = self.services.get((cluster, name.rpartition("/")[2]))
            if service is None:
                failures.append({"arn": f"{_PREFIX}:service/{cluster}/{name}", "reason": "MISSING"})
            else:
                found.append(service.described(with_tags="TAGS" in arguments.get("include", ())))
        return {"services": found, "failures": failures}

    def _list_services(self, arguments: Arguments) -> dict[str, Any]:
        cluster = self._cluster(arguments)
        return {"serviceArns": [each.arn for (of, _), each in self.services.items() if of == cluster]}

    def _describe_clusters(self, arguments: Arguments) -> dict[str, Any]:
        wanted = [name.rpartition("/")[2] for name in arguments.get("clusters") or ()]
        named = {name: arn for name, arn in self.clusters.items() if name in wanted}
        return {
            "clusters": [
                {"clusterArn": arn, "clusterName": name, "status": "ACTIVE"} for name, arn in named.items()
            ],
            "failures": [{"arn": name, "reason": "MISSING"} for name in wanted if name not in named],
        }

    def _list_deployments(self, arguments: Arguments) -> dict[str, Any]:
        service = self._service(arguments)
        found = [each.brief(service.arn, service.cluster) for each in reversed(service.rollouts)]
        return {"serviceDeployments": found}

    def _describe_deployments(self, arguments: Arguments) -> dict[str, Any]:
        found = [self._rollout(arn) for arn in arguments["serviceDeploymentArns"]]
        told = [rollout.described(service.arn, service.cluster) for service, rollout in found]
        return {"serviceDeployments": told, "failures": []}

    def _describe_revisions(self, arguments: Arguments) -> dict[str, Any]:
        known = {
            revision.arn: (service, revision)
            for service in self.services.values()
            for rollout in service.rollouts
            for revision in (*rollout.sources, rollout.goal)
        }
        named = [known[arn] for arn in arguments["serviceRevisionArns"] if arn in known]
        told = [
            {
                "serviceRevisionArn": revision.arn,
                "serviceArn": service.arn,
                "clusterArn": service.cluster,
                "taskDefinition": revision.definition,
                "createdAt": service.began,
            }
            for service, revision in named
        ]
        return {"serviceRevisions": told, "failures": []}

    def _list_tasks(self, arguments: Arguments) -> dict[str, Any]:
        service = self._service(arguments, "serviceName")
        wanted = arguments.get("desiredStatus", "RUNNING")
        return {"taskArns": [task.arn for task in service.tasks if task.desired == wanted]}

    def _describe_tasks(self, arguments: Arguments) -> dict[str, Any]:
        cluster = self.clusters[self._cluster(arguments)]
        known = {task.arn: task for service in self.services.values() for task in service.tasks}
        named = [known[arn] for arn in arguments["tasks"] if arn in known]
        return {"tasks": [task.described(cluster) for task in named], "failures": []}

    def _stop(self, arguments: Arguments) -> dict[str, Any]:
        _, rollout = self._rollout(arguments["serviceDeploymentArn"])
        if rollout.status not in ("PENDING", "IN_PROGRESS"):
            raise FakeFault("ConflictException", "The deployment is not running.")
        if arguments.get("stopType", "ROLLBACK") == "ABORT":
            rollout.status, rollout.reason = "STOP_REQUESTED", "stopped by a person"
        else:
            rollout.go_back("stopped by a person")
        return {"serviceDeploymentArn": rollout.arn}

    def _continue(self, arguments: Arguments) -> dict[str, Any]:
        _, rollout = self._rollout(arguments["serviceDeploymentArn"])
        rollout.let_go_on(arguments["hookId"], arguments.get("action", "CONTINUE"))
        return {"serviceDeploymentArn": rollout.arn}

    def _tagged(self, arguments: Arguments) -> Service:
        for service in self.services.values():
            if service.arn == arguments["resourceArn"]:
                return service
        raise FakeFault("ResourceNotFoundException", "The specified resource could not be found.")

    def _tag(self, arguments: Arguments) -> dict[str, Any]:
        self._tagged(arguments).tags.update({tag["key"]: tag["value"] for tag in arguments["tags"]})
        return {}

    def _list_tags(self, arguments: Arguments) -> dict[str, Any]:
        tags = self._tagged(arguments).tags
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
