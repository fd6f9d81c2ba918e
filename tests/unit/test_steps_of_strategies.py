"""What an author drew as steps: how many pods, how much of the traffic, and what holds each step."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from lockgate.api.strategy import BlueGreen, Canary, CanaryStep, Capacity, Pause, Rolling, Shadow
from lockgate.domain.plan import Step
from lockgate.plan.gates.analysed import analysed
from lockgate.plan.gates.available import available
from lockgate.plan.gates.paused import approved, paused
from lockgate.plan.gates.routed import routed
from lockgate.plan.strategies import steps_of

HOUR = timedelta(hours=1)
JUDGED = (available, routed, analysed)
LAST = Step(replicas=100, weight=100, in_place=False, gates=(available, routed))


def gates_of(step):
    """The gates, with their times."""
    return [(each.func, each.args) if isinstance(each, partial) else (each, ()) for each in step.gates]


def canary_of_one_step(pause):
    return Canary(steps=(CanaryStep(weight=5, pause=pause),))


def test_a_rolling_rollout_has_one_step_in_place_and_is_held_by_nothing_but_its_pods():
    assert steps_of(Rolling()) == (Step(replicas=100, weight=None, in_place=True, gates=(available,)),)


def test_blue_green_stands_whole_and_unasked_and_is_then_switched_to():
    assert steps_of(BlueGreen()) == (Step(replicas=100, weight=0, in_place=False, gates=JUDGED), LAST)


def test_a_shadow_has_pods_for_as_much_as_is_copied_and_answers_nobody():
    shadow = Step(replicas=30, weight=0, in_place=False, gates=JUDGED, mirror=30)
    assert steps_of(Shadow(mirror=30)) == (shadow, LAST)


def test_a_canary_has_a_step_for_each_of_the_authors_and_one_in_which_it_has_all():
    match = (("x-canary", "yes"),)
    drawn = Canary(steps=(CanaryStep(weight=10), CanaryStep(weight=50, replicas=80, match=match, mirror=20)))
    assert steps_of(drawn) == (
        Step(replicas=10, weight=10, in_place=False, gates=JUDGED),
        Step(replicas=80, weight=50, in_place=False, gates=JUDGED, match=match, mirror=20),
        LAST,
    )


def test_where_stable_gives_way_it_does_so_in_every_step():
    drawn = Canary(steps=(CanaryStep(weight=10),), capacity=Capacity.RESOURCE_AWARE)
    first = Step(replicas=10, weight=10, in_place=False, gates=JUDGED, gives_way=True)
    assert steps_of(drawn) == (first, replace(LAST, gives_way=True))


@pytest.mark.parametrize(
    ("step", "percent"),
    [
        (CanaryStep(weight=0), 1),
        (CanaryStep(weight=1), 1),
        (CanaryStep(weight=10, mirror=20), 30),
        (CanaryStep(weight=60, mirror=60), 100),
        (CanaryStep(weight=10, replicas=1), 1),
    ],
)
def test_a_step_has_pods_for_requests_and_copies_and_always_some(step, percent):
    assert steps_of(Canary(steps=(step,)))[0].replicas == percent


@pytest.mark.parametrize("strategy", [BlueGreen, Shadow, canary_of_one_step])
@pytest.mark.parametrize(
    ("pause", "held"), [(Pause(), (approved, ())), (Pause(duration=HOUR), (paused, (HOUR,)))]
)
def test_a_pause_holds_the_step_after_all_else_for_so_long_or_until_somebody_approves(strategy, pause, held):
    first, last = steps_of(strategy(pause=pause))
    assert gates_of(first) == [*((gate, ()) for gate in JUDGED), held]
    assert last == LAST
