"""A kill before or after each single write by which arms come, change, roll out and go.

After every write it is asked whether anybody could be sent to an arm that does not answer; and the end is
that of an undisturbed run.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.builders import version
from tests.fakes.rig import KEY
from tests.fakes.stages import PUBLIC, Hands

from lockgate.domain.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_DEPLOYMENT, SERVICE, Key

VERBS = ("apply", "apply_status", "create", "delete")
SECOND = {"name": "b", "alias": "second", "weight": 20, "replicas": 1}
MORE = {**SECOND, "weight": 50}
Verb = Callable[..., Awaitable[Any]]


class Killed(BaseException):
    """The process is gone."""


class Story:
    """Beside a champion that serves an arm comes, is replaced, gets more, and goes; killed at a write."""

    def __init__(self, kill_at: int, *, before: bool) -> None:
        self.hands = Hands(replicas=2)
        self.rig = self.hands.rig
        self.kill_at, self.before, self.writes = kill_at, before, 0
        self.begin_anew()
        for verb in VERBS:
            setattr(self.rig.cluster, verb, self._around(getattr(self.rig.cluster, verb)))

    def begin_anew(self) -> None:
        """Another process, which remembers nothing."""
        backend = self.rig.backend(gateways={"public": PUBLIC})
        self.rig.reconciler = replace(self.rig.reconciler, backend=backend)

    def _around(self, verb: Verb) -> Verb:
        async def write(*args: Any, **options: Any) -> Any:
            self.writes += 1
            is_last = self.writes - 1 == self.kill_at
            if is_last and self.before:
                raise Killed
            answer = await verb(*args, **options)
            self.check()
            if is_last:
                raise Killed
            return answer

        return write

    def check(self) -> None:
        """Whoever is sent requests, by the route as it is written or as it is served, has pods."""
        services, workloads = self.hands.named(SERVICE), self.hands.named(DEPLOYMENT)
        there = (HTTP_ROUTE, KEY) in self.rig.cluster.objects
        written = dict(self.hands.weights()) if there else {}
        assert not written or sum(written.values()) in (100, 10000)
        for name, weight in (*written.items(), *self.hands.served.items()):
            if weight and name == "churn-b":
                assert name in services, f"{name} is sent requests and is not there"
                wanted = services[name]["spec"]["selector"]
                pods = sum(
                    (each.get("status") or {}).get("availableReplicas", 0)
                    for each in workloads.values()
                    if wanted.items() <= each["spec"]["template"]["metadata"]["labels"].items()
                )
                assert pods, f"{name} gets {weight} and nobody answers"

    async def rest(self) -> None:
        for _ in range(25):
            before, lives = len(self.rig.cluster.writes), True
            for key in [key for kind, key in self.rig.cluster.objects if kind is MODEL_DEPLOYMENT]:
                if (MODEL_DEPLOYMENT, key) in self.rig.cluster.objects:
                    try:
                        await self.rig.look(key)
                    except Killed:
                        self.begin_anew()
                        lives = False
            self.hands.bring_up()
            self.hands.accept()
            if lives and len(self.rig.cluster.writes) == before:
                return
        raise AssertionError(f"no rest: {self.rig.cluster.writes[-8:]}")

    async def point(self, alias: str, number: int) -> None:
        self.rig.registry.point(alias, version(number))
        await self.rig.poll()
        await self.rest()

    async def ask(self, *variants: Any) -> None:
        self.rig.create(replicas=2, traffic={"gateway": "public"}, variants=list(variants))
        await self.rest()

    async def live(self) -> list[object]:
        kill_at, self.kill_at = self.kill_at, -1
        self.rig.registry.point("second", version(2))
        await self.point("production", 1)
        self.kill_at, self.writes = kill_at, 0
        ends: list[object] = []
        await self.ask(SECOND)
        ends.append(self.end())
        await self.point("second", 3)
        await self.ask(MORE)
        ends.append(self.end())
        await self.ask()
        ends.append(self.end())
        return ends

    def end(self) -> object:
        """Which versions serve, who gets what, and which objects there are."""
        deployments = self.hands.named(MODEL_DEPLOYMENT)
        serve: dict[Key | str, str] = {
            name: each["status"]["stable"]["version"] for name, each in deployments.items()
        }
        objects = [sorted(self.hands.named(kind)) for kind in (DEPLOYMENT, SERVICE)]
        return serve, self.hands.weights(), objects, self.rig.status.get("variants")


async def test_arms_come_and_go_as_they_are_asked_for():
    both, more, none = await Story(-1, before=False).live()
    assert both[:2] == (  # type: ignore[index]
        {"churn": "v1", "churn-b": "v2"},
        [("churn-own", 8000), ("churn-b", 2000)],
    )
    assert more[:2] == (  # type: ignore[index]
        {"churn": "v1", "churn-b": "v3"},
        [("churn-own", 5000), ("churn-b", 5000)],
    )
    assert none[:2] == ({"churn": "v1"}, [("churn-own", 100)])  # type: ignore[index]


@pytest.mark.parametrize("before", [True, False], ids=["before it", "after it"])
async def test_a_kill_at_any_write_changes_nothing_of_the_end(before):
    undisturbed = Story(-1, before=before)
    ends = await undisturbed.live()
    assert undisturbed.writes > 20
    for number in range(undisturbed.writes):
        story = Story(number, before=before)
        assert await story.live() == ends, f"killed at write {number}"
