"""Where on Amazon ECS may models run, and whose? Values and questions to them.

A target is the platform's: account, cluster, network and roles are its business, and an author names it and
no more. Where targets are configured is `configured.py`, how one is asked `door.py`; nothing is asked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lockgate.offers import Offer, offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Offer):
    """A place on ECS by the name that a spec calls it; `namespaces` are those whose authors may name it.

    `cpu` (units, 1024 a processor) and `memory` (MiB) are of one task. `registry_secrets` holds, for each
    registry by its name, the ARN of the secret with the key that tasks fetch with. Traffic is shifted
    where there are two target groups, the rule of the listener and the role that may change it. `alarms`
    and the time to bake are ECS's own guards over a deployment. Credentials are from a mounted file, or of
    a role that a mounted web identity token stands for. `endpoint` is for what stands in for AWS.
    """

    name: str
    region: str
    cluster: str
    namespaces: tuple[str, ...]
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    execution_role: str
    fetch_image: str
    registry_secrets: Mapping[str, str]
    cpu: int = 1024
    memory: int = 2048
    task_role: str = ""
    assign_public_ip: bool = False
    log_group: str = ""
    target_group: str = ""
    alternate_target_group: str = ""
    production_listener_rule: str = ""
    test_listener_rule: str = ""
    load_balancer_role: str = ""
    alarms: tuple[str, ...] = ()
    bake_minutes: int = 0
    credentials_file: Path | None = None
    role: str = ""
    token_file: Path | None = None
    endpoint: str = ""
    identity_endpoint: str = ""
    timeout_seconds: float = field(default=20.0)

    @property
    def shifts_traffic(self) -> bool:
        """Whether it has what ECS shifts traffic between two revisions with."""
        return bool(self.target_group and self.alternate_target_group)


NO_TARGETS: Final[Mapping[str, Target]] = MappingProxyType({})


def target_for(targets: Mapping[str, Target], name: str, namespace: str) -> Target:
    """The target that a spec names; raises InvalidSpec, which names only those it may name."""
    return offered(targets, "target", name, namespace, "spec.backend.ecs.target")
