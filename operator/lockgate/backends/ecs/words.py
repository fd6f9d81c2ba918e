"""Which words does ECS have for a strategy, and what has it none for? Pure.

ECS shifts traffic once to a part of it (CANARY), in equal steps (LINEAR) or at once (BLUE_GREEN), with all
tasks of the new revision there from the beginning; and it stops before each shift while somebody has to let
it go on. What cannot be said so is refused by the field that asks for it, and never done in another way.
"""

import math
from datetime import timedelta
from typing import Any, Final

from lockgate.api.spec import ModelDeployment
from lockgate.api.strategy import Canary, CanaryStep, Capacity, Rolling, Shadow
from lockgate.aws.targets import Target
from lockgate.domain.split import WHOLE
from lockgate.errors import InvalidSpec

# The longest that ECS lets a hook wait; then it goes back, for nobody has said that it may go on. No pause of
# ours is for longer than a day, but one for an approval has no end.
HOOK_MINUTES: Final = 14 * 24 * 60
_LEAST_LINEAR: Final = 3
# Before the only shift of BLUE_GREEN, and before each of CANARY and LINEAR.
_STAGE: Final = "PRE_PRODUCTION_TRAFFIC_SHIFT"


def check_words(deployment: ModelDeployment, target: Target) -> None:
    """Raise InvalidSpec for what ECS has no word for at this target."""
    strategy = deployment.strategy
    if deployment.variants:
        raise InvalidSpec("spec.variants", "is for models in the cluster; ECS has one model to a service")
    if isinstance(strategy, Shadow):
        raise InvalidSpec("spec.strategy.shadow", "asks for copies of requests, which ECS does not make")
    _check_traffic(deployment, target)
    if isinstance(strategy, Rolling):
        return
    if not target.shifts_traffic:
        raise InvalidSpec(
            "spec.strategy", f"needs two target groups, which target {target.name} has not; write rolling"
        )
    if isinstance(strategy, Canary):
        _check_canary(strategy)
    bakes = timedelta(minutes=target.bake_minutes)
    if deployment.progress_deadline is not None and deployment.progress_deadline <= bakes:
        raise InvalidSpec(
            "spec.progressDeadline",
            f"is over while ECS still bakes, {target.bake_minutes} minutes at this target",
        )


def _check_traffic(deployment: ModelDeployment, target: Target) -> None:
    traffic = deployment.traffic
    if traffic is None:
        if isinstance(deployment.strategy, Canary):
            raise InvalidSpec(
                "spec.traffic",
                f"is missing: a canary on ECS needs its target as the way in; write gateway: {target.name}",
            )
        return
    if traffic.gateway != target.name:
        raise InvalidSpec(
            "spec.traffic.gateway",
            f"is no way to ECS; requests come by the target itself: write {target.name}",
        )
    if traffic.hostnames or traffic.path != "/":
        field = "hostnames" if traffic.hostnames else "path"
        raise InvalidSpec(
            f"spec.traffic.{field}", "is for the listener of the target, which the platform keeps"
        )


def _check_canary(strategy: Canary) -> None:
    if strategy.capacity is not Capacity.SURGE:
        raise InvalidSpec(
            "spec.strategy.canary.capacity", "must be Surge, for on ECS stable keeps its tasks to the end"
        )
    for number, step in enumerate(strategy.steps):
        _check_step(f"spec.strategy.canary.steps[{number}]", step)
    shift_of(strategy)


def _check_step(path: str, step: CanaryStep) -> None:
    if step.match:
        raise InvalidSpec(
            f"{path}.match", "asks for requests by their headers, which ECS does not tell apart"
        )
    if step.mirror:
        raise InvalidSpec(f"{path}.mirror", "asks for copies of requests, which ECS does not make")
    if step.replicas != WHOLE:
        raise InvalidSpec(
            f"{path}.replicas", "must be 100, for ECS starts all tasks of a version before it shifts traffic"
        )


def shift_of(strategy: Canary) -> tuple[str, int]:
    """The word of ECS for the steps of a canary, and percent of each shift; raises InvalidSpec."""
    parts = [weight for weight in dict.fromkeys(step.weight for step in strategy.steps) if 0 < weight < WHOLE]
    if not parts:
        return "BLUE_GREEN", WHOLE
    if len(parts) == 1:
        return "CANARY", parts[0]
    first, last = parts[0], parts[-1]
    are_equal = parts == [first * number for number in range(1, len(parts) + 1)]
    if are_equal and first >= _LEAST_LINEAR and last + first >= WHOLE:
        return "LINEAR", first
    raise InvalidSpec(
        "spec.strategy.canary.steps",
        "ask for weights that ECS has no word for: it shifts one part and then all, or equal ones",
    )


def deployment_configuration(
    deployment: ModelDeployment, target: Target, *, is_release: bool
) -> dict[str, Any]:
    """How ECS is to bring a revision out; one that shares with nobody, or goes back, is not stopped."""
    known: dict[str, Any] = {
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
    }
    if target.alarms:
        known["alarms"] = {"alarmNames": list(target.alarms), "enable": True, "rollback": True}
    if isinstance(deployment.strategy, Rolling):
        return known | _rolling(deployment.strategy, deployment.replicas)
    word, percent = (
        shift_of(deployment.strategy) if isinstance(deployment.strategy, Canary) else ("BLUE_GREEN", 0)
    )
    if not is_release:
        word = "BLUE_GREEN"
    known |= {"strategy": word, "bakeTimeInMinutes": target.bake_minutes if is_release else 0}
    # Our own gates say for how long a part is enough.
    if word == "CANARY":
        known["canaryConfiguration"] = {"canaryPercent": float(percent), "canaryBakeTimeInMinutes": 0}
    if word == "LINEAR":
        known["linearConfiguration"] = {"stepPercent": float(percent), "stepBakeTimeInMinutes": 0}
    known["lifecycleHooks"] = [_hook()] if is_release else []
    return known


def _hook() -> dict[str, Any]:
    timeout = {"timeoutInMinutes": HOOK_MINUTES, "action": "ROLLBACK"}
    return {"targetType": "PAUSE", "lifecycleStages": [_STAGE], "timeoutConfiguration": timeout}


def _rolling(strategy: Rolling, replicas: int) -> dict[str, Any]:
    surge, fewer = _percent(strategy.max_surge, replicas), _percent(strategy.max_unavailable, replicas)
    return {
        "strategy": "ROLLING",
        "maximumPercent": WHOLE + (surge or (0 if fewer else WHOLE)),
        "minimumHealthyPercent": max(0, WHOLE - fewer),
        "lifecycleHooks": [],
    }


def _percent(bound: int | str, replicas: int) -> int:
    """Of all tasks; a number of them is rounded up to percent."""
    if isinstance(bound, str):
        return int(bound.rstrip("%"))
    return math.ceil(WHOLE * bound / replicas) if replicas else WHOLE
