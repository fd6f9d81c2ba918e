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


CONTESTED = "is put right again and again and is different still; "
HOW_TO_FIND = "find who changes it with kubectl get --show-managed-fields"


@pytest.mark.parametrize(
    ("what", "advice"),
    [
        (
            "spec.replicas of Deployment churn",
            ", and let a HorizontalPodAutoscaler target the ModelDeployment",
        ),
        ("spec.replicasOfAnotherKind of Deployment churn", ""),
        ("spec.selector of Service churn", ""),
    ],
)
def test_what_is_contested_is_said_with_the_way_to_find_who_does_it(what, advice):
    brake = Brake(Clock(), silent)
    for _ in range(REPAIRS):
        brake.count(THING, what)
    with pytest.raises(Contested) as told:
        brake.count(THING, what)
    assert told.value.message == f"{what} {CONTESTED}{HOW_TO_FIND}{advice}"
    assert told.value.after == 60


def test_the_first_repairs_count_for_a_minute_and_not_a_moment_longer():
    clock = Clock()
    clock.now = 1000.0
    brake = Brake(clock, silent)
    for _ in range(REPAIRS):
        brake.count(THING, "x")
    clock.now += 60
    for _ in range(REPAIRS):
        brake.count(THING, "x")
    clock.now += 59.9
    with pytest.raises(Contested):
        brake.count(THING, "x")


def pauses(clock: Clock, brake: Brake, number: int) -> list[float]:
    """How long each pause is told to be, when it is fought on as soon as one has ended."""
    found: list[float] = []
    while len(found) < number:
        try:
            brake.count(THING, "x")
        except Contested as told:
            found.append(told.after or 0.0)
            clock.now += found[-1]
    return found


def test_each_pause_of_a_fight_that_goes_on_is_twice_as_long_up_to_an_hour():
    clock = Clock()
    brake = Brake(clock, silent)
    assert pauses(clock, brake, 9) == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_after_a_pause_one_repair_is_made_and_no_more():
    clock = Clock()
    brake = Brake(clock, silent)
    pauses(clock, brake, 1)
    brake.count(THING, "x")
    with pytest.raises(Contested) as told:
        brake.count(THING, "x")
    assert told.value.after == 120


def test_within_a_pause_nothing_is_made_and_the_rest_of_it_is_told():
    clock = Clock()
    told: list[tuple[str, float]] = []
    brake = Brake(clock, lambda what, seconds: told.append((what, seconds)))
    assert fought(brake, clock, 6, every=1) == REPAIRS
    clock.now += 20
    with pytest.raises(Contested) as late:
        brake.count(THING, "x")
    assert late.value.after == 40
    assert told == [("spec.replicas of Deployment churn", 60.0)]


@pytest.mark.parametrize(("peace", "done"), [(119, 1), (120, REPAIRS)])
def test_a_fight_is_over_when_there_was_peace_for_twice_as_long_as_the_pause(peace, done):
    clock = Clock()
    brake = Brake(clock, silent)
    pauses(clock, brake, 1)
    clock.now += peace
    made = 0
    try:
        while True:
            brake.count(THING, "x")
            made += 1
    except Contested:
        pass
    assert made == done


def test_a_repair_that_is_taken_back_leaves_those_before_it():
    clock = Clock()
    brake = Brake(clock, silent)
    for moment in (0, 30):
        clock.now = moment
        brake.count(THING, "x")
    brake.take_back(THING)
    clock.now = 59
    assert fought(brake, clock, 0.5, every=0.1) == REPAIRS - 1


def test_nothing_is_taken_back_where_nothing_was_counted():
    clock = Clock()
    brake = Brake(clock, silent)
    brake.take_back(THING)
    assert fought(brake, clock, 6, every=1) == REPAIRS


def test_what_is_fought_over_is_told_apart_and_forgotten_one_by_one():
    other = ("Service", THING[1])
    clock = Clock()
    brake = Brake(clock, silent)
    for thing in (THING, other):
        brake.wrote(thing, "ours")
        for _ in range(REPAIRS):
            brake.count(thing, "x")
    brake.forget(THING)
    brake.forget(THING)
    brake.count(THING, "x")
    assert not brake.is_foreign(THING, "theirs")
    assert brake.is_foreign(other, "theirs")
    with pytest.raises(Contested):
        brake.count(other, "x")
