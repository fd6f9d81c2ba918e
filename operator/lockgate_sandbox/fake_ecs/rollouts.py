"""A deployment of a service, from PENDING to its end, a stage a beat, as AWS documents the stages.

A hook of the kind PAUSE stops it before its stage, that before a shift of traffic before every shift. An
alarm, the circuit breaker or a person take it back; so does a hook that nobody lets go on in its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate_sandbox.fake_ecs.shapes import FakeFault
from lockgate_sandbox.fake_ecs.tasks import Revision

MOVING, BREAKS_AFTER = ("PENDING", "IN_PROGRESS"), 3
BEAT_SECONDS = 10.0
_BEFORE = ("PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT")
_AFTER = ("POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP")
_NEVER_PAUSED = frozenset({"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"})
_GATE, _SHIFT = "PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"


@dataclass(frozen=True)
class Stop:
    """A place on the way: the stage, the weight from there on, and how long it takes (seconds)."""

    stage: str
    weight: float | None = None
    lasts: float = 0.0


def check_configuration(configuration: Mapping[str, Any]) -> None:
    """Raise a FakeFault for what ECS documents that it does not take, beyond its shapes."""
    for hook in configuration.get("lifecycleHooks") or ():
        if hook.get("targetType") == "PAUSE" and _NEVER_PAUSED & set(hook.get("lifecycleStages") or ()):
            raise FakeFault("InvalidParameterException", "PAUSE hooks cannot be configured at this stage")
    strategy = configuration.get("strategy", "ROLLING")
    for word, block, member, least in (
        ("CANARY", "canaryConfiguration", "canaryPercent", 0.1),
        ("LINEAR", "linearConfiguration", "stepPercent", 3.0),
    ):
        given = configuration.get(block)
        if (given is not None) != (strategy == word):
            raise FakeFault("InvalidParameterException", f"{block} belongs to strategy {word}")
        if given is not None and not least <= given.get(member, least) <= 100:
            raise FakeFault("InvalidParameterException", f"{member} is out of bounds")


def _way(configuration: Mapping[str, Any]) -> list[Stop]:
    strategy = configuration.get("strategy", "ROLLING")
    if strategy == "ROLLING":
        return [Stop("SCALE_UP"), Stop("CLEAN_UP")]
    shifts: list[tuple[float, float]] = [(100.0, 0.0)]
    if strategy == "CANARY":
        canary = configuration["canaryConfiguration"]
        shifts.insert(0, (canary["canaryPercent"], 60.0 * canary.get("canaryBakeTimeInMinutes", 10)))
    if strategy == "LINEAR":
        linear = configuration["linearConfiguration"]
        step, bake = linear["stepPercent"], 60.0 * linear.get("stepBakeTimeInMinutes", 6)
        shifts = [(min(100.0, step * n), bake) for n in range(1, int(-(-100 // step)) + 1)]
    bake = 60.0 * configuration.get("bakeTimeInMinutes", 0)
    between = [stop for weight, lasts in shifts for stop in (Stop(_GATE), Stop(_SHIFT, weight, lasts))]
    after = [Stop(stage, lasts=bake if stage == "BAKE_TIME" else 0.0) for stage in _AFTER]
    return [*map(Stop, _BEFORE), *between, *after]


@dataclass
class Rollout:
    """One deployment of a service."""

    arn: str
    configuration: dict[str, Any]
    sources: list[Revision]
    goal: Revision
    began: float
    status: str = "PENDING"
    reason: str = ""
    rollback: str = ""
    at: int = 0
    since: float = 0.0
    hooks: list[dict[str, Any]] = field(default_factory=list)
    passed: set[int] = field(default_factory=set)
    alarms: list[str] = field(default_factory=list)
    has_broken: bool = False
    way: list[Stop] = field(init=False)

    def __post_init__(self) -> None:
        self.way, self.since = _way(self.configuration), self.began

    @property
    def is_under_way(self) -> bool:
        """Whether it has not ended."""
        return self.status not in ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")

    @property
    def waiting(self) -> dict[str, Any] | None:
        """The hook that waits for somebody."""
        return next((hook for hook in self.hooks if hook["status"] == "AWAITING_ACTION"), None)

    def beat(self, now: float) -> None:
        """One beat."""
        if self.status == "PENDING":
            self.status = "IN_PROGRESS"
        elif self.status == "IN_PROGRESS":
            self._guard()
            if self.status == "IN_PROGRESS":
                self._go_on(now)
        elif self.status in ("ROLLBACK_REQUESTED", "STOP_REQUESTED"):
            self.status = "ROLLBACK_IN_PROGRESS" if self.status == "ROLLBACK_REQUESTED" else "STOPPED"
        elif self.status == "ROLLBACK_IN_PROGRESS":
            self.goal.stop()
            self._give(0.0)
            self.status = "ROLLBACK_SUCCESSFUL"

    def go_back(self, why: str) -> None:
        """Begin to go back; without anything to go back to it just ends."""
        self.reason = self.rollback = why
        for hook in self.hooks:
            if hook["status"] == "AWAITING_ACTION":
                hook["status"] = "FAILED"
        if self.sources:
            self.status = "ROLLBACK_REQUESTED"
        else:
            self.goal.stop()
            self.status = "STOPPED"

    def let_go_on(self, hook_id: str, action: str) -> None:
        """Somebody has decided about a hook."""
        hook = self.waiting
        if hook is None or hook["hookId"] != hook_id:
            raise FakeFault("InvalidParameterException", f"hook {hook_id} does not wait")
        if action == "ROLLBACK":
            self.go_back("rolled back at a pause")
            return
        hook["status"] = "SUCCEEDED"
        self.passed.add(self.at)

    def described(self, service: str, cluster: str) -> dict[str, Any]:
        """As DescribeServiceDeployments has it."""
        stage = self.way[min(self.at, len(self.way) - 1)].stage
        if stage == _GATE:
            # No stage of a deployment by this name is told: it is in the one before.
            stage = self.way[self.at - 1].stage
        breaker, alarms = self._guards()
        told: dict[str, Any] = self.brief(service, cluster) | {
            "sourceServiceRevisions": [each.summary() for each in self.sources],
            "targetServiceRevision": self.goal.summary(),
            "lifecycleStage": stage,
            "lifecycleHookDetails": list(self.hooks),
            "deploymentConfiguration": self.configuration,
            "deploymentCircuitBreaker": breaker,
            "alarms": alarms,
            "updatedAt": self.since,
        }
        del told["targetServiceRevisionArn"]
        if self.rollback and self.sources:
            told["rollback"] = {"reason": self.rollback, "serviceRevisionArn": self.sources[0].arn}
        return told

    def brief(self, service: str, cluster: str) -> dict[str, Any]:
        """As ListServiceDeployments has it."""
        told: dict[str, Any] = {
            "serviceDeploymentArn": self.arn,
            "serviceArn": service,
            "clusterArn": cluster,
            "createdAt": self.began,
            "targetServiceRevisionArn": self.goal.arn,
            "status": self.status,
        }
        return told | ({"statusReason": self.reason} if self.reason else {})

    def _guards(self) -> tuple[dict[str, Any], dict[str, Any]]:
        known = self.configuration.get("alarms")
        breaker = "TRIGGERED" if self.has_broken else "MONITORING"
        alarms: dict[str, Any] = {"status": "DISABLED"}
        if known:
            alarms = {
                "status": "TRIGGERED" if self.alarms else "MONITORING",
                "alarmNames": known["alarmNames"],
            }
        if self.alarms:
            alarms["triggeredAlarmNames"] = self.alarms
        counted = {"failureCount": self.goal.failures, "threshold": BREAKS_AFTER}
        return {"status": breaker, **counted}, alarms

    def _guard(self) -> None:
        breaker = self.configuration.get("deploymentCircuitBreaker") or {}
        if self.alarms:
            self.go_back("an alarm was triggered")
        elif breaker.get("enable") and self.goal.failures >= BREAKS_AFTER:
            self.has_broken = True
            self.go_back("the circuit breaker was triggered")

    def _go_on(self, now: float) -> None:
        stop = self.way[self.at]
        if self._is_held(stop.stage, now):
            return
        if stop.stage == "SCALE_UP" and self.goal.running < self.goal.asked:
            return
        if stop.weight is not None and self.goal.weight != stop.weight:
            self._give(stop.weight)
            self.since = now
            return
        if now < self.since + stop.lasts:
            return
        self.at, self.since = self.at + 1, now
        if self.at == len(self.way):
            self._end()

    def _is_held(self, stage: str, now: float) -> bool:
        asked = [
            hook
            for hook in self.configuration.get("lifecycleHooks") or ()
            if hook.get("targetType") == "PAUSE" and stage in hook["lifecycleStages"]
        ]
        if not asked or self.at in self.passed or not self.sources:
            return False
        hook = self.waiting
        if hook is None:
            timeout = asked[0].get("timeoutConfiguration") or {}
            self.hooks.append(
                {
                    "hookId": f"ecs-pause-{self.arn.rpartition('/')[2]}-{self.at}",
                    "targetType": "PAUSE",
                    "status": "AWAITING_ACTION",
                    "expiresAt": now + 60.0 * timeout.get("timeoutInMinutes", 1440),
                    "timeoutAction": timeout.get("action", "ROLLBACK"),
                }
            )
        elif now >= hook["expiresAt"]:
            hook["status"] = "TIMED_OUT"
            if hook["timeoutAction"] == "CONTINUE":
                self.passed.add(self.at)
            else:
                self.go_back("a lifecycle hook timed out")
        return True

    def _give(self, weight: float) -> None:
        self.goal.weight = weight
        for number, source in enumerate(self.sources):
            source.weight = 100.0 - weight if number == 0 else 0.0

    def _end(self) -> None:
        self._give(100.0)
        for source in self.sources:
            source.stop()
        self.status = "SUCCESSFUL"
