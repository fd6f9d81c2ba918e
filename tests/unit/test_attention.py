"""The clock by which rollouts are late: it stands while the cluster cannot be seen."""

import math

import pytest

from lockgate.work.attention import LONGEST_STEP_SECONDS, TICK_SECONDS, Attention


class World:
    def __init__(self):
        self.now, self.deaf, self.answered = 1000.0, False, math.inf
        self.returns = 0
        self.attention = Attention(
            lambda: self.deaf, lambda: self.answered, self.sees_again, lambda: self.now
        )

    def sees_again(self):
        self.returns += 1

    def live(self, seconds):
        for _ in range(int(seconds / TICK_SECONDS)):
            self.now += TICK_SECONDS
            self.attention.tick()


@pytest.fixture
def world():
    return World()


def test_time_in_which_the_watch_hears_counts_as_it_is(world):
    world.live(60)
    world.now += 0.5
    assert world.attention.seconds() == 60.5


def test_an_hour_without_the_api_server_makes_nothing_late(world):
    world.live(60)
    world.deaf = True
    world.live(3600)
    world.deaf = False
    world.live(10)
    assert world.attention.seconds() == 70


def test_lists_that_are_answered_stand_in_for_a_watch_that_is_deaf(world):
    world.deaf, world.answered = True, 3.0
    world.live(60)
    assert world.attention.seconds() == 60


def test_a_process_that_was_stopped_for_an_hour_saw_nothing_of_it(world):
    world.live(60)
    world.now += 3600
    assert world.attention.seconds() <= 60 + LONGEST_STEP_SECONDS


def test_that_the_api_server_is_back_is_told_once(world):
    world.live(60)
    assert world.returns == 0
    world.deaf = True
    world.live(60)
    world.deaf = False
    world.live(60)
    assert world.returns == 1
