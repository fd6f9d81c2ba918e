"""When a fight is given up, for how long, and when it is forgotten."""

import pytest

from lockgate.apply.brake import LONGEST_PAUSE_SECONDS, REPAIRS, Brake
from lockgate.errors import Contested

THING = ("Deployment", ("growth", "churn"))


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def silent(what: str, seconds: float) -> None:
    """Nobody listens."""


def fought(brake: Brake, clock: Clock, seconds: float, every: float = 5.0) -> int:
    """How often something was put right while somebody changed it so often."""
    done, end = 0, clock.now + seconds
    while clock.now < end:
        clock.now += every
        try:
            brake.count(THING, "spec.replicas of Deployment churn")
            done += 1
        except Contested:
            pass
    return done


def test_a_fight_is_paused_for_longer_and_longer():
    clock = Clock()
    brake = Brake(clock, silent)
    assert fought(brake, clock, 60) == REPAIRS
    assert fought(brake, clock, 24 * 3600) <= 24 + 6
    with pytest.raises(Contested) as told:
        brake.count(THING, "x")
    assert told.value.after is not None
    assert told.value.after <= LONGEST_PAUSE_SECONDS


def test_a_repair_that_did_not_happen_does_not_count():
    clock = Clock()
    brake = Brake(clock, silent)
    for _ in range(3 * REPAIRS):
        clock.now += 1
        brake.count(THING, "x")
        brake.take_back(THING)
    assert fought(brake, clock, 60) == REPAIRS


def test_after_a_long_peace_a_fight_begins_anew():
    clock = Clock()
    brake = Brake(clock, silent)
    fought(brake, clock, 120)
    clock.now += 600
    assert fought(brake, clock, 30) == REPAIRS


def test_each_pause_of_a_fight_is_told_once():
    clock = Clock()
    told: list[float] = []
    fought(Brake(clock, lambda what, seconds: told.append(seconds)), clock, 80, every=1.0)
    assert told == [60.0, 120.0]


def test_what_another_wrote_is_foreign_and_what_we_wrote_is_not():
    brake = Brake(Clock(), silent)
    assert not brake.is_foreign(THING, "whatever was there when we began")
    brake.wrote(THING, "ours")
    assert not brake.is_foreign(THING, "ours")
    assert brake.is_foreign(THING, "theirs")
    assert brake.is_foreign(THING, None)
    brake.forget(THING)
    assert not brake.is_foreign(THING, "theirs")
