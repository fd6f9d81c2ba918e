"""A kill before or after each single write of a whole rollout: the end is that of an undisturbed run.

After every write it is asked whether anybody could be sent to where nobody is.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.rig import KEY
from tests.fakes.stages import SIZE, Hands, only, split
from tests.fakes.sums import pods_that_carry

from lockgate.domain.plan import Stage
from lockgate.domain.resources import CONTROLLER_REVISION, DEPLOYMENT, HTTP_ROUTE, SERVICE, Object

Verb = Callable[..., Awaitable[Any]]
VERBS = ("apply", "create", "delete")


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Ends the process at one of its writes, before it or after it; -1 is never."""

    def __init__(self, hands: Hands, at: int, *, before: bool) -> None:
        self.hands, self.at, self.before = hands, at, before
        self.writes = 0
        for verb in VERBS:
            setattr(hands.cluster, verb, self._around(getattr(hands.cluster, verb)))

    def _around(self, verb: Verb) -> Verb:
        async def write(*args: Any, **options: Any) -> Any:
            self.writes += 1
            is_last = self.writes - 1 == self.at
            if is_last and self.before:
                raise Killed
            answer = await verb(*args, **options)
            check(self.hands)
            if is_last:
                raise Killed
            return answer

        return write


def check(hands: Hands) -> None:
    """Nobody is sent to where nobody is, as the cluster holds it at this moment."""
    workloads, services = hands.named(DEPLOYMENT), hands.named(SERVICE)

    def asked(service: str) -> int:
        workload = workloads.get(services[service]["spec"]["selector"].get("lockgate.dev/workload", ""))
        return workload["spec"]["replicas"] if workload else 0

    written = dict(hands.weights()) if (HTTP_ROUTE, KEY) in hands.cluster.objects else {}
    assert not written or sum(written.values()) == 100
    for service, weight in (*written.items(), *hands.served.items()):
        assert service in services, f"{service} is sent requests and is not there"
        assert asked(service) >= pods_that_carry(SIZE, weight), (
            f"{service} gets {weight} % on {asked(service)}"
        )
    front = services.get("churn", {}).get("spec", {}).get("selector", {}).get("lockgate.dev/workload")
    if front is not None:
        assert asked("churn") > 0, "nobody answers at the front"


def canary(hands: Hands) -> list[Stage]:
    """Every stage of a canary, with a look beforehand, and of the one after that goes back to the first."""
    first, second = hands.track(1, SIZE, home=True), hands.track(2, SIZE)
    third = hands.track(3, SIZE)
    stages = [Stage(tracks=(first,)), only(first, front="churn")]
    for weight in (0, 10, 100):
        weights = split(("churn", 100 - weight), (second.workload, weight))
        stages.append(Stage(tracks=(first, second), split=weights, front="churn", preview=second.workload))
    stages.append(only(second, front=second.workload))
    mirrored = split((second.workload, 100), (third.workload, 0), special=third.workload, mirror=20)
    fewer = replace(third, replicas=1)
    stages.append(Stage(tracks=(second, fewer), split=mirrored, front=second.workload))
    stages.append(only(first, front="churn"))
    stages.append(Stage(tracks=(replace(first, replicas=2),)))
    return stages


def the_end(hands: Hands) -> dict[str, Object]:
    """All that is there, but for what is another each time."""
    return {
        f"{kind.kind} {key[1]}": {
            "spec": obj.get("spec"),
            "labels": obj["metadata"].get("labels"),
            "annotations": {
                name: text
                for name, text in obj["metadata"].get("annotations", {}).items()
                if name != "lockgate.dev/applied-generation"
            },
        }
        for (kind, key), obj in hands.cluster.objects.items()
        if kind in (DEPLOYMENT, SERVICE, HTTP_ROUTE, CONTROLLER_REVISION)
    }


async def live(at: int, *, before: bool, upto: int | None = None) -> tuple[list[dict[str, Object]], int]:
    """All stages with one kill; what is there after each, and how many writes it took."""
    hands = Hands()
    killer = Killer(hands, at, before=before)
    ends = []
    for stage in canary(hands)[:upto]:
        try:
            await hands.settle(stage)
        except Killed:
            hands.restart()
            if (HTTP_ROUTE, KEY) not in hands.cluster.objects:
                hands.accept()  # while the process starts anew the gateway sees that the route is gone
            await hands.settle(stage)
        ends.append(the_end(hands))
    return ends, killer.writes


async def test_a_rollout_goes_through_many_writes_and_leaves_nothing_behind():
    ends, writes = await live(-1, before=True)
    assert writes > 30
    assert set(ends[-1]) == {"Deployment churn", "Service churn", *(n for n in ends[-1] if "Revision" in n)}


@pytest.mark.parametrize("before", [True, False], ids=["before it is sent", "after it is done"])
async def test_a_kill_at_any_write_changes_nothing_of_the_end(before):
    ends, writes = await live(-1, before=before)
    for at in range(writes):
        there, _ = await live(at, before=before)
        assert there == ends, f"killed at write {at}"
