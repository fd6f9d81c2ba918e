"""A stand-in for Amazon ECS, beside a control plane; what it does not prove is said where it is (`fake_ecs`).

Lockgate runs models on it if it is told of a target whose endpoint is this part's address. Time passes there
only when somebody says so.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.source import PACKAGES
from lockgate_sandbox.supervise.components import free_port
from lockgate_sandbox.waiting import until_it_answers
from lockgate_sandbox.worlds import Level, write_atomically

_CREDENTIALS = "[default]\naws_access_key_id = AKIASANDBOX\naws_secret_access_key = of-no-account\n"


@dataclass(frozen=True, kw_only=True)
class FakeEcs(Handle):
    """The stand-in: `url` is the endpoint, `credentials` a file with keys that it takes."""

    credentials: str

    def target(self, namespace: str) -> Mapping[str, Any]:
        """A target there for the models of one namespace, as the file of LOCKGATE_ECS_FILE has it."""
        rule = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"
        return {
            "region": "eu-central-1",
            "cluster": "models",
            "namespaces": [namespace],
            "subnets": ["subnet-1"],
            "securityGroups": ["sg-1"],
            "executionRole": "arn:aws:iam::123456789012:role/execution",
            "fetchImage": f"registry.example/lockgate@sha256:{'0' * 64}",
            "registrySecrets": {"default": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key"},
            "targetGroup": f"{rule}:targetgroup/blue/1",
            "alternateTargetGroup": f"{rule}:targetgroup/green/2",
            "productionListenerRule": f"{rule}:listener-rule/app/models/1/2/3",
            "loadBalancerRole": "arn:aws:iam::123456789012:role/shifts",
            "alarms": ["errors"],
            "credentialsFile": self.credentials,
            "endpoint": self.url,
        }

    def tell(self, **asked: Any) -> Mapping[str, Any]:
        """Move its world: `advance` seconds, `setOff` an alarm, `fates` of versions, `refuse` operations."""
        request = urllib.request.Request(f"{self.url}/admin", data=json.dumps(asked).encode())  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - of our making
            return dict(json.loads(answer.read()))


class _Part:
    name = "fake_ecs"
    needs = ()
    levels = frozenset({Level.CONTROL_PLANE})
    handle = FakeEcs

    def prepare(self, level: Level) -> Prepared:
        """What it is held against is in the environment."""
        return Prepared()

    def install(self, world: RunningWorld, prepared: Prepared) -> FakeEcs:
        """A process of the world on loopback, with keys that stay."""
        port = free_port()
        program = [sys.executable, "-m", "lockgate_sandbox.fake_ecs", f"--port={port}"]
        world.join("fake_ecs", program, {"PYTHONPATH": str(PACKAGES)})
        credentials = world.directory / "ecs-credentials"
        write_atomically(credentials, _CREDENTIALS)
        until_it_answers("the stand-in for ECS", f"http://127.0.0.1:{port}/healthz")
        return FakeEcs(world=world, url=f"http://127.0.0.1:{port}", credentials=str(credentials))


PART = _Part()
