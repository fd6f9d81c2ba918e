"""How long a candidate has stood still, as one process knows it: from its first look on to the second."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0, deployment, revision

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import RolloutState
from lockgate.observe.standstill import Standstill

DEADLINE = timedelta(minutes=6)


class Process:
    """A process that begins some time after the candidate was last told to have come further."""

    def __init__(self, before: timedelta) -> None:
        self.now, self.monotonic = T0 + before, 0.0
        self.standstill = Standstill(lambda: self.now, lambda: self.monotonic)
        self.resource = rolling()

    def wait(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)
        self.monotonic += minutes * 60

    def look(self, *marks: int) -> timedelta:
        return self.standstill.unmoved(self.resource, "recipe", marks)


def rolling() -> ModelDeployment:
    rollout = RolloutState(candidate=revision(2), started_at=T0, progressed_at=T0)
    made = deployment()
    return replace(made, progress_deadline=DEADLINE, status=replace(made.status, rollout=rollout))


@pytest.mark.parametrize("minutes", [0, 1, 3, 60])
def test_what_was_before_the_first_look_counts_for_at_most_half_of_the_deadline(minutes):
    process = Process(timedelta(minutes=minutes))
    assert process.look(1, 1) == min(timedelta(minutes=minutes), DEADLINE / 2)


def test_what_came_about_between_the_begin_of_a_process_and_its_first_look_is_no_progress_it_knows_of():
    process = Process(timedelta(0))
    process.wait(minutes=30)
    assert process.look(3, 3) == DEADLINE / 2
    process.wait(minutes=1)
    assert process.look(3, 3) == DEADLINE / 2 + timedelta(minutes=1)


def test_from_the_first_look_on_each_step_begins_the_time_anew():
    process = Process(timedelta(minutes=60))
    process.look(1, 0)
    process.wait(minutes=1)
    assert process.look(1, 1) == timedelta(0)
    process.wait(minutes=2)
    assert process.look(1, 0) == timedelta(minutes=2)


@pytest.mark.parametrize(
    "part", [{"step": 1}, {"reached_at": T0}], ids=["the next step", "a step that is reached"]
)
def test_each_step_begins_the_time_anew_and_so_does_it_once_it_is_reached(part):
    process = Process(timedelta(0))
    process.look(1, 1)
    process.wait(minutes=30)
    rollout = replace(process.resource.status.rollout, **part)
    process.resource = replace(process.resource, status=replace(process.resource.status, rollout=rollout))
    assert process.look(1, 1) == timedelta(0)
    process.wait(minutes=1)
    assert process.look(1, 1) == timedelta(minutes=1)
