"""Two outages in half a minute; `make outages` plays as many as fit into ten, from any seed."""

import itertools
import time
from pathlib import Path

import pytest
from tests.faults.campaign import Stand
from tests.faults.outages.draws import (
    CHANGES,
    LONGEST_SECONDS,
    READS,
    SHORTEST_SECONDS,
    TROUBLES,
    Change,
    Round,
    Trouble,
    draw_rounds,
)
from tests.faults.outages.play import play_outages
from tests.faults.outages.weather import must_be_red
from tests.integration.nest import Nest

from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.running import RunningWorld

BLIND = Round(
    17.0,
    (Trouble("away"),),
    (
        Change("delete a child", {"of": 0, "kind": "deployments"}, 0.1),
        Change("move the alias", {"of": 1}, 0.4),
        Change("create", {"of": 2, "size": 1}, 0.9),
    ),
)
DEAF_AND_REFUSED = Round(
    5.0,
    (
        Trouble("cuts streams", {"in_mid_line": True, "resource": "*"}),
        Trouble("refuses", {"verb": "write", "answer": 500, "cuts": False, "resource": "*"}),
    ),
    (
        Change("scale", {"of": 3, "size": 3}, 0.1),
        Change("take the label off", {"of": 4, "kind": "services"}, 0.5),
        Change("delete", {"of": 5}, 0.95),
    ),
)


@pytest.mark.integration
def test_whatever_changes_while_the_api_server_is_in_trouble_is_acted_on_soon_after(
    lockgate_world: RunningWorld, operator_kubeconfig: Path, node: NodeActor, nest: Nest
):
    stand = Stand(lockgate_world, operator_kubeconfig, node, nest=nest)
    rounds = enumerate((BLIND, DEAF_AND_REFUSED), start=1)
    tally = play_outages(stand, rounds, until=time.monotonic() + 120, name="two outages", tell=print)
    assert tally.violations == []
    assert (tally.rounds, tally.changes) == (2, 6)
    assert set(tally.met) >= {"away", "cuts streams"}, "writes are refused only if one comes"
    assert tally.blind_rounds == 1


def test_a_seed_always_draws_the_same_outages():
    first, second = (list(itertools.islice(draw_rounds(7), 50)) for _ in range(2))
    assert first == second
    assert next(draw_rounds(8)) != next(draw_rounds(9))


def test_every_kind_of_trouble_comes_before_one_of_them_comes_again():
    drawn = list(itertools.islice(draw_rounds(1), len(TROUBLES)))
    met = {trouble.kind for one in drawn for trouble in one.troubles}
    assert met == {name.split(":")[0] for name in TROUBLES}


def test_every_kind_of_change_is_drawn_sooner_or_later():
    drawn = itertools.islice(draw_rounds(1), 60)
    assert {change.kind for one in drawn for change in one.changes} == set(CHANGES)


def test_outages_are_as_long_as_is_said():
    seconds = [one.seconds for one in itertools.islice(draw_rounds(1), 200)]
    assert SHORTEST_SECONDS <= min(seconds) < 5
    assert 40 < max(seconds) <= LONGEST_SECONDS


def _refused(verb: str, **others: object) -> Trouble:
    said = {"verb": verb, "answer": 500, "cuts": True, "resource": "*"}
    return Trouble("refuses", said | others)


@pytest.mark.parametrize(
    ("troubles", "spans"),
    [
        pytest.param([Trouble("away")], [(14, 40)], id="nothing answers"),
        pytest.param([_refused(READS)], [(14, 40)], id="all that sees is refused"),
        pytest.param([_refused(READS, cuts=False)], [(19, 40)], id="what is open tells on for a while"),
        pytest.param([_refused("list")], [], id="the watches go on"),
        pytest.param([_refused(READS, resource="pods")], [], id="other kinds are seen"),
        pytest.param([Trouble("flaps", {"down": 1.0, "up": 1.0})], [], id="it is back now and then"),
        pytest.param(
            [Trouble("away", {}, 0.0, 0.5), Trouble("silent", {}, 0.5, 1.0)],
            [(14, 40)],
            id="one thing after another",
        ),
        pytest.param(
            [Trouble("cuts streams", {}, 0.0, 0.5), Trouble("away", {}, 0.5, 1.0)],
            [(34, 40)],
            id="blind only later",
        ),
        pytest.param([Trouble("away", {}, 0.0, 0.3)], [], id="too short to be noticed"),
    ],
)
def test_the_operator_must_say_that_it_is_blind_when_it_has_been_for_long_enough(troubles, spans):
    assert must_be_red(Round(40.0, tuple(troubles), ())) == spans
