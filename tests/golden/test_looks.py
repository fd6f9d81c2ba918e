"""What people are shown, as reviewed files: at three widths without colours, and once with them.

`make golden` writes them anew; look at what it wrote.
"""

import io
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.fakes import looks
from tests.fakes.looks import NOW

from lockgate.cli import planning
from lockgate.cli.branches import Surroundings, see_workload
from lockgate.cli.lines import Line, plain, width
from lockgate.cli.listing import listing
from lockgate.cli.paint import Painter, When
from lockgate.cli.past import history
from lockgate.cli.planning import outlook, plan_lines
from lockgate.cli.pods import see_pod
from lockgate.cli.seen import see
from lockgate.cli.tree import tree
from lockgate.domain.gate import Evidence, GateVerdict
from lockgate.domain.plan import Step
from lockgate.plan.gates.available import available
from lockgate.plan.gates.routed import routed

CASES = Path(__file__).parent / "cli"
WIDTHS = (60, 100, 160)

FLEET = [
    looks.serving(),
    looks.canary("fraud"),
    looks.serving("pricing", spec={"pin": {"version": "v12", "reason": "v13 is being looked into"}}),
    looks.deployment(
        "recommendations-of-the-shop",
        phase="Failed",
        conditions=[
            looks.condition(
                "Ready",
                "False",
                "AliasNotFound",
                "model/recommendations-of-the-shop has no alias production, or the key cannot see it",
            ),
            looks.condition("Stalled", "True", "AliasNotFound", "so it is"),
        ],
    ),
    looks.serving(
        "slow",
        phase="Degraded",
        desired=looks.named("v13"),
        rollout={"failed": [looks.named("v13") | {"recipe": "", "message": "too slow"}]},
        conditions=[
            looks.condition("Ready", "False", "RolloutAborted", "v13 was aborted and v12 serves on: too slow")
        ],
    ),
    looks.deployment("new", phase="", history=[], observedGeneration=0),
]

ROLLING_CANARY = Surroundings(
    pods=[
        see_pod(pod)
        for pod in (
            looks.ready_pod("churn-6c4f9dd8-2xkqp", "v12"),
            looks.ready_pod("churn-6c4f9dd8-9m2lz", "v12"),
            looks.leaving_pod("churn-6c4f9dd8-kk4wq", "v12"),
            looks.downloading_pod("churn-candidate-7b9d5c6f-4hd8x", "v13", "churn-candidate"),
            looks.failing_pod("churn-candidate-7b9d5c6f-p2v7c", "v13", "churn-candidate"),
            looks.loading_pod("churn-candidate-7b9d5c6f-zr2vm", "v13", "churn-candidate", restarts=2),
            looks.ready_pod("churn-warm-55c9-tt8xb", "v10", "churn-warm"),
        )
    ],
    workloads=[
        see_workload(looks.workload("churn", 3)),
        see_workload(
            looks.workload("churn-candidate", 4, "exceeded quota: gpus, requested 1, used 8, limited 8")
        ),
        see_workload(looks.workload("churn-warm", 1)),
    ],
)
ROLLING_IN_PLACE = Surroundings(
    pods=[
        see_pod(looks.ready_pod("churn-6c4f9dd8-2xkqp", "v12")),
        see_pod(looks.ready_pod("churn-6c4f9dd8-9m2lz", "v12")),
        see_pod(looks.loading_pod("churn-7b9d5c6f-zr2vm", "v13")),
    ],
    workloads=[see_workload(looks.workload("churn", 3))],
)


def pause(length: timedelta, evidence: Evidence, now: datetime) -> GateVerdict:
    """Holds when the step has lasted so long."""
    raise AssertionError("nobody asks")


def canary_steps(block: object) -> tuple[Step, ...]:
    """The steps of a strategy that is still to come, as the planner would be given them."""
    ten = partial(pause, timedelta(minutes=10))
    return (
        Step(replicas=10, weight=5, in_place=False, gates=(available, routed, ten)),
        Step(replicas=50, weight=50, in_place=False, gates=(available, routed)),
        Step(replicas=100, weight=100, in_place=False, gates=(available, routed)),
    )


def shown_get(room: int) -> list[Line]:
    return listing(list(map(see, FLEET)), NOW, room)


def shown_get_wide(room: int) -> list[Line]:
    return listing(list(map(see, FLEET)), NOW, room, namespaces=True, wide=True)


def shown_history(room: int) -> list[Line]:
    return history(see(looks.canary()), NOW, room)


def shown_watch_canary(room: int) -> list[Line]:
    asked = looks.canary(
        lastRequest={
            "request": "approve 3fa9c1d2 by jane@example.com #0badcafe",
            "outcome": "Refused",
            "message": "step 2 of 4 waits for no approval",
        }
    )
    asked["metadata"]["annotations"]["lockgate.dev/request"] = (
        "approve 3fa9c1d2 by jane@example.com #0badcafe"
    )
    return tree(see(asked), ROLLING_CANARY, NOW, room)


def shown_watch_rolling(room: int) -> list[Line]:
    return tree(see(looks.canary(traffic=[], step="1/1")), ROLLING_IN_PLACE, NOW, room)


def shown_plan_canary(room: int) -> list[Line]:
    one = see(looks.canary())
    return plan_lines(one, outlook(one, NOW), room)


def shown_plan_at_rest(room: int) -> list[Line]:
    one = see(looks.serving(spec={"suspend": True}))
    return plan_lines(one, outlook(one, NOW), room)


SHOWN: dict[str, Callable[[int], list[Line]]] = {
    name.removeprefix("shown_").replace("_", "-"): made
    for name, made in tuple(globals().items())
    if name.startswith("shown_")
}


@pytest.fixture(autouse=True)
def steps_that_are_still_to_come(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "plan-canary" in request.node.name:
        monkeypatch.setattr(planning, "steps_of", canary_steps)


@pytest.mark.parametrize("room", WIDTHS)
@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_what_was_reviewed(name: str, room: int):
    lines = SHOWN[name](room)
    assert max(map(width, lines)) <= room
    reviewed(f"{name}-{room}.txt", "".join(f"{plain(shown)}\n" for shown in lines))


@pytest.mark.parametrize("name", SHOWN)
def test_colours_are_those_that_were_reviewed_and_change_no_text(name: str, monkeypatch: pytest.MonkeyPatch):
    for variable in ("NO_COLOR", "COLORTERM", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io.StringIO()
    Painter(stream, When.ALWAYS).print(*SHOWN[name](100))
    reviewed(f"{name}-colour.txt", stream.getvalue().replace("\x1b", "^["))


def reviewed(name: str, text: str) -> None:
    path = CASES / name
    if os.environ.get("LOCKGATE_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
