"""A whole reconcile against the stand-in for ECS, within one process and in stepped time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes.builders import PODS, version
from tests.fakes.rig import KEY, Rig

from lockgate.api.parse import parse_model_deployment
from lockgate.api.spec import ModelDeployment
from lockgate.aws.answers import error_of
from lockgate.aws.targets import Target
from lockgate.backends.ecs.backend import EcsBackend
from lockgate.backends.ecs.pulse import Pulse
from lockgate.backends.settings import PodSettings
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key
from lockgate.gateways.offered import NO_GATEWAYS, Gateway
from lockgate.names import ANNOTATION_REQUEST
from lockgate_sandbox.fake_ecs.account import Account
from lockgate_sandbox.fake_ecs.shapes import FakeFault

IMAGE = "registry.example/lockgate@sha256:" + "b" * 64
PREFIX = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"
WRITES = ("Create", "Update", "Delete", "Register", "Deregister", "Stop", "Continue", "Tag")
BACKEND = {"ecs": {"target": "prod"}}
TRAFFIC = {"gateway": "prod"}


def target(**changes: Any) -> Target:
    """A target with all that traffic is shifted with."""
    known: dict[str, Any] = {
        "name": "prod",
        "region": "eu-central-1",
        "cluster": "models",
        "namespaces": ("growth",),
        "subnets": ("subnet-1", "subnet-2"),
        "security_groups": ("sg-1",),
        "execution_role": "arn:aws:iam::123456789012:role/execution",
        "fetch_image": IMAGE,
        "registry_secrets": {"default": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key"},
        "target_group": f"{PREFIX}:targetgroup/blue/1",
        "alternate_target_group": f"{PREFIX}:targetgroup/green/2",
        "production_listener_rule": f"{PREFIX}:listener-rule/app/models/1/2/3",
        "load_balancer_role": "arn:aws:iam::123456789012:role/shifts",
        "alarms": ("errors",),
        "credentials_file": Path("credentials"),
    }
    return Target(**(known | changes))


def canary(*weights: int, pause: bool = True) -> dict[str, Any]:
    """A strategy of such steps, each of which waits for an approval."""
    held: dict[str, Any] = {"pause": {"untilApproved": True}} if pause else {}
    return {"canary": {"steps": [{"weight": weight, "replicas": 100, **held} for weight in weights]}}


class Killed(BaseException):
    """The process is gone."""


class Door:
    """The door to an account in the same process; ends the process at a request, before it or after it."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.kill_at, self.kills_before = -1, False
        self.asked: list[str] = []

    async def ask(self, target: Target, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(operation)
        is_last = len(self.asked) - 1 == self.kill_at
        if is_last and self.kills_before:
            raise Killed
        try:
            answer: dict[str, Any] = json.loads(
                json.dumps(self.account.answer(operation, json.loads(json.dumps(arguments))))
            )
        except FakeFault as fault:
            raw = json.dumps({"__type": fault.code, "message": fault.message}).encode()
            raise error_of(target.name, operation, 400, {}, raw) from None
        if is_last:
            raise Killed
        return answer

    @property
    def writes(self) -> list[str]:
        """The requests that change something."""
        return [operation for operation in self.asked if operation.startswith(WRITES)]


class EcsRig(Rig):
    """The ModelDeployment growth/churn, which runs on the stand-in for ECS."""

    def __init__(self, **changes: Any) -> None:
        self.account = Account()
        self.door = Door(self.account)
        self.targets = {"prod": target(**changes)}
        self.due: list[Key] = []
        super().__init__()

    def backend(  # type: ignore[override]
        self, pods: PodSettings = PODS, gateways: Mapping[str, Gateway] = NO_GATEWAYS
    ) -> EcsBackend:
        return EcsBackend(
            self.door,
            self.targets,
            pods,
            Pulse(self.due.append, lambda: self.monotonic),
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic,
        )

    def ask_for(self, strategy: dict[str, Any] | None = None, **spec: Any) -> None:
        """The ModelDeployment, on ECS."""
        routed = {} if strategy is None else {"strategy": strategy}
        if strategy and "canary" in strategy:
            routed["traffic"] = TRAFFIC
        self.create(**({"backend": BACKEND} | routed | spec))

    def request(self, text: str) -> None:
        """A person asks, by the annotation."""
        found = self.cluster.objects[MODEL_DEPLOYMENT, KEY]
        metadata = {**found["metadata"], "annotations": {ANNOTATION_REQUEST: text}}
        self.cluster.put(MODEL_DEPLOYMENT, {**found, "metadata": metadata})

    def forget_status(self) -> None:
        """Somebody has removed the status."""
        found = self.cluster.objects[MODEL_DEPLOYMENT, KEY]
        self.cluster.put(MODEL_DEPLOYMENT, {name: part for name, part in found.items() if name != "status"})

    def parsed(self) -> ModelDeployment:
        """The ModelDeployment as a pass sees it."""
        return parse_model_deployment(self.cluster.objects[MODEL_DEPLOYMENT, KEY])

    async def point(self, number: int) -> None:
        """The alias moves."""
        self.registry.point("production", version(number))
        await self.poll()

    async def beat(self, seconds: float = 10) -> None:
        """A pass, and time goes on both here and there."""
        await self.look()
        self.wait(seconds=seconds)
        self.account.advance(seconds)

    async def play(self, beats: int = 40) -> None:
        """Until neither the status nor ECS has changed for a few beats."""
        still = 0
        for _ in range(beats):
            before = (len(self.cluster.writes), self.there())
            await self.beat()
            still = still + 1 if (len(self.cluster.writes), self.there()) == before else 0
            if still == 4:
                return
        raise AssertionError(f"still moving after {beats} beats: {self.door.writes[-5:]} {self.there()}")

    async def play_until(self, condition: Any, beats: int = 60) -> None:
        """Until a condition holds."""
        for _ in range(beats):
            if condition():
                return
            await self.beat()
        raise AssertionError(f"never came: {self.status.get('conditions')} {self.there()}")

    async def serve(self, number: int) -> None:
        """Bring a version all the way out."""
        await self.point(number)
        await self.play_until(lambda: (self.status.get("stable") or {}).get("version") == f"v{number}")
        await self.play()

    @property
    def service(self) -> Any:
        """The service as the stand-in holds it."""
        return self.account.services["models", "growth_churn"]

    def there(self) -> Any:
        """What is at ECS, as far as anybody could tell it from another run."""
        service = self.account.services.get(("models", "growth_churn"))
        if service is None:
            return None
        last = service.under_way
        return {
            "asked": service.asked,
            "status": service.status,
            "revisions": [(self.version_of(each), each.running, each.weight) for each in service.revisions],
            "under way": last and (last.status, last.at, last.waiting and last.waiting["hookId"]),
            "deployments": [(self.version_of(each.goal), each.status) for each in service.rollouts],
            "definitions": len([d for d in self.account.definitions.values() if d["status"] == "ACTIVE"]),
        }

    def version_of(self, revision: Any) -> str:
        """Which version a revision runs."""
        containers = self.account.definitions[revision.definition]["containerDefinitions"]
        server = next(each for each in containers if each["name"] == "server")
        return next(each["value"] for each in server["environment"] if each["name"] == "MODEL_VERSION")

    @property
    def shares(self) -> dict[str, int]:
        """Percent of the traffic by track, as the status tells it."""
        return {share["track"]: share["weight"] for share in self.status.get("traffic", [])}


__all__ = ["BACKEND", "KEY", "Door", "EcsRig", "Killed", "canary", "target"]
