"""Random faults for two minutes; `make faults` does the same for longer and from any seed."""

import os
from pathlib import Path

import pytest
from tests.faults.campaign import Stand, campaign, report
from tests.faults.shrink import grouped, shrink
from tests.faults.story import Action, draw_rounds, load, save
from tests.integration.nest import Nest

from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.running import RunningWorld

SEED = 20


@pytest.mark.integration
def test_two_minutes_of_random_faults_break_no_invariant(
    lockgate_world: RunningWorld, operator_kubeconfig: Path, node: NodeActor, nest: Nest
):
    minutes = float(os.environ.get("LOCKGATE_FAULTS_MINUTES", "2"))
    stand = Stand(lockgate_world, operator_kubeconfig, node, nest=nest)
    tally, violation, _ = campaign(stand, SEED, minutes)
    assert violation is None, report(tally, violation)
    assert tally.rounds >= 1
    assert tally.faults >= 1


def test_a_seed_always_tells_the_same_story():
    first, second = draw_rounds(7), draw_rounds(7)
    assert [next(first) for _ in range(50)] == [next(second) for _ in range(50)]
    assert next(draw_rounds(8)) != next(draw_rounds(9))


def test_a_story_can_be_saved_and_told_again(tmp_path: Path):
    story = draw_rounds(3)
    rounds = [next(story) for _ in range(5)]
    save(tmp_path / "story.json", 3, rounds, "an invariant", ["a line"])
    assert load(tmp_path / "story.json") == rounds


def test_a_story_is_shortened_to_what_breaks_it():
    story = [tuple(Action("wait", {"number": ten + one}) for one in range(10)) for ten in range(0, 60, 10)]
    needed = {13, 47}

    def fails(rounds):
        return needed <= {action.arguments["number"] for one in rounds for action in one}

    shorter = shrink(story, fails, replays=200, seconds=60)
    assert [[a.arguments["number"] for a in one] for one in shorter] == [[13], [47]]


def test_shortening_gives_up_when_its_replays_are_used_up():
    story = [tuple(Action("wait", {"number": number}) for number in range(64))]
    asked = []
    shrink(story, lambda rounds: bool(asked.append(rounds)), replays=5, seconds=60)
    assert len(asked) == 5


def test_rounds_that_lose_all_their_actions_are_gone():
    action = Action("wait")
    assert grouped([(0, action), (2, action)]) == [(action,), (action,)]
