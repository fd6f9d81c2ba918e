"""Events are written beside the passes: in order, within bounds, and never at a pass's or another's cost."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from tests.fakes.virtual_time import in_virtual_time

from lockgate.api.spec import Identity
from lockgate.errors import ClusterUnavailable, Forbidden, LockgateError
from lockgate.names import Reason
from lockgate.report.events import Notice, Severity
from lockgate.report.outbox import AT_ONCE, ATTEMPTS, HELD_SECONDS, MOST_WAITING, Outbox
from lockgate.telemetry.metrics import Metrics

T0 = datetime(2026, 1, 5, 9, tzinfo=UTC)
FEW = 200
CHURN = Identity(namespace="growth", name="churn", uid="u", resource_version="7", generation=1)


def notice(number: int) -> Notice:
    return Notice(severity=Severity.NORMAL, reason=Reason.ROLLED_OUT, note=f"v{number} is rolled out")


def started(number: int) -> Notice:
    return Notice(
        severity=Severity.NORMAL,
        reason=Reason.ROLLOUT_STARTED,
        note=f"start-of-v{number} is told",
        needless_after=Reason.ROLLED_OUT,
    )


def aborted(number: int) -> Notice:
    return Notice(severity=Severity.WARNING, reason=Reason.ROLLOUT_ABORTED, note=f"v{number} was aborted")


class Postman:
    """A cluster that takes Events, or fails so often first."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.events: list[dict[str, Any]] = []
        self.tried = 0
        self.open = asyncio.Event()
        self.open.set()

    async def create(self, resource: object, obj: dict[str, Any]) -> dict[str, Any]:
        await self.open.wait()
        self.tried += 1
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.events.append(obj)
        return obj

    @property
    def notes(self) -> list[str]:
        return [event["note"].split()[0] for event in self.events]


def outbox(postman: Postman) -> tuple[Outbox, Metrics]:
    metrics = Metrics(CollectorRegistry())
    return Outbox(postman, metrics, instance="test", clock=lambda: T0), metrics


async def test_events_are_written_in_their_order_and_named_in_it():
    postman = Postman()
    box, _ = outbox(postman)
    running = asyncio.create_task(box.run())
    for number in range(20):
        box.post(CHURN, notice(number))
    async with asyncio.timeout(10):
        while len(postman.events) < 20:
            await asyncio.sleep(0)
    running.cancel()
    assert postman.notes == [f"v{number}" for number in range(20)]
    names = [event["metadata"]["name"] for event in postman.events]
    assert names == sorted(set(names))


async def test_when_too_many_wait_the_oldest_is_dropped_and_counted():
    postman = Postman()
    box, metrics = outbox(postman)
    for number in range(MOST_WAITING + 3):
        box.post(CHURN, notice(number))
    await box.flush(within=60)
    assert postman.notes[0] == "v3"
    assert len(postman.events) == MOST_WAITING
    assert metrics.registry.get_sample_value("lockgate_events_dropped_total") == 3


async def test_an_outage_is_outlasted_and_a_refusal_let_go():
    away: list[LockgateError] = [ClusterUnavailable("away")] * (ATTEMPTS - 1)
    postman = Postman(*away, None, Forbidden("no"))
    box, _ = outbox(postman)
    for number in range(3):
        box.post(CHURN, notice(number))
    await box.flush(within=10)
    assert postman.notes == ["v0", "v2"]


async def test_a_defect_costs_one_event_and_is_counted(monkeypatch):
    monkeypatch.setattr("lockgate.report.outbox._ANEW_SECONDS", 0)
    postman = Postman(KeyError("a defect"))
    box, metrics = outbox(postman)
    running = asyncio.create_task(box.run())
    box.post(CHURN, notice(0))
    box.post(CHURN, notice(1))
    async with asyncio.timeout(10):
        while not postman.events:
            await asyncio.sleep(0)
    running.cancel()
    assert postman.notes == ["v1"]
    assert metrics.registry.get_sample_value("lockgate_task_restarts_total", {"task": "events"}) == 1


async def test_what_is_under_way_at_the_end_is_written_by_the_flush_and_nothing_waits_for_long():
    postman = Postman()
    box, _ = outbox(postman)
    postman.open.clear()
    running = asyncio.create_task(box.run())
    box.post(CHURN, notice(0))
    box.post(CHURN, notice(1))
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await box.flush(within=0.01)
    assert postman.notes == []
    postman.open.set()
    await box.flush(within=10)
    assert postman.notes == ["v0", "v1"]


class Slow(Postman):
    """Takes as long as it is let, and remembers who was served at once; some namespaces hang."""

    def __init__(self, *hanging: str) -> None:
        super().__init__()
        self.hanging = set(hanging)
        self.released = asyncio.Event()
        self.present: Counter[str] = Counter()
        self.most = self.most_of_one = 0

    async def create(self, resource: object, obj: dict[str, Any]) -> dict[str, Any]:
        namespace = obj["metadata"]["namespace"]
        self.present[namespace] += 1
        self.most = max(self.most, self.present.total())
        self.most_of_one = max(self.most_of_one, *self.present.values())
        try:
            if namespace in self.hanging:
                await self.released.wait()
            for _ in range(3):
                await asyncio.sleep(0)
            return await super().create(resource, obj)
        finally:
            self.present[namespace] -= 1

    def notes_of(self, namespace: str) -> list[str]:
        return [e["note"].split()[0] for e in self.events if e["metadata"]["namespace"] == namespace]


def of(namespace: str) -> Identity:
    return replace(CHURN, namespace=namespace, uid=f"of-{namespace}")


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0)


async def test_a_namespace_whose_events_hang_holds_up_itself_alone():
    postman = Slow("hangs", "hangs-too")
    box, _ = outbox(postman)
    running = asyncio.create_task(box.run())
    for number in range(20):
        for namespace in ("hangs", "hangs-too", "growth", "fraud"):
            box.post(of(namespace), notice(number))
    await eventually(lambda: len(postman.events) == 40)
    assert {event["metadata"]["namespace"] for event in postman.events} == {"growth", "fraud"}
    box.post(of("late"), notice(0))
    await eventually(lambda: postman.notes_of("late") == ["v0"])
    postman.released.set()
    await eventually(lambda: len(postman.events) == 81)
    for namespace in ("hangs", "hangs-too", "growth", "fraud"):
        assert postman.notes_of(namespace) == [f"v{number}" for number in range(20)]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_few_are_written_at_once_and_one_of_each_namespace():
    postman = Slow()
    box, _ = outbox(postman)
    for number in range(100):
        box.post(of(f"team-{number % 7}"), notice(number))
    await box.flush(within=10)
    assert len(postman.events) == 100
    assert (postman.most, postman.most_of_one) == (AT_ONCE, 1)


async def test_namespaces_take_turns_however_much_one_has_to_tell():
    postman = Slow()
    box, _ = outbox(postman)
    for number in range(1000):
        box.post(of("loud"), notice(number))
    for number in range(10):
        for name in range(AT_ONCE):
            box.post(of(f"quiet-{name}"), notice(number))
    await box.flush(within=10)
    quiet = [place for place, event in enumerate(postman.events) if event["metadata"]["namespace"] != "loud"]
    assert max(quiet) < 10 * (AT_ONCE + 1) * 2


async def test_the_oldest_of_all_namespaces_is_dropped_and_its_namespace_waits_no_more():
    postman = Slow()
    box, metrics = outbox(postman)
    box.post(of("early"), notice(0))
    for number in range(MOST_WAITING):
        box.post(of(f"team-{number % 3}"), notice(number))
    await box.flush(within=60)
    assert postman.notes_of("early") == []
    assert len(postman.events) == MOST_WAITING
    assert metrics.registry.get_sample_value("lockgate_events_dropped_total") == 1
    box.post(of("early"), notice(1))
    await box.flush(within=10)
    assert postman.notes_of("early") == ["v1"]


async def test_the_last_events_are_written_in_their_time_while_a_namespace_hangs():
    postman = Slow("hangs")
    box, _ = outbox(postman)
    running = asyncio.create_task(box.run())
    box.post(of("hangs"), notice(0))
    await eventually(lambda: postman.present["hangs"] == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for number in range(3):
        box.post(of("growth"), notice(number))
    async with asyncio.timeout(10):
        await box.flush(within=0.2)
    assert postman.notes_of("growth") == ["v0", "v1", "v2"]
    assert postman.present.total() == 0
    postman.released.set()
    await box.flush(within=10)
    assert postman.notes_of("hangs") == ["v0"]


def in_time(scene: Callable[[Outbox, Slow, Metrics], Any], *hanging: str) -> None:
    """Play a scene beside an outbox that writes, by a clock that tells the loop's time."""
    defects: list[dict[str, Any]] = []

    async def play() -> None:
        loop, postman, metrics = asyncio.get_running_loop(), Slow(*hanging), Metrics(CollectorRegistry())
        loop.set_exception_handler(lambda _, context: defects.append(context))
        began = loop.time()
        clock = lambda: T0 + timedelta(seconds=loop.time() - began)  # noqa: E731
        box = Outbox(postman, metrics, instance="test", clock=clock)
        running = asyncio.create_task(box.run())
        await scene(box, postman, metrics)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    in_virtual_time(play())
    assert defects == []


def dropped(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("lockgate_events_dropped_total")


def test_what_a_later_event_makes_needless_is_never_written_and_counts_as_no_loss():
    async def scene(box: Outbox, postman: Slow, metrics: Metrics) -> None:
        box.post(CHURN, started(1))
        await asyncio.sleep(HELD_SECONDS - 0.1)
        assert postman.notes == []
        box.post(CHURN, notice(1))
        await asyncio.sleep(10 * HELD_SECONDS)
        await box.flush(within=10)
        assert postman.notes == ["v1"]
        assert dropped(metrics) == 0

    in_time(scene)


def test_what_has_not_been_written_long_after_its_time_can_still_become_needless():
    async def scene(box: Outbox, postman: Slow, metrics: Metrics) -> None:
        box.post(replace(CHURN, name="before", uid="before"), notice(0))
        await asyncio.sleep(0)
        box.post(CHURN, started(1))
        box.post(replace(CHURN, name="beside", uid="beside"), started(2))
        await asyncio.sleep(10 * HELD_SECONDS)
        box.post(CHURN, notice(1))
        postman.released.set()
        await asyncio.sleep(1)
        assert postman.notes == ["v0", "start-of-v2", "v1"]
        box.post(CHURN, started(3))
        box.post(CHURN, notice(3))
        await box.flush(within=10)
        assert postman.notes == ["v0", "start-of-v2", "v1", "v3"]
        assert dropped(metrics) == 0

    in_time(scene, CHURN.namespace)


def test_what_nothing_made_needless_is_written_when_its_time_is_over_and_says_when_it_happened():
    async def scene(box: Outbox, postman: Slow, _: Metrics) -> None:
        await asyncio.sleep(60)
        box.post(CHURN, started(1))
        await asyncio.sleep(HELD_SECONDS - 0.1)
        assert postman.notes == []
        await asyncio.sleep(0.2)
        assert postman.notes == ["start-of-v1"]
        assert postman.events[0]["eventTime"] == "2026-01-05T09:01:00.000000Z"
        box.post(CHURN, notice(1))
        await asyncio.sleep(1)
        assert postman.notes == ["start-of-v1", "v1"]
        names = [event["metadata"]["name"] for event in postman.events]
        assert names == sorted(set(names))

    in_time(scene)


def test_any_other_event_of_the_same_deployment_brings_out_at_once_what_is_held_back_before_it():
    async def scene(box: Outbox, postman: Slow, _: Metrics) -> None:
        box.post(CHURN, started(1))
        box.post(CHURN, aborted(1))
        box.post(CHURN, started(2))
        await asyncio.sleep(1)
        assert postman.notes == ["start-of-v1", "v1"]
        box.post(CHURN, started(3))
        await asyncio.sleep(1)
        assert postman.notes == ["start-of-v1", "v1", "start-of-v2"]
        box.post(CHURN, notice(3))
        await asyncio.sleep(1)
        assert postman.notes == ["start-of-v1", "v1", "start-of-v2", "v3"]

    in_time(scene)


def test_what_is_held_back_holds_up_nobody_and_is_made_needless_by_its_own_deployment_alone():
    async def scene(box: Outbox, postman: Slow, _: Metrics) -> None:
        box.post(CHURN, started(1))
        for number, other in enumerate((of("fraud"), replace(CHURN, name="next", uid="v"))):
            box.post(other, notice(number))
        box.post(replace(CHURN, uid="made-anew"), notice(2))
        await asyncio.sleep(1)
        assert sorted(postman.notes) == ["v0", "v1", "v2"]
        await asyncio.sleep(HELD_SECONDS)
        assert postman.notes[3:] == ["start-of-v1"]

    in_time(scene)


def test_what_was_held_back_comes_before_what_is_younger_and_still_waits_in_its_namespace():
    async def scene(box: Outbox, postman: Slow, _: Metrics) -> None:
        box.post(replace(CHURN, name="before", uid="before"), notice(0))
        await asyncio.sleep(0)
        box.post(CHURN, started(1))
        for number in (2, 3):
            box.post(replace(CHURN, name="after", uid="after"), notice(number))
        await asyncio.sleep(HELD_SECONDS + 1)
        postman.released.set()
        await asyncio.sleep(1)
        assert postman.notes == ["v0", "start-of-v1", "v2", "v3"]

    in_time(scene, CHURN.namespace)


async def test_what_is_held_back_at_the_end_is_written_by_the_flush():
    postman = Postman()
    box, _ = outbox(postman)
    for number in range(3):
        box.post(of(f"team-{number}"), started(number))
    running = asyncio.create_task(box.run())
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert postman.notes == []
    await box.flush(within=10)
    assert postman.notes == ["start-of-v0", "start-of-v1", "start-of-v2"]


async def test_all_but_what_is_held_back_can_be_waited_for():
    postman = Postman()
    box, _ = outbox(postman)
    box.post(CHURN, started(1))
    box.post(of("fraud"), notice(2))
    async with asyncio.timeout(10):
        await box.catch_up(within=60)
    assert postman.notes == ["v2"]


def test_what_is_held_back_counts_among_what_waits_and_is_dropped_in_its_turn(monkeypatch):
    monkeypatch.setattr("lockgate.report.outbox.MOST_WAITING", FEW)

    async def scene(box: Outbox, postman: Slow, metrics: Metrics) -> None:
        box.post(replace(CHURN, uid="first"), started(1))
        box.post(replace(CHURN, uid="second"), started(2))
        for number in range(FEW - 1):
            box.post(of(f"team-{number % 3}"), notice(number))
        assert dropped(metrics) == 1
        assert postman.events == []
        await asyncio.sleep(HELD_SECONDS + 1)
        assert [note for note in postman.notes if note.startswith("start")] == ["start-of-v2"]
        assert len(postman.events) == FEW
        box.post(replace(CHURN, uid="first"), notice(1))
        await asyncio.sleep(1)
        assert postman.notes_of(CHURN.namespace) == ["start-of-v2", "v1"]

    in_time(scene)


async def test_what_is_held_back_stays_so_when_something_older_of_its_deployment_is_dropped(monkeypatch):
    monkeypatch.setattr("lockgate.report.outbox.MOST_WAITING", FEW)
    postman = Postman()
    box, metrics = outbox(postman)
    box.post(CHURN, aborted(0))
    box.post(CHURN, started(1))
    for number in range(FEW - 1):
        box.post(of("fraud"), notice(number))
    assert dropped(metrics) == 1
    await box.catch_up(within=10)
    assert postman.notes == [f"v{number}" for number in range(FEW - 1)]
    await box.flush(within=10)
    assert postman.notes[FEW - 1 :] == ["start-of-v1"]


def test_the_oldest_is_dropped_where_one_that_was_under_way_was_put_back_among_older_ones(monkeypatch):
    monkeypatch.setattr("lockgate.report.outbox.MOST_WAITING", FEW)

    async def scene(box: Outbox, postman: Slow, metrics: Metrics) -> None:
        box.post(CHURN, started(1))
        writing = asyncio.create_task(box.run())
        other = replace(CHURN, name="next", uid="v")
        box.post(other, notice(2))
        await eventually(lambda: postman.present[CHURN.namespace] == 1)
        await asyncio.sleep(HELD_SECONDS + 1)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        postman.released.set()
        for number in range(3, FEW + 2):
            box.post(other, notice(number))
        assert dropped(metrics) == 1
        await box.flush(within=60)
        assert postman.notes == [f"v{number}" for number in range(2, FEW + 2)]

    async def play() -> None:
        postman, metrics = Slow(CHURN.namespace), Metrics(CollectorRegistry())
        await scene(Outbox(postman, metrics, instance="test", clock=lambda: T0), postman, metrics)

    in_virtual_time(play())
