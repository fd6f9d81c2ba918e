"""What is drawn of rollouts: the same every time, all kinds of it, and nothing that the API would refuse."""

import itertools

import pytest
from tests.fakes.builders import deployment
from tests.rollouts.story import Moment, Phase, Rollout, Tale, draw, held_steps

from lockgate.api.strategy import name_of
from lockgate.plan.strategies import steps_of

FIFTY = [draw(1, number) for number in range(1, 51)]


def test_a_rollout_is_the_same_whenever_it_is_drawn():
    assert [draw(1, number) for number in range(50, 0, -1)] == FIFTY[::-1]
    assert draw(2, 1) != draw(1, 1)


def test_fifty_rollouts_have_every_strategy_every_tale_and_every_moment():
    assert {each.strategy for each in FIFTY} == {"rolling", "canary", "blueGreen", "shadow"}
    assert {each.tale for each in FIFTY} == set(Tale)
    disturbed = [each for each in FIFTY if each.tale in (Tale.ABORTED, Tale.RETRIED)]
    assert {each.moment.phase for each in disturbed} == set(Phase)
    assert {each.block.get("capacity") for each in FIFTY} == {"Surge", "ResourceAware", None}
    pauses = [str(step.get("pause", {})) for each in FIFTY for step in each.block.get("steps", ())]
    assert {text[:8] for text in pauses} == {"{'untilA", "{'durati", "{}"}


@pytest.mark.parametrize("rollout", FIFTY, ids=lambda each: each.number)
def test_what_is_drawn_is_read_by_the_operator_as_it_was_meant(rollout: Rollout):
    read = deployment(strategy={rollout.strategy: rollout.block}, traffic={"gateway": "public"})
    assert name_of(read.strategy) == rollout.strategy
    steps = rollout.block.get("steps")
    if steps:
        weights = [step["weight"] for step in steps]
        assert [step.weight for step in steps_of(read.strategy)] == [*weights, 100]
        assert all(lower < higher for lower, higher in itertools.pairwise(weights))


def test_a_moment_in_a_step_is_in_one_that_waits():
    held = [each for each in FIFTY if each.moment.phase is Phase.HELD]
    assert held
    assert all(each.moment.step in held_steps(each.block) for each in held)
    assert str(Moment(Phase.HELD, 1.25, 1)) == "1.2 s after held in step 2"
